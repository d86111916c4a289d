import CLibPQ
import Glibc
import Synchronization

/// Opens one libpq connection on a thread of its own: resolving a name, reading a passfile and asking for the password
/// can block for as long as they like, and must not hold the deadline back.
final class Opening: Sendable {
  private let configuration: PostgresConfiguration
  private let operation: Operation
  private let outcome = Mutex<Result<LibPQConnection, PostgresError>?>(nil)

  /// - Throws: ``PostgresError`` of kind `configuration`, `connect`, `authentication` or `cancelled`.
  static func open(
    _ configuration: PostgresConfiguration, _ operation: Operation
  ) throws(PostgresError) -> LibPQConnection {
    let target = PostgresConfiguration.target(try PostgresConfiguration.keywords(of: configuration.conninfo))
    let opening = Opening(configuration, operation)
    guard onOwnThread(name: "pg-connect", { opening.run(target) }) else {
      throw PostgresError(.connect, "the system gives no more threads", target: target)
    }
    do {
      try operation.wait { opening.outcome.withLock { $0 != nil } }
    } catch {
      // A connection that still comes is closed when the thread lets go of the opening.
      operation.wake()
      throw Self.error(error, target)
    }
    guard let outcome = opening.outcome.withLock({ $0 }) else {
      throw PostgresError(.connect, "no outcome", target: target)
    }
    return try outcome.get()
  }

  private init(_ configuration: PostgresConfiguration, _ operation: Operation) {
    self.configuration = configuration
    self.operation = operation
  }

  private func run(_ target: String) {
    let result = Result { () throws(PostgresError) in try attempt(target) }
    outcome.withLock { $0 = result }
    operation.wake()
  }

  private func attempt(_ target: String) throws(PostgresError) -> LibPQConnection {
    let password = try askPassword(target)
    do {
      return try dial(password, target)
    } catch {
      guard error.kind == .authentication, configuration.password != nil else { throw error }
      let again = try askPassword(target)
      if again == password { throw error }
      return try dial(again, target)
    }
  }

  private func askPassword(_ target: String) throws(PostgresError) -> String? {
    do {
      let password = try configuration.password?()
      if let password, password.utf8.contains(0) {
        throw PostgresError(.authentication, "the password contains a NUL character", target: target)
      }
      return password
    } catch let error as PostgresError {
      throw error
    } catch {
      throw PostgresError(.authentication, "the password could not be read: \(error)", target: target)
    }
  }

  private func dial(_ password: String?, _ target: String) throws(PostgresError) -> LibPQConnection {
    var servers: ServerList?
    var silent: [ServerList.Server] = []
    while true {
      guard let raw = start(password, servers) else { throw PostgresError(.connect, "out of memory", target: target) }
      let connection = LibPQConnection(raw)
      do {
        guard let others = try finish(connection, target) else { return connection }
        // libpq tries one server after the other, but leaves it to us to tell when one says nothing.
        silent.append(ServerList.asked(by: connection))
        servers = others
      } catch {
        guard !silent.isEmpty else { throw error }
        var error = error
        error.message += "; no answer in time from \(silent.map(\.description).joined(separator: ", "))"
        throw error
      }
    }
  }

  /// Returns nil once the connection is open; the other servers when one of several says nothing for its share of the time.
  private func finish(_ connection: LibPQConnection, _ target: String) throws(PostgresError) -> ServerList? {
    let raw = connection.raw
    let servers = ServerList(of: connection)
    var asked: ServerList.Server?
    var patience = operation
    // So that a refusal bears its SQLSTATE, which libpq does not give otherwise while connecting.
    PQsetErrorVerbosity(raw, PQERRORS_VERBOSE)
    var state = connection.isBroken ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING
    while state != PGRES_POLLING_OK {
      let socket = PQsocket(raw)
      guard state != PGRES_POLLING_FAILED, socket >= 0 else { throw Self.refusal(connection, target) }
      let server = ServerList.asked(by: connection)
      if server != asked {
        asked = server
        patience = operation.limited(toSeconds: operation.secondsLeft / Double(servers.count))
      }
      do {
        try patience.wait(for: socket, state == PGRES_POLLING_READING ? POLLIN : POLLOUT)
      } catch {
        if error == .deadline, operation.secondsLeft > 0, let others = servers.without(server) { return others }
        throw Self.error(error, target)
      }
      state = PQconnectPoll(raw)
    }
    PQsetErrorVerbosity(raw, PQERRORS_DEFAULT)
    guard PQsetnonblocking(raw, 1) == 0 else { throw PostgresError(.connect, connection.errorMessage, target: target) }
    return nil
  }

  // What stands before dbname gives way to the connection string, what stands behind it does not. Nothing here but
  // what PgBouncer accepts; sslmode and options are the user's alone.
  private func start(_ password: String?, _ servers: ServerList?) -> OpaquePointer? {
    var pairs = [
      ("application_name", configuration.applicationName), ("keepalives", "1"), ("keepalives_idle", "60"),
      ("keepalives_interval", "10"), ("keepalives_count", "6"), ("dbname", configuration.conninfo),
      ("client_encoding", "UTF8"),
    ]
    if let password { pairs.append(("password", password)) }
    if let servers { pairs += servers.keywords }
    let keywords = pairs.map { strdup($0.0) }
    let values = pairs.map { strdup($0.1) }
    defer { for copy in keywords + values { free(copy) } }
    return PQconnectStartParams(
      keywords.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil], 1)
  }

  private static func error(_ interruption: Interruption, _ target: String) -> PostgresError {
    switch interruption {
    case .deadline: PostgresError(.connect, "no answer in time", target: target)
    case .cancelled: PostgresError(.cancelled, "the caller was cancelled while connecting", target: target)
    }
  }

  private static func refusal(_ connection: LibPQConnection, _ target: String) -> PostgresError {
    let (message, sqlState) = parse(verbose: connection.errorMessage)
    // PgBouncer answers 08P01 to a wrong password; its words are never translated.
    let isAuthentication =
      sqlState?.hasPrefix("28") ?? false || PQconnectionNeedsPassword(connection.raw) == 1
      || (sqlState == "08P01" && message.contains("authentication failed"))
    return PostgresError(isAuthentication ? .authentication : .connect, message, sqlState: sqlState, target: target)
  }

  /// Takes the last SQLSTATE and the places in the server's source out of a message of verbosity VERBOSE
  /// (`FATAL:  28P01: password authentication failed … LOCATION:  auth_failed, auth.c:338`).
  static func parse(verbose message: String) -> (message: String, sqlState: String?) {
    var sqlState: String?
    var words = message.split(separator: " ", omittingEmptySubsequences: false)
    for index in words.indices where index >= 2 {
      let code = words[index]
      // Severity, colon, two blanks, code, colon.
      if code.utf8.count == 6, code.last == ":", words[index - 1].isEmpty, words[index - 2].last == ":",
        code.utf8.dropLast().allSatisfy({ (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) })
      {
        sqlState = String(code.dropLast())
        words[index] = ""
      }
    }
    var kept: [Substring] = []
    var index = words.startIndex
    while index < words.endIndex {
      // LOCATION:  function, file.c:line
      if words[index] == "LOCATION:", index + 3 < words.endIndex, words[index + 1].isEmpty,
        words[index + 2].last == ","
      {
        index += 4
      } else {
        kept.append(words[index])
        index += 1
      }
    }
    return (kept.filter { !$0.isEmpty }.joined(separator: " "), sqlState)
  }
}
