import Glibc
import Platform
import Postgres
import TestServers
import Testing

@Suite struct PostgresConnectionTests {
  // MARK: - Opening and closing

  @Test func aFirstUseConnectsByItself() async throws {
    let server = try await PostgresServer.shared
    let connection = server.connection()
    #expect(await connection.isConnected == false)
    #expect(await connection.serverVersion == nil)
    #expect(try await connection.text("SELECT 'hello'") == "hello")
    #expect(await connection.isConnected)
    let version = try #require(await connection.serverVersion)
    #expect(version >= 100_000)
    #expect(try await connection.text("SHOW server_version_num") == String(version))
    await connection.close()
    #expect(await connection.isConnected == false)
    #expect(try await connection.text("SELECT 'again'") == "again")
  }

  @Test func connectingTwiceKeepsTheConnection() async throws {
    let connection = try await PostgresServer.shared.connection()
    try await connection.connect()
    let first = try await connection.backend()
    try await connection.connect()
    #expect(try await connection.backend() == first)
  }

  @Test func theServerSeesTheApplicationsName() async throws {
    let server = try await PostgresServer.shared
    #expect(try await server.connection().text("SHOW application_name") == "airflow-syncer/test")
    let own = PostgresConnection(
      PostgresConfiguration(conninfo: server.conninfo() + " application_name=mine", applicationName: "other"),
      name: "test")
    #expect(try await own.text("SHOW application_name") == "mine")
  }

  @Test(arguments: [false, true]) func tcpAndUnixSocketsWork(overSocket: Bool) async throws {
    let connection = try await PostgresServer.shared.connection(overSocket: overSocket)
    let address = try await connection.text("SELECT inet_client_addr()::text")
    #expect((address == nil) == overSocket)
  }

  @Test func aURIWorksAsWell() async throws {
    let server = try await PostgresServer.shared
    let connection = PostgresConnection(
      PostgresConfiguration(
        conninfo: "postgresql://postgres@127.0.0.1:\(server.port)/postgres?sslmode=disable", applicationName: "uri"),
      name: "uri")
    #expect(try await connection.text("SELECT current_database()::text") == "postgres")
  }

  // MARK: - Transactions

  @Test func aTransactionReadsOneSnapshotAndCannotWrite() async throws {
    let server = try await PostgresServer.shared
    let connection = server.connection()
    let settings = try await connection.rows(
      """
      SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only'),
        current_setting('TimeZone'), current_setting('statement_timeout'), current_setting('lock_timeout'),
        current_setting('idle_in_transaction_session_timeout')
      """, limits: TransactionLimits(statementTimeout: 12_345, lockTimeout: 678, idleTimeout: 910)
    ) { row in try (0..<6).map { try row.text($0) } }
    #expect(settings == [["repeatable read", "on", "UTC", "12345ms", "678ms", "910ms"]])
  }

  @Test func writingIsRefused() async throws {
    let server = try await PostgresServer.shared
    let database = PostgresServer.uniqueName("read_only")
    try await server.createDatabase(database)
    try await server.execute("CREATE TABLE kept (id int)", database: database)
    let connection = server.connection(database: database)
    for statement in ["INSERT INTO kept VALUES (1)", "CREATE TABLE other (id int)", "TRUNCATE kept"] {
      let error = try await connection.error { _ = try await $0.rows(statement) { _ in 0 } }
      #expect(error.kind == .server && error.sqlState == "25006" && !error.isSafeToRetry, "\(error)")
    }
    #expect(try await connection.text("SELECT count(*)::text FROM kept") == "0")
  }

  /// Whoever alters one of them waits, and what was altered before is seen as it is now.
  @Test func tablesAreLockedBeforeTheSnapshotIsTaken() async throws {
    let server = try await PostgresServer.shared
    let connection = server.connection()
    let table = PostgresServer.uniqueName("locked")
    try await server.execute("CREATE TABLE \(table) (id int)")
    let seen = try await connection.readOnly(locking: [table]) { transaction in
      var seen: [String] = []
      // Asked by its number: to look it up by name would lock it.
      try transaction.query(
        """
        SELECT mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
        WHERE l.pid = pg_backend_pid() AND c.relname = '\(table)'
        """
      ) { seen.append(try $0.text(0)) }
      return seen
    }
    #expect(seen == ["AccessShareLock"])
    let error = await #expect(throws: PostgresError.self) {
      try await connection.readOnly(locking: ["no_such"]) { _ in }
    }
    #expect(error?.sqlState == "42P01")
    #expect(try await connection.text("SELECT 'usable'") == "usable")
  }

  @Test func nothingOfATransactionOutlivesIt() async throws {
    let connection = try await PostgresServer.shared.connection()
    let before = try await connection.text("SHOW statement_timeout")
    _ = try await connection.rows("SELECT 1", limits: TransactionLimits(statementTimeout: 4_321)) { _ in 0 }
    let limits = TransactionLimits(statementTimeout: 0, lockTimeout: 0)
    #expect(before == "30s")
    #expect(try await connection.rows("SHOW statement_timeout", limits: limits) { try $0.text(0) } == ["0"])
    #expect(try await connection.rows("SHOW TimeZone", limits: limits) { try $0.text(0) } == ["UTC"])
  }

  @Test func aSnapshotDoesNotSeeWhatCommitsMeanwhile() async throws {
    let server = try await PostgresServer.shared
    let database = PostgresServer.uniqueName("snapshot")
    try await server.createDatabase(database)
    try await server.execute("CREATE TABLE run (id int); INSERT INTO run VALUES (1)", database: database)
    let connection = server.connection(database: database)
    let lock = Int.random(in: 1...1_000_000)
    // The second query waits for an advisory lock that the writer holds until it has committed.
    let writer = Task {
      try await server.execute(
        """
        SELECT pg_advisory_lock(\(lock));
        DO $$ BEGIN
          WHILE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = \(lock) AND NOT granted) LOOP
            PERFORM pg_sleep(0.01);
          END LOOP;
        END $$;
        INSERT INTO run VALUES (2);
        SELECT pg_advisory_unlock(\(lock));
        """, database: database)
    }
    try await eventually(within: 20, "the writer's lock") {
      try await server.execute(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = \(lock) AND granted", database: database)
        == "1"
    }
    let counts = try await connection.readOnly(TransactionLimits(lockTimeout: 0)) { transaction in
      var counts: [Int64] = []
      try transaction.query("SELECT count(*) FROM run") { counts.append(try $0.int(0)) }
      try transaction.query("SELECT pg_advisory_xact_lock($1)", [.int(Int64(lock))]) { _ in }
      try transaction.query("SELECT count(*) FROM run") { counts.append(try $0.int(0)) }
      return counts
    }
    _ = try await writer.value
    #expect(counts == [1, 1])
    #expect(try await connection.text("SELECT count(*)::text FROM run") == "2")
  }

  struct Odd: Error, Equatable { var number: Int }

  @Test func whatTheBodyThrowsComesOutAndEndsTheTransaction() async throws {
    let server = try await PostgresServer.shared
    let connection = server.connection()
    let backend = try await connection.backend()
    await #expect(throws: Odd(number: 7)) {
      try await connection.readOnly { transaction in
        try transaction.query("SELECT 1") { _ in }
        throw Odd(number: 7)
      }
    }
    #expect(try await state(of: backend, server) == "idle")
    #expect(try await connection.backend() == backend)
  }

  @Test func noPathLeavesATransactionOpen() async throws {
    let server = try await PostgresServer.shared
    let connection = server.connection()
    let bodies: [@Sendable (PostgresTransaction) throws -> Void] = [
      { _ in },
      { try $0.query("SELECT 1") { _ in } },
      { try $0.query("SELECT 1/0") { _ in } },
      { try? $0.query("SELECT 1/0") { _ in } },
      { try $0.query("SELECT generate_series(1, 100000)") { _ in throw Odd(number: 1) } },
      { try? $0.query("SELECT generate_series(1, 100000)") { _ in throw Odd(number: 1) } },
      { try $0.copyOut("SELECT generate_series(1, 100000)") { _ in throw Odd(number: 1) } },
      { try $0.query("COPY (SELECT 1) TO STDOUT") { _ in } },
      { try $0.query("SELECT 1; SELECT 2") { _ in } },
      { _ in throw Odd(number: 2) },
    ]
    for (index, body) in bodies.enumerated() {
      let backend = try await connection.backend()
      try? await connection.readOnly(TransactionLimits(), body)
      // Gone with its connection, or idle outside a transaction.
      try await eventually(within: 20, "the end of body \(index)") {
        ["idle", nil].contains(try await state(of: backend, server))
      }
    }
  }

  private func state(of backend: Int64, _ server: PostgresServer) async throws -> String? {
    let state = try await server.execute("SELECT state FROM pg_stat_activity WHERE pid = \(backend)")
    return state.isEmpty ? nil : state
  }

  @Test func everythingBlockingRunsOnTheConnectionsOwnThread() async throws {
    let server = try await PostgresServer.shared
    let connection = PostgresConnection(
      PostgresConfiguration(
        conninfo: server.conninfo(), applicationName: "threads"),
      name: "own-thread")
    let names = try await connection.readOnly { transaction in
      var names = [try threadName()]
      try transaction.query("SELECT 1") { _ in names.append(try threadName()) }
      return names
    }
    #expect(names == ["own-thread", "own-thread"])
  }

  // MARK: - Limits

  @Test func aStatementTimeoutIsAServerErrorWorthARetry() async throws {
    let connection = try await PostgresServer.shared.connection()
    let backend = try await connection.backend()
    let error = try await connection.error {
      _ = try await $0.rows("SELECT pg_sleep(60)", limits: TransactionLimits(statementTimeout: 50)) { _ in 0 }
    }
    #expect(error.kind == .server && error.sqlState == "57014" && error.isSafeToRetry, "\(error)")
    #expect(error.query == "SELECT pg_sleep(60)")
    #expect(try await connection.backend() == backend)
  }

  @Test func aStatementTimeoutInTheMiddleOfACopyIsTheSame() async throws {
    let connection = try await PostgresServer.shared.connection()
    let backend = try await connection.backend()
    let error = try await connection.error {
      try await $0.readOnly(TransactionLimits(statementTimeout: 200)) { transaction in
        try transaction.copyOut("SELECT i, pg_sleep(0.001) FROM generate_series(1, 1000000) i") { _ in }
      }
    }
    #expect(error.kind == .server && error.sqlState == "57014" && error.isSafeToRetry, "\(error)")
    #expect(try await connection.backend() == backend)
  }

  @Test(arguments: [0, 1, 3]) func whatIsDoneMeanwhileIsDoneOnceAndBeforeTheFirstRow(rows: Int) async throws {
    let connection = try await PostgresServer.shared.connection()
    let steps = try await connection.readOnly { transaction in
      var steps: [String] = []
      try transaction.copyOut(
        "SELECT i FROM generate_series(1, \(rows)) i", meanwhile: { steps.append("meanwhile") },
        row: { steps.append("\(try $0.int(0))") })
      return steps
    }
    #expect(steps == ["meanwhile"] + (0..<rows).map { "\($0 + 1)" })
  }

  @Test func aTransactionInWhichTheClientStopsIsEndedByTheServer() async throws {
    let server = try await PostgresServer.shared
    let connection = server.connection()
    let backend = try await connection.backend()
    let error = try await connection.error {
      try await $0.readOnly(TransactionLimits(idleTimeout: 50)) { transaction in
        // What a stopped process looks like to the server: nothing comes until it has lost its patience.
        while kill(pid_t(backend), 0) == 0 || errno == EPERM { usleep(10_000) }
        try transaction.query("SELECT 1") { _ in }
      }
    }
    #expect(error.kind == .lost && error.isSafeToRetry, "\(error)")
    #expect(try await connection.backend() != backend)
  }

  @Test func aLockTimeoutIsAServerErrorWorthARetry() async throws {
    let server = try await PostgresServer.shared
    let connection = server.connection()
    let table = PostgresServer.uniqueName("locked")
    try await server.execute("CREATE TABLE \(table) (id int)")
    let refused = try await withLock(on: table, server) {
      try await connection.error {
        _ = try await $0.rows("SELECT * FROM \(table)", limits: TransactionLimits(lockTimeout: 50)) { _ in 0 }
      }
    }
    #expect(refused.kind == .server && refused.sqlState == "55P03" && refused.isSafeToRetry, "\(refused)")
  }

  // A psql that holds the table's strongest lock until `body` is through.
  private func withLock<R>(on table: String, _ server: PostgresServer, _ body: () async throws -> R) async throws -> R {
    let holder = Task {
      try await server.execute(
        "SET application_name = '\(table)'; BEGIN; LOCK TABLE \(table); SELECT pg_sleep(600); COMMIT")
    }
    try await eventually(within: 20, "the lock") {
      try await server.execute(
        "SELECT count(*) FROM pg_locks WHERE relation = '\(table)'::regclass AND mode = 'AccessExclusiveLock' AND granted"
      )
        == "1"
    }
    let result = try await body()
    try await server.execute(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '\(table)'")
    _ = try? await holder.value
    return result
  }

  @Test func theClientsDeadlineCancelsTheQueryAndKeepsTheConnection() async throws {
    let connection = try await PostgresServer.shared.connection()
    let backend = try await connection.backend()
    let error = try await connection.error {
      _ = try await $0.rows("SELECT pg_sleep(60)", limits: TransactionLimits(deadline: 2)) { _ in 0 }
    }
    #expect(error.kind == .deadline && error.isSafeToRetry && error.query == "SELECT pg_sleep(60)", "\(error)")
    #expect(try await connection.backend() == backend)
  }

  @Test func aDeadlineInTheMiddleOfACopyKeepsTheConnection() async throws {
    let connection = try await PostgresServer.shared.connection()
    let backend = try await connection.backend()
    let error = try await connection.error {
      try await $0.readOnly(TransactionLimits(statementTimeout: 0, deadline: 2)) { transaction in
        try transaction.copyOut("SELECT i, pg_sleep(0.001) FROM generate_series(1, 1000000) i") { _ in }
      }
    }
    #expect(error.kind == .deadline, "\(error)")
    #expect(try await connection.backend() == backend)
  }

  @Test func aDeadlineThatTheBodySwallowsIsThrownAllTheSame() async throws {
    let connection = try await PostgresServer.shared.connection()
    try await connection.connect()
    let error = try await connection.error {
      try await $0.readOnly(TransactionLimits(deadline: 2)) { try? $0.query("SELECT pg_sleep(60)") { _ in } }
    }
    #expect(error.kind == .deadline, "\(error)")
  }

  // MARK: - Cancellation

  @Test func aCancelledTaskStopsItsQueryAndKeepsTheConnection() async throws {
    let server = try await PostgresServer.shared
    let connection = server.connection()
    let backend = try await connection.backend()
    let task = Task { try await connection.rows("SELECT pg_sleep(600)") { _ in 0 } }
    try await eventually(within: 20, "the query") {
      try await server.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE pid = \(backend) AND wait_event = 'PgSleep'") == "1"
    }
    task.cancel()
    let error = try await connection.error { _ in _ = try await task.value }
    #expect(error.kind == .cancelled && !error.isSafeToRetry, "\(error)")
    #expect(try await connection.backend() == backend)
  }

  @Test func aCancelledTaskSendsNothing() async throws {
    let connection = try await PostgresServer.shared.connection()
    try await connection.connect()
    let task = Task {
      // Not before the cancellation has arrived.
      while !Task.isCancelled { await Task.yield() }
      return try await connection.readOnly { _ in "ran" }
    }
    task.cancel()
    let error = try await connection.error { _ in _ = try await task.value }
    #expect(error.kind == .cancelled, "\(error)")
  }

  @Test func aLateCancellationNeverHitsTheNextQuery() async throws {
    let seed = UInt64.random(in: 1...UInt64.max)
    var random = Seeded(seed)
    let connection = try await PostgresServer.shared.connection()
    for round in 0..<150 {
      let delay = UInt64.random(in: 0...3_000_000, using: &random)
      let task = Task { try await connection.rows("SELECT pg_sleep(0.001)") { _ in 0 } }
      try await Task.sleep(nanoseconds: delay)
      task.cancel()
      // On its way together with the cancellation.
      let next = try await connection.text("SELECT \(round)::text, pg_sleep(0.001)")
      #expect(next == String(round), "seed \(seed)")
      switch await task.result {
      case .success: break
      case .failure(let error):
        #expect((error as? PostgresError)?.kind == .cancelled, "seed \(seed): \(error)")
      }
    }
  }

  @Test func otherTasksRunWhileOneConnectionWaits() async throws {
    let server = try await PostgresServer.shared
    let gate = Int64.random(in: 1_000_000_000...2_000_000_000)
    // More waiting connections than there are threads in the cooperative pool, all waiting for a lock that only a
    // further connection gives back.
    try await withThrowingTaskGroup(of: Void.self) { group in
      let holder = Task { try await server.execute("SELECT pg_advisory_lock(\(gate)); SELECT pg_sleep(600)") }
      try await eventually(within: 20, "the lock") {
        try await server.execute(
          "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = \(gate) AND granted") == "1"
      }
      for _ in 0..<8 {
        let connection = server.connection()
        group.addTask {
          _ = try await connection.rows("SELECT pg_advisory_xact_lock($1)", [.int(gate)], limits: .init(lockTimeout: 0))
          {
            _ in 0
          }
        }
      }
      try await eventually(within: 20, "the waiting connections") {
        try await server.execute(
          "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = \(gate) AND NOT granted") == "8"
      }
      try await server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = \(gate) AND granted")
      _ = try? await holder.value
      try await group.waitForAll()
    }
  }

  // MARK: - Lost connections

  @Test func aKilledBackendIsLostAndTheNextUseConnectsAgain() async throws {
    let server = try await PostgresServer.shared
    let connection = server.connection()
    let backend = try await connection.backend()
    let task = Task { try await connection.rows("SELECT pg_sleep(600)") { _ in 0 } }
    try await eventually(within: 20, "the query") {
      try await server.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE pid = \(backend) AND wait_event = 'PgSleep'") == "1"
    }
    try await server.execute("SELECT pg_terminate_backend(\(backend))")
    let error = try await connection.error { _ in _ = try await task.value }
    #expect(error.kind == .lost && error.sqlState == "57P01" && error.isSafeToRetry, "\(error)")
    #expect(await connection.isConnected == false)
    #expect(try await connection.backend() != backend)
  }

  @Test func aConnectionLostWhileIdleIsReplacedUnnoticed() async throws {
    let server = try await PostgresServer.shared
    let connection = server.connection()
    let backend = try await connection.backend()
    try await server.execute("SELECT pg_terminate_backend(\(backend))")
    try await eventually(within: 20, "the end of the backend") {
      try await server.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = \(backend)") == "0"
    }
    #expect(try await connection.backend() != backend)
  }

  // MARK: - Errors of the server

  @Test func anErrorBearsItsCodeAndTheQuery() async throws {
    let connection = try await PostgresServer.shared.connection()
    let backend = try await connection.backend()
    for (sql, state) in [
      ("SELECT 1/0", "22012"), ("SELECT * FROM nowhere", "42P01"), ("SELECT nothing", "42703"), ("SELEC", "42601"),
      ("SELECT 1; SELECT 2", "42601"), ("SELECT $1::int", "08P01"),
    ] {
      let error = try await connection.error { _ = try await $0.rows("-- sweep of \(state)\n\(sql)") { _ in 0 } }
      #expect(error.kind == .server && error.sqlState == state && error.query == "sweep of \(state)", "\(error)")
      #expect(
        error.target == "host=127.0.0.1 port=\(try await PostgresServer.shared.port) dbname=postgres user=postgres")
    }
    #expect(try await connection.backend() == backend)
  }

  @Test func aMissingGrantIsSaidWithWhatToDo() async throws {
    let server = try await PostgresServer.shared
    let role = PostgresServer.uniqueName("poor")
    let table = PostgresServer.uniqueName("private")
    try await server.createRole(role)
    try await server.execute("CREATE TABLE \(table) (id int)")
    let error = try await server.connection(user: role).error {
      _ = try await $0.rows("SELECT * FROM \(table)") { _ in 0 }
    }
    #expect(error.sqlState == "42501" && !error.isSafeToRetry)
    #expect(error.description.contains("Grant the role SELECT"))
  }
}

private func threadName() throws -> String {
  guard let file = fopen("/proc/thread-self/comm", "r") else { throw TestServerError("no /proc") }
  defer { fclose(file) }
  var name = [CChar](repeating: 0, count: 64)
  fgets(&name, 64, file)
  return String(decoding: name.prefix(while: { $0 != 10 && $0 != 0 }).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
