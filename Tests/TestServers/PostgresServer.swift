import FoundationEssentials
import Glibc
import Synchronization

/// A throwaway Postgres: own data folder, a unix socket and a free port of 127.0.0.1, gone with the test process.
///
/// Local sockets and roles without password are trusted. A role created with a password must give it over TCP
/// (scram-sha-256).
public final class PostgresServer: Sendable {
  /// Roles that are members of this one must give a password.
  private static let passwordGroup = "needs_password"
  static let superuser = "postgres"

  let binaries: String
  private let folder: TemporaryFolder
  private let process: Mutex<GuardedServer?>
  let settings: [String: String]
  /// On 127.0.0.1; the same after a restart.
  public let port: Int
  /// Folder of the unix socket, for `host=`.
  public var socketFolder: String { folder.path }

  // MARK: - Life

  private static let sharedServer = Task { try await PostgresServer.start() }

  /// One server for all tests of the process, started when it is first asked for. For tests that neither stop, pause
  /// nor restart it.
  public static var shared: PostgresServer {
    get async throws { try await sharedServer.value }
  }

  /// - Parameters:
  ///   - settings: override those of `postgresql.conf`.
  ///   - encrypted: whether it offers TLS, with a certificate for `localhost` from an authority of its own; see
  ///     ``certificate``.
  public static func start(settings: [String: String] = [:], encrypted: Bool = false) async throws -> PostgresServer {
    let binaries = try findBinaries()
    let folder = try TemporaryFolder(owner: getuid() == 0 ? superuser : nil)
    let data = folder.file("data")
    let made = try await Subprocess.run(
      asUser(
        superuser,
        ["\(binaries)/initdb", "-D", data, "-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]),
      workingDirectory: "/")
    guard made.status == 0 else { throw TestServerError("initdb: \(made.text)\(made.errorText)") }
    let rules = """
      local all all trust
      local replication \(superuser) trust
      host all +\(passwordGroup) 127.0.0.1/32 scram-sha-256
      host all all 127.0.0.1/32 trust

      """
    guard FileManager.default.createFile(atPath: "\(data)/pg_hba.conf", contents: Data(rules.utf8)) else {
      throw TestServerError("cannot write pg_hba.conf")
    }
    if let entry = getpwnam(superuser), getuid() == 0 {
      chown("\(data)/pg_hba.conf", entry.pointee.pw_uid, entry.pointee.pw_gid)
    }
    var settings = settings
    if encrypted {
      let authority = ["-CA", folder.file("ca.crt"), "-CAkey", folder.file("ca.key")]
      for (name, subject, options) in [
        ("ca", "/CN=Authority of a test", []),
        ("server", "/CN=localhost", authority + ["-addext", "subjectAltName=DNS:localhost"]),
      ] {
        // As the server's user, so that the key belongs to it.
        let made = try await Subprocess.run(
          asUser(
            superuser,
            [
              "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", subject, "-keyout",
              folder.file("\(name).key"), "-out", folder.file("\(name).crt"),
            ] + options), workingDirectory: "/")
        guard made.status == 0 else { throw TestServerError("openssl: \(made.errorText)") }
      }
      settings.merge([
        "ssl": "on", "ssl_cert_file": folder.file("server.crt"), "ssl_key_file": folder.file("server.key"),
      ]) { $1 }
    }
    // The port is free now but need not be for long.
    var lastError: (any Error)?
    for _ in 0..<3 {
      do {
        let server = PostgresServer(binaries: binaries, folder: folder, port: try freePort(), settings: settings)
        try await server.launch()
        _ = try await server.execute("CREATE ROLE \(passwordGroup)")
        return server
      } catch {
        lastError = error
      }
    }
    throw lastError ?? TestServerError("Postgres does not start")
  }

  init(binaries: String, folder: TemporaryFolder, port: Int, settings: [String: String]) {
    self.binaries = binaries
    self.folder = folder
    self.port = port
    self.settings = settings
    process = Mutex(nil)
  }

  func launch() async throws {
    var all = [
      "listen_addresses": "127.0.0.1", "port": String(port), "unix_socket_directories": folder.path, "fsync": "off",
      "synchronous_commit": "off", "full_page_writes": "off", "wal_level": "minimal", "max_wal_senders": "0",
      "shared_buffers": "32MB", "max_connections": "1000", "jit": "off",
      // Tests vacuum where they need it; what the server does by itself would be in the way of some.
      "autovacuum": "off",
    ]
    all.merge(settings) { $1 }
    let options = all.sorted { $0.key < $1.key }.flatMap { ["-c", "\($0.key)=\($0.value)"] }
    // SIGQUIT: an immediate shutdown, which nothing can hold up.
    let started = try GuardedServer(
      ["\(binaries)/postgres", "-D", folder.file("data")] + options, user: Self.superuser, stopSignal: "QUIT",
      folder: folder)
    process.withLock { $0 = started }
    do {
      try await eventually(within: 30, "an answer of Postgres") {
        try await self.psql(["-c", "SELECT 1"], database: "postgres").status == 0
      }
    } catch {
      try await stop()
      throw TestServerError("\(error). Its log: \(log.suffix(4000))")
    }
  }

  /// Stops the server at once; open connections break.
  public func stop() async throws {
    resume()
    try await process.withLock { running in
      defer { running = nil }
      return running
    }?.stop()
  }

  /// Starts a stopped server again, with the same data and port.
  public func startAgain() async throws { try await launch() }

  public func restart() async throws {
    try await stop()
    try await startAgain()
  }

  /// Stops the server's processes with SIGSTOP: connections stay open, nothing is answered.
  public func pause() { for process in processes { kill(process, SIGSTOP) } }

  /// Undoes ``pause()``.
  public func resume() { for process in processes { kill(process, SIGCONT) } }

  /// What the server logged.
  public var log: String {
    String(decoding: FileManager.default.contents(atPath: folder.file("log")) ?? Data(), as: UTF8.self)
  }

  // The postmaster and its children.
  private var processes: [pid_t] {
    guard let file = FileManager.default.contents(atPath: folder.file("data/postmaster.pid")),
      let first = String(decoding: file, as: UTF8.self).split(separator: "\n").first, let postmaster = pid_t(first)
    else { return [] }
    let children = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return [postmaster]
      + children.compactMap(pid_t.init).filter { child in
        // pid (name) state ppid …; the name may contain anything.
        guard let stat = FileManager.default.contents(atPath: "/proc/\(child)/stat") else { return false }
        let text = String(decoding: stat, as: UTF8.self)
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        return fields.count > 2 && pid_t(fields[2]) == postmaster
      }
  }

  private static func findBinaries() throws -> String {
    let versions = ((try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? [])
      .sorted { (Double($0) ?? 0) > (Double($1) ?? 0) }.map { "/usr/lib/postgresql/\($0)/bin" }
    let path = (getenv("PATH").map { String(cString: $0) } ?? "").split(separator: ":").map(String.init)
    for folder in versions + path
    where ["initdb", "postgres", "psql"].allSatisfy({ access("\(folder)/\($0)", X_OK) == 0 }) {
      return folder
    }
    throw TestServerError("no initdb, postgres and psql in /usr/lib/postgresql/*/bin or PATH: install postgresql")
  }

  // MARK: - Connecting

  /// The certificate of the authority that has signed an encrypted server's, for `sslrootcert=`.
  public var certificate: String { folder.file("ca.crt") }

  /// A connection string over TCP, or over the unix socket.
  public func conninfo(
    database: String = "postgres", user: String = "postgres", password: String? = nil, overSocket: Bool = false
  ) -> String {
    let host = overSocket ? folder.path : "127.0.0.1"
    let end = password.map { " password=\(quoted($0))" } ?? ""
    return "host=\(quoted(host)) port=\(port) dbname=\(quoted(database)) user=\(quoted(user)) sslmode=disable\(end)"
  }

  private func quoted(_ value: String) -> String {
    "'" + value.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
  }

  // MARK: - Content

  /// Runs SQL as superuser; gives what psql prints, unaligned and without headings.
  @discardableResult
  public func execute(_ sql: String, database: String = "postgres") async throws -> String {
    let output = try await psql(["-A", "-t", "-f", "-"], database: database, input: Array(sql.utf8))
    guard output.status == 0 else { throw TestServerError("psql: \(output.errorText)") }
    return output.text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().joined(separator: "\n")
  }

  /// Creates a database, empty or as a copy of another one to which nobody is connected.
  ///
  /// - Parameter encoding: `UTF8` unless `SQL_ASCII`, `LATIN1`, … is asked for.
  public func createDatabase(_ name: String, template: String? = nil, encoding: String? = nil) async throws {
    let source = template ?? (encoding == nil ? "template1" : "template0")
    let suffix = encoding.map { " ENCODING '\($0)'" } ?? ""
    try await execute("CREATE DATABASE \"\(name)\" TEMPLATE \"\(source)\"\(suffix)")
  }

  public func dropDatabase(_ name: String) async throws {
    try await execute("DROP DATABASE IF EXISTS \"\(name)\" WITH (FORCE)")
  }

  /// A name that no other test of this process uses.
  public static func uniqueName(_ prefix: String) -> String {
    "\(prefix)_\(counter.wrappingAdd(1, ordering: .relaxed).newValue)"
  }

  private static let counter = Atomic<Int>(0)

  /// Loads a file of SQL, compressed when its name ends in `.gz`.
  public func loadSQL(_ path: String, into database: String) async throws {
    let connection = ["-h", folder.path, "-p", String(port), "-U", Self.superuser, "-d", database]
    let read = path.hasSuffix(".gz") ? "gzip -dc" : "cat"
    let output = try await Subprocess.run(
      [
        "/bin/sh", "-c", "file=$1; shift; \(read) \"$file\" | \"$@\"", "load", path, "\(binaries)/psql", "-X", "-q",
        "-v",
        "ON_ERROR_STOP=1", "-o", "/dev/null", "-f", "-",
      ] + connection, timeout: 300)
    guard output.status == 0 else { throw TestServerError("\(path): \(output.errorText.suffix(4000))") }
  }

  /// A schema of a database with all that is in it, as SQL.
  public func dump(schema: String, of database: String) async throws -> [UInt8] {
    let output = try await Subprocess.run(
      [
        "\(binaries)/pg_dump", "-h", folder.path, "-p", String(port), "-U", Self.superuser, "-d", database, "-n",
        schema,
        "--no-owner", "--no-privileges",
      ], timeout: 60)
    guard output.status == 0 else { throw TestServerError("pg_dump: \(output.errorText)") }
    return output.standardOutput
  }

  /// The psql that belongs to the server.
  var psqlProgram: String { "\(binaries)/psql" }

  /// Creates a role that may log in. One with a password must give it over TCP.
  public func createRole(_ name: String, password: String? = nil) async throws {
    guard let password else { return _ = try await execute("CREATE ROLE \"\(name)\" LOGIN") }
    try await setPassword(password, of: name, with: "CREATE ROLE \"\(name)\" LOGIN IN ROLE \(Self.passwordGroup)")
  }

  /// Changes a role's password.
  public func setPassword(_ password: String, of role: String) async throws {
    try await setPassword(password, of: role, with: "ALTER ROLE \"\(role)\"")
  }

  private func setPassword(_ password: String, of role: String, with statement: String) async throws {
    try await execute("\(statement) PASSWORD '\(password.replacing("'", with: "''"))'")
  }

  private func psql(_ arguments: [String], database: String, input: [UInt8] = []) async throws -> Subprocess.Output {
    try await Subprocess.run(
      [
        "\(binaries)/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", folder.path, "-p", String(port), "-U",
        Self.superuser, "-d", database,
      ] + arguments, environment: ["PGCONNECT_TIMEOUT": "10", "PGOPTIONS": ""], input: input, timeout: 600)
  }
}
