import FoundationEssentials
import Glibc

/// Debian's PgBouncer in transaction mode in front of a throwaway server, with its default list of accepted startup
/// parameters; gone with the test process.
public final class PgBouncer: Sendable {
  private let server: PostgresServer
  private let folder: TemporaryFolder
  private let process: GuardedServer
  /// On 127.0.0.1.
  public let port: Int

  /// - Parameters:
  ///   - poolSize: how many server connections all clients of one user and database share.
  ///   - users: who may log in, with their passwords (nil: trusted as long as the server trusts them).
  public static func start(
    before server: PostgresServer, poolSize: Int = 1, users: [String: String?] = ["postgres": nil]
  ) async throws -> PgBouncer {
    var lastError: (any Error)?
    for _ in 0..<3 {
      let bouncer = try PgBouncer(server, poolSize: poolSize, users: users)
      do {
        try await eventually(within: 20, "an answer of PgBouncer") { accepts(bouncer.port) }
        return bouncer
      } catch {
        lastError = TestServerError("\(error). Its log: \(bouncer.log.suffix(4000))")
      }
    }
    throw lastError ?? TestServerError("PgBouncer does not start")
  }

  private init(_ server: PostgresServer, poolSize: Int, users: [String: String?]) throws {
    self.server = server
    let programs: [String] = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"]
    guard let program = programs.first(where: { path in access(path, X_OK) == 0 }) else {
      throw TestServerError("no pgbouncer: install pgbouncer")
    }
    folder = try TemporaryFolder(owner: getuid() == 0 ? "postgres" : nil)
    port = try freePort()
    let authentication = users.values.contains { $0 != nil } ? "scram-sha-256" : "trust"
    let list = users.map { "\"\($0.key)\" \"\(($0.value ?? "").replacing("\"", with: "\"\""))\"\n" }.joined()
    try folder.write(list, to: "users.txt")
    try folder.write(
      """
      [databases]
      * = host=127.0.0.1 port=\(server.port)
      [pgbouncer]
      listen_addr = 127.0.0.1
      listen_port = \(port)
      unix_socket_dir =
      auth_type = \(authentication)
      auth_file = \(folder.file("users.txt"))
      pool_mode = transaction
      default_pool_size = \(poolSize)
      max_client_conn = 200
      server_login_retry = 1

      """, to: "pgbouncer.ini")
    for name in ["users.txt", "pgbouncer.ini"] { chmod(folder.file(name), 0o644) }
    process = try GuardedServer(
      [program, folder.file("pgbouncer.ini")], user: "postgres", stopSignal: "TERM", folder: folder)
  }

  public func stop() async throws { try await process.stop() }

  public func conninfo(database: String = "postgres", user: String = "postgres") -> String {
    "host=127.0.0.1 port=\(port) dbname='\(database)' user='\(user)' sslmode=disable"
  }

  /// What it logged.
  public var log: String {
    String(decoding: FileManager.default.contents(atPath: folder.file("log")) ?? Data(), as: UTF8.self)
  }

  private static func accepts(_ port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port).bigEndian)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }
}
