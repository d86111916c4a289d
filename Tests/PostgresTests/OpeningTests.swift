import Glibc
import Synchronization
import TestServers
import Testing

@testable import Postgres

@Suite struct OpeningTests {
  private func refusal(_ conninfo: String, timeout: Double = 20) async throws -> PostgresError {
    let connection = PostgresConnection(
      PostgresConfiguration(conninfo: conninfo, applicationName: "test", connectTimeout: timeout), name: "test")
    let error = try await connection.error { try await $0.connect() }
    #expect(await connection.isConnected == false)
    return error
  }

  @Test func aClosedPortIsRefused() async throws {
    let port = try LoopbackListener(listening: false)
    let error = try await refusal("host=127.0.0.1 port=\(port.port) user=u dbname=d sslmode=disable")
    #expect(error.kind == .connect && error.sqlState == nil && error.isSafeToRetry)
    #expect(error.description.contains("host=127.0.0.1 port=\(port.port) dbname=d user=u"))
    #expect(error.description.contains("check that Postgres runs at this host and port"))
  }

  @Test(arguments: ["disable", "prefer", "require"]) func somethingElseBehindThePortIsNoPostgres(
    sslmode: String
  ) async throws {
    let listener = try LoopbackListener()
    let thread = onOwnThread(name: "http") {
      listener.answerOnce("HTTP/1.1 400 Bad Request\r\n\r\n")
      listener.answerOnce("HTTP/1.1 400 Bad Request\r\n\r\n")
    }
    #expect(thread)
    let error = try await refusal("host=127.0.0.1 port=\(listener.port) user=u sslmode=\(sslmode)")
    #expect(error.kind == .connect && error.isSafeToRetry, "\(error)")
    // Lets the thread go.
    shutdown(listener.descriptor, Int32(SHUT_RDWR))
  }

  @Test func aServerThatNeverGreetsIsLeftAtTheDeadline() async throws {
    let listener = try LoopbackListener()
    let error = try await refusal("host=127.0.0.1 port=\(listener.port) user=u sslmode=disable", timeout: 0.2)
    #expect(error.kind == .connect && error.isSafeToRetry, "\(error)")
    #expect(error.description.contains("no answer in time"))
  }

  /// A machine that is gone answers nothing, not even a refusal.
  @Test func ofSeveralServersOneThatNeverGreetsDoesNotKeepFromTheOthers() async throws {
    let server = try await PostgresServer.shared
    let (silent, closed) = (try LoopbackListener(), try LoopbackListener(listening: false))
    func conninfo(_ ports: [Int]) -> String {
      "host=\(ports.map { _ in "127.0.0.1" }.joined(separator: ",")) port=\(ports.map(String.init).joined(separator: ",")) "
        + "user=postgres dbname=postgres sslmode=disable"
    }
    let connection = PostgresConnection(
      PostgresConfiguration(
        conninfo: conninfo([Int(silent.port), Int(closed.port), server.port]), applicationName: "test",
        connectTimeout: 3),
      name: "test")
    #expect(try await connection.text("SELECT 'in'") == "in")
    let error = try await refusal(conninfo([Int(silent.port), Int(closed.port)]), timeout: 0.4)
    #expect(error.kind == .connect && error.isSafeToRetry)
    #expect(error.message.contains("no answer in time from 127.0.0.1 port \(silent.port)"), "\(error)")
    #expect(error.message.contains("refused"), "\(error)")
  }

  @Test func aTransactionsDeadlineCoversConnecting() async throws {
    let listener = try LoopbackListener()
    let connection = PostgresConnection(
      PostgresConfiguration(
        conninfo: "host=127.0.0.1 port=\(listener.port) user=u sslmode=disable", applicationName: "test",
        connectTimeout: 3600), name: "test")
    let error = try await connection.error {
      try await $0.readOnly(TransactionLimits(deadline: 2)) { _ in }
    }
    #expect(error.kind == .connect && error.isSafeToRetry, "\(error)")
  }

  @Test func cancellingStopsConnecting() async throws {
    let listener = try LoopbackListener()
    let connection = PostgresConnection(
      PostgresConfiguration(
        conninfo: "host=127.0.0.1 port=\(listener.port) user=u sslmode=disable", applicationName: "test",
        connectTimeout: 3600), name: "test")
    let task = Task { try await connection.connect() }
    try await Task.sleep(nanoseconds: 50_000_000)
    task.cancel()
    let error = try await connection.error { _ in try await task.value }
    #expect(error.kind == .cancelled, "\(error)")
  }

  @Test func whatBlocksForEverIsLeftAtTheDeadline() async throws {
    let server = try await PostgresServer.shared
    let box = Box()
    let connection = server.connection(connectTimeout: 3) {
      while !box.isReleased { usleep(10_000) }
      return nil
    }
    let error = try await connection.error { try await $0.connect() }
    #expect(error.kind == .connect, "\(error)")
    box.release()
    // The one that comes too late is closed and does not disturb the next.
    try await connection.connect()
    #expect(try await connection.text("SELECT 'fine'") == "fine")
  }

  final class Box: Sendable {
    private let flag = Mutex(false)
    var isReleased: Bool { flag.withLock { $0 } }
    func release() { flag.withLock { $0 = true } }
  }

  @Test func anUnknownDatabaseNeedsSomebodyToAct() async throws {
    let server = try await PostgresServer.shared
    let error = try await refusal(server.conninfo(database: "nowhere"))
    #expect(error.kind == .connect && error.sqlState == "3D000" && !error.isSafeToRetry)
    #expect(error.description.contains("Check dbname"))
    #expect(!error.message.contains("LOCATION") && !error.message.contains("3D000"))
  }

  @Test func anUnknownNameIsNoConnection() async throws {
    let error = try await refusal("host=name.invalid user=u sslmode=disable")
    #expect(error.kind == .connect && error.isSafeToRetry, "\(error)")
  }

  // MARK: - Passwords

  final class Passwords: Sendable {
    private let answers: Mutex<[String?]>
    let asked = Mutex(0)
    init(_ answers: [String?]) { self.answers = Mutex(answers) }
    func next() -> String? {
      asked.withLock { $0 += 1 }
      return answers.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
    }
    var count: Int { asked.withLock { $0 } }
  }

  private func role(_ password: String) async throws -> String {
    let role = PostgresServer.uniqueName("secretive")
    try await PostgresServer.shared.createRole(role, password: password)
    return role
  }

  @Test(arguments: ["correct horse", "it's \\ \"quoted\"", "ünïcode", " leading"]) func thePasswordIsAskedFor(
    password: String
  ) async throws {
    let connection = try await PostgresServer.shared.connection(user: try await role(password)) { password }
    #expect(try await connection.text("SELECT 'in'") == "in")
  }

  @Test func aWrongPasswordIsAskedForTwiceAndNeverShown() async throws {
    let passwords = Passwords(["wrong-Horse-1", "wrong-Horse-2"])
    let connection = try await PostgresServer.shared.connection(user: try await role("right")) { passwords.next() }
    let error = try await connection.error { try await $0.connect() }
    #expect(error.kind == .authentication && error.sqlState == "28P01" && !error.isSafeToRetry, "\(error)")
    #expect(passwords.count == 2)
    #expect(!"\(error) \(String(reflecting: error))".contains("wrong-Horse"))
    #expect(error.description.contains("Check the role's name, and the password"))
  }

  @Test func thePasswordIsNotTriedTwiceWhenItIsTheSame() async throws {
    let server = try await PostgresServer.shared
    let name = try await role("right")
    let passwords = Passwords(["same"])
    _ = try await server.connection(user: name) { passwords.next() }.error { try await $0.connect() }
    #expect(passwords.count == 2)
    let failures = server.log.split(separator: "\n").count { $0.contains("\"\(name)\"") && $0.contains("FATAL") }
    #expect(failures == 1)
  }

  @Test func aRotatedPasswordHeals() async throws {
    let passwords = Passwords(["old", "right"])
    let connection = try await PostgresServer.shared.connection(user: try await role("right")) { passwords.next() }
    #expect(try await connection.text("SELECT 'in'") == "in")
    #expect(passwords.count == 2)
  }

  @Test func aPasswordThatCannotBeReadIsSaid() async throws {
    struct Unreadable: Error, CustomStringConvertible { let description = "password_file: no such file" }
    let connection = try await PostgresServer.shared.connection { throw Unreadable() }
    let error = try await connection.error { try await $0.connect() }
    #expect(error.kind == .authentication && error.description.contains("password_file: no such file"), "\(error)")
  }

  @Test func aMissingPasswordIsAnAuthenticationError() async throws {
    let connection = try await PostgresServer.shared.connection(user: try await role("right")) { nil }
    let error = try await connection.error { try await $0.connect() }
    #expect(error.kind == .authentication, "\(error)")
  }

  @Test func aRoleThatIsNotAllowedInIsAnAuthenticationError() async throws {
    let server = try await PostgresServer.shared
    let error = try await refusal(server.conninfo(user: "nobody_of_that_name"))
    #expect(error.kind == .authentication && error.sqlState == "28000", "\(error)")
    #expect(error.description.contains("pg_hba.conf"))
  }

  @Test func aBrokenConnectionStringIsAConfigurationErrorEverywhere() async throws {
    let error = try await refusal("host=127.0.0.1 pass word=geheim")
    #expect(error.kind == .configuration && !error.isSafeToRetry)
    #expect(!error.description.contains("geheim"))
  }

  // MARK: - What libpq says

  @Test(
    arguments: [
      (
        "connection to server at \"127.0.0.1\", port 1 failed: FATAL:  28P01: password authentication failed for user \"u\" LOCATION:  auth_failed, auth.c:338",
        "connection to server at \"127.0.0.1\", port 1 failed: FATAL: password authentication failed for user \"u\"",
        "28P01"
      ),
      ("FATAL:  08P01: no such database: x", "FATAL: no such database: x", "08P01"),
      ("FATAL:  57P03: a DETAIL:  b LOCATION:  f, g.c:1 two  blanks", "FATAL: a DETAIL: b two blanks", "57P03"),
      ("Connection refused Is the server running?", "Connection refused Is the server running?", nil),
      ("", "", nil), ("LOCATION:  x", "LOCATION: x", nil), ("HTTP/1: 12345: x", "HTTP/1: 12345: x", nil),
    ] as [(String, String, String?)]) func theCodeIsTakenOutOfAVerboseMessage(
      verbose: String, message: String, state: String?
    )
  {
    let parsed = Opening.parse(verbose: verbose)
    #expect(parsed.message == message)
    #expect(parsed.sqlState == state)
  }
}
