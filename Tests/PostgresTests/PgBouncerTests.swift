import Postgres
import TestServers
import Testing

@Suite struct PgBouncerTests {
  private func connection(_ bouncer: PgBouncer, database: String = "postgres", timeout: Double = 20)
    -> PostgresConnection
  {
    PostgresConnection(
      PostgresConfiguration(
        conninfo: bouncer.conninfo(database: database), applicationName: "airflow-syncer/bounced",
        connectTimeout: timeout), name: "bounced")
  }

  @Test func manyClientsShareOneServerConnectionWithoutMixing() async throws {
    let server = try await PostgresServer.shared
    let bouncer = try await PgBouncer.start(before: server, poolSize: 1)
    let backends = try await withThrowingTaskGroup(of: Set<Int64>.self) { group in
      for client in 0..<6 {
        let connection = connection(bouncer)
        group.addTask {
          var backends: Set<Int64> = []
          for round in 0..<20 {
            let limits = TransactionLimits(statementTimeout: 20_000 + client * 1_000)
            let row = try await connection.readOnly(limits) { transaction in
              var row: [String] = []
              try transaction.query(
                """
                SELECT pg_backend_pid()::text, $1 + 0, current_setting('statement_timeout'), current_setting('TimeZone'),
                  current_setting('application_name'), current_setting('transaction_read_only')
                """, [.int(Int64(round))]
              ) { result in
                row = [
                  try result.text(0), String(try result.int(1)), try result.text(2), try result.text(3),
                  try result.text(4), try result.text(5),
                ]
              }
              var copied = 0
              try transaction.copyOut("SELECT generate_series(1, 100)") { _ in copied += 1 }
              return row + [String(copied)]
            }
            #expect(
              Array(row.dropFirst()) == [
                String(round), "\(20 + client)s", "UTC", "airflow-syncer/bounced", "on", "100",
              ])
            backends.insert(Int64(row[0]) ?? -1)
          }
          return backends
        }
      }
      return try await group.reduce(into: Set()) { $0.formUnion($1) }
    }
    #expect(backends.count == 1)
    // Nothing stays behind for the next client of the shared connection.
    let bare = try await connection(bouncer).rows("SHOW statement_timeout", limits: .init(statementTimeout: 0)) {
      try $0.text(0)
    }
    #expect(bare == ["0"])
    try await bouncer.stop()
  }

  @Test func deadlinesAndErrorsFreeTheSharedConnection() async throws {
    let server = try await PostgresServer.shared
    let bouncer = try await PgBouncer.start(before: server, poolSize: 1)
    let first = connection(bouncer)
    let second = connection(bouncer)
    try await first.connect()
    for _ in 0..<3 {
      let late = try await first.error {
        _ = try await $0.rows("SELECT pg_sleep(60)", limits: .init(deadline: 2)) { _ in 0 }
      }
      #expect(late.kind == .deadline, "\(late)")
      #expect(try await second.text("SELECT 'free'") == "free")
      let wrong = try await second.error { _ = try await $0.text("SELECT 1/0") }
      #expect(wrong.sqlState == "22012")
      #expect(try await first.text("SELECT 'free'") == "free")
    }
    try await bouncer.stop()
  }

  @Test func aServerConnectionThatDiesIsLostAndHeals() async throws {
    let server = try await PostgresServer.shared
    let bouncer = try await PgBouncer.start(before: server, poolSize: 1)
    let connection = connection(bouncer)
    let backend = try await connection.backend()
    let task = Task { try await connection.rows("SELECT pg_sleep(600)") { _ in 0 } }
    try await eventually(within: 20, "the query") {
      try await server.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE pid = \(backend) AND wait_event = 'PgSleep'") == "1"
    }
    try await server.execute("SELECT pg_terminate_backend(\(backend))")
    let error = try await connection.error { _ in _ = try await task.value }
    #expect(error.kind == .lost && error.isSafeToRetry, "\(error)")
    #expect(try await connection.backend() != backend)
    try await bouncer.stop()
  }

  @Test func aStoppedPgBouncerIsNoConnection() async throws {
    let server = try await PostgresServer.shared
    let bouncer = try await PgBouncer.start(before: server)
    let connection = connection(bouncer)
    #expect(try await connection.text("SELECT 'up'") == "up")
    try await bouncer.stop()
    let error = try await connection.error { _ = try await $0.text("SELECT 1") }
    #expect(error.kind == .connect && error.isSafeToRetry, "\(error)")
  }

  @Test func anUnknownDatabaseBehindItIsSaid() async throws {
    let bouncer = try await PgBouncer.start(before: try await PostgresServer.shared)
    let error = try await connection(bouncer, database: "nowhere").error { try await $0.connect() }
    #expect(error.kind == .connect && error.message.contains("nowhere"), "\(error)")
    try await bouncer.stop()
  }

  @Test func aWrongPasswordIsAnAuthenticationErrorHereToo() async throws {
    let server = try await PostgresServer.shared
    let bouncer = try await PgBouncer.start(before: server, users: ["postgres": "right"])
    func connection(_ password: String) -> PostgresConnection {
      PostgresConnection(
        PostgresConfiguration(
          conninfo: bouncer.conninfo(), password: { password }, applicationName: "test", connectTimeout: 20),
        name: "test")
    }
    let error = try await connection("wrong-Horse").error { try await $0.connect() }
    #expect(error.kind == .authentication && !"\(error)".contains("wrong-Horse"), "\(error)")
    #expect(try await connection("right").text("SELECT 'in'") == "in")
    try await bouncer.stop()
  }

  @Test func aDatabaseWithoutEncodingWorksThroughIt() async throws {
    let server = try await PostgresServer.shared
    let database = PostgresServer.uniqueName("bounced_ascii")
    try await server.createDatabase(database, encoding: "SQL_ASCII")
    try await server.execute("CREATE TABLE t AS SELECT convert_from('\\xe9', 'SQL_ASCII') AS name", database: database)
    let bouncer = try await PgBouncer.start(before: server, poolSize: 1)
    for _ in 0..<3 {
      #expect(try await connection(bouncer, database: database).text("SELECT name FROM t") == "\u{FFFD}E9")
    }
    try await bouncer.stop()
  }
}
