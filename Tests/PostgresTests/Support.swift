import Platform
import Postgres
import TestServers

extension PostgresServer {
  /// A connection to this server as the daemon makes one.
  func connection(
    database: String = "postgres", user: String = "postgres", overSocket: Bool = false, connectTimeout: Double = 20,
    password: (@Sendable () throws -> String?)? = nil
  ) -> PostgresConnection {
    PostgresConnection(
      PostgresConfiguration(
        conninfo: conninfo(database: database, user: user, overSocket: overSocket), password: password,
        applicationName: "airflow-syncer/test", connectTimeout: connectTimeout), name: "test")
  }
}

extension PostgresConnection {
  /// The rows of one query in a transaction of its own.
  func rows<R: Sendable>(
    _ sql: String, _ parameters: [PostgresParameter] = [], limits: TransactionLimits = TransactionLimits(),
    _ decode: @Sendable (PostgresRow) throws -> R
  ) async throws -> [R] {
    try await readOnly(limits) { transaction in
      var rows: [R] = []
      try transaction.query(sql, parameters) { rows.append(try decode($0)) }
      return rows
    }
  }

  /// The first column of the only row, as text.
  func text(_ sql: String, _ parameters: [PostgresParameter] = []) async throws -> String? {
    let rows = try await rows(sql, parameters) { try $0.optionalText(0) }
    guard rows.count == 1 else { throw TestServerError("\(rows.count) rows") }
    return rows[0]
  }

  /// The id of the server process behind this connection.
  func backend() async throws -> Int64 { try await rows("SELECT pg_backend_pid()") { try $0.int(0) }[0] }

  /// The error that `work` must end with.
  func error(_ work: (PostgresConnection) async throws -> Void) async throws -> PostgresError {
    do {
      try await work(self)
    } catch let error as PostgresError {
      return error
    }
    throw TestServerError("no error was thrown")
  }
}

/// xorshift64*: the same numbers for the same seed, everywhere.
struct Seeded: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed | 1 }

  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 2_685_821_657_736_338_717
  }
}
