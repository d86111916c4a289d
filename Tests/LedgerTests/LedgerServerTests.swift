import ExecutionModel
import Migrations
import Postgres
import TestServers
import Testing

@testable import Ledger

/// What a ledger in Postgres has besides what every ledger has.
struct LedgerServerTests {
  private func configuration(_ conninfo: String, password: String? = nil) -> PostgresConfiguration {
    PostgresConfiguration(
      conninfo: conninfo, password: password.map { text in { @Sendable in text } }, applicationName: "airflow-syncer",
      connectTimeout: 5)
  }

  /// An empty database of its own.
  private func emptyDatabase(_ server: PostgresServer) async throws -> String {
    let name = PostgresServer.uniqueName("ledgers")
    try await server.createDatabase(name)
    return name
  }

  private func batch(_ snapshot: DagRunSnapshot) -> CaptureBatch {
    var batch = CaptureBatch(instance: "prod", readAt: at(50))
    batch.snapshots = [snapshot]
    return batch
  }

  private func failure(_ place: LedgerPlace, _ purpose: Ledger.Purpose = .syncing) async -> LedgerError? {
    await #expect(throws: LedgerError.self) { try await Ledger(at: place, purpose: purpose).open() }
  }

  // MARK: The schema

  @Test func itsTablesStandInASchemaOfTheirOwnBesideThoseOfAirflow() async throws {
    let server = try await PostgresServer.shared
    let name = try await emptyDatabase(server)
    try await server.execute("CREATE TABLE dag_run (mine text); CREATE TABLE link (mine text)", database: name)
    let ledger = Ledger(at: .postgres(configuration(server.conninfo(database: name))), purpose: .syncing)
    try await ledger.open()
    let version = try await ledger.schemaVersion()
    #expect(version.found == version.known && version.known >= 1)
    _ = try await ledger.progress(of: "prod")
    _ = try await ledger.apply(batch(DagRunSnapshot(run: run("success", end: 40)))) { _, _ in [] }
    #expect(try await ledger.runs(RunFilter()).count == 1)
    #expect(try await server.execute("SELECT count(*) FROM public.dag_run", database: name) == "0")
    #expect(
      try await server.execute(
        "SELECT string_agg(tablename, ' ' ORDER BY 1) FROM pg_tables WHERE schemaname = 'public'", database: name)
        == "dag_run link")
  }

  @Test func manyStartersAtOnceMakeOneLedgerInEachSchema() async throws {
    let server = try await PostgresServer.shared
    let name = try await emptyDatabase(server)
    let role = PostgresServer.uniqueName("syncer")
    try await server.createRole(role)
    // One schema is there already, for a role that may make none.
    try await server.execute("CREATE SCHEMA c AUTHORIZATION \"\(role)\"", database: name)
    let places = ["a": "postgres", "b": "postgres", "c": role].map { schema, user in
      LedgerPlace.postgres(configuration(server.conninfo(database: name, user: user)), schema: schema)
    }
    try await Self.expectTheNewest(of: places, starters: 6)
    for schema in ["a", "b", "c"] {
      #expect(try await server.execute("SELECT count(*) FROM \(schema).ledger", database: name) == "1")
    }
  }

  /// Opens each ledger by so many at once.
  private static func expectTheNewest(of places: [LedgerPlace], starters: Int) async throws {
    let ledgers = places.flatMap { place in (0..<starters).map { _ in Ledger(at: place, purpose: .syncing) } }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for ledger in ledgers { group.addTask { try await ledger.open() } }
      try await group.waitForAll()
    }
    for ledger in ledgers { #expect(try await ledger.schemaVersion().found == LedgerServer.newestVersion) }
  }

  /// What another one does while this one is about to make its ledger, and whether that is kept.
  @Test(arguments: [
    ("CREATE SCHEMA airflow_syncer", "COMMIT"), ("CREATE SCHEMA airflow_syncer", "ROLLBACK"),
    ("CREATE SCHEMA airflow_syncer; \(LedgerServerTests.table)", "COMMIT"),
    ("CREATE SCHEMA airflow_syncer; \(LedgerServerTests.table)", "ROLLBACK"),
  ]) func whoIsOvertakenLooksAgain(_ other: String, _ end: String) async throws {
    let server = try await PostgresServer.shared
    let name = try await emptyDatabase(server)
    let place = LedgerPlace.postgres(configuration(server.conninfo(database: name)))
    async let overtaking = server.execute(
      """
      BEGIN; \(other);
      DO $$ BEGIN
        WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))) LOOP
          PERFORM pg_sleep(0.01);
        END LOOP;
      END $$;
      \(end)
      """, database: name)
    try await eventually("the other's transaction") {
      try await server.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '\(name)' AND query LIKE '%pg_blocking_pids%' "
          + "AND state = 'active'") != "0"
    }
    let ledger = Ledger(at: place, purpose: .syncing)
    try await ledger.open()
    _ = try await overtaking
    #expect(try await ledger.schemaVersion().found == LedgerServer.newestVersion)
    #expect(try await ledger.status().airflow.isEmpty)
  }

  private static let table = """
    CREATE TABLE airflow_syncer.ledger (id bigint PRIMARY KEY CHECK (id = 1), version bigint NOT NULL, seen_at bigint NOT NULL)
    """

  /// Left by a start that was killed, on a server whose CREATE TABLE is a transaction of its own.
  @Test(arguments: ["", "INSERT INTO airflow_syncer.ledger VALUES (1, 0, 0)"])
  func aLedgerThatWasNotMadeToItsEndIsMadeByTheNextStart(_ row: String) async throws {
    let server = try await PostgresServer.shared
    let name = try await emptyDatabase(server)
    let place = LedgerPlace.postgres(configuration(server.conninfo(database: name)))
    try await server.execute("CREATE SCHEMA airflow_syncer; \(Self.table); \(row)", database: name)
    #expect(await failure(place, .reading)?.kind == .unmade)
    #expect(await failure(place, .correcting)?.kind == .unmade)
    try await Self.expectTheNewest(of: [place], starters: 4)
  }

  /// A ledger of the release before.
  @Test func severalStartersAtOnceMigrateItOnce() async throws {
    let server = try await PostgresServer.shared
    let name = try await emptyDatabase(server)
    let place = LedgerPlace.postgres(configuration(server.conninfo(database: name)))
    let before = Migrations.postgres.dropLast()
    try await server.execute(
      """
      CREATE SCHEMA airflow_syncer; SET search_path = airflow_syncer; \(Self.table);
      \(before.map(\.sql).joined(separator: ";\n"));
      INSERT INTO ledger VALUES (1, \(before.count), 0)
      """, database: name)
    #expect(
      await failure(place, .reading)?.kind == .olderSchema(found: before.count, known: LedgerServer.newestVersion))
    try await Self.expectTheNewest(of: [place], starters: 4)
  }

  @Test func aStartThatFindsTheNewestSchemaWaitsForNobody() async throws {
    let server = try await PostgresServer.shared
    let name = try await emptyDatabase(server)
    let place = LedgerPlace.postgres(configuration(server.conninfo(database: name)))
    try await Ledger(at: place, purpose: .syncing).open()
    let holder = Task {
      try await server.execute(
        "BEGIN; UPDATE airflow_syncer.ledger SET seen_at = 1; SELECT pg_sleep(600)", database: name)
    }
    let holding =
      "FROM pg_stat_activity WHERE datname = '\(name)' AND query LIKE '%pg_sleep(600)%' AND state = 'active'"
    try await eventually("the lock") { try await server.execute("SELECT count(*) \(holding)") == "1" }
    try await Ledger(at: place, purpose: .syncing).open()
    try await server.execute("SELECT pg_terminate_backend(pid) \(holding)")
    _ = await holder.result
  }

  @Test(arguments: [Ledger.Purpose.syncing, .reading]) func aNewerLedgerIsRefused(_ purpose: Ledger.Purpose)
    async throws
  {
    let server = try await PostgresServer.shared
    let name = try await emptyDatabase(server)
    let place = LedgerPlace.postgres(configuration(server.conninfo(database: name)))
    try await Ledger(at: place, purpose: .syncing).open()
    let known = LedgerServer.newestVersion
    try await server.execute("UPDATE airflow_syncer.ledger SET version = \(known + 1)", database: name)
    #expect(await failure(place, purpose)?.kind == .newerSchema(found: known + 1, known: known))
  }

  @Test(arguments: [Ledger.Purpose.syncing, .reading])
  func anotherProgramsSchemaIsRefusedAndLeftAsItIs(_ purpose: Ledger.Purpose) async throws {
    let server = try await PostgresServer.shared
    let name = try await emptyDatabase(server)
    try await server.execute("CREATE SCHEMA airflow_syncer; CREATE TABLE airflow_syncer.theirs (n int)", database: name)
    #expect(await failure(.postgres(configuration(server.conninfo(database: name))), purpose)?.kind == .notALedger)
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'airflow_syncer'"
    #expect(try await server.execute(tables, database: name) == "1")
  }

  @Test func aMigrationThatFailsLeavesNothing() async throws {
    let server = try await PostgresServer.shared
    let name = try await emptyDatabase(server)
    // A function of that name takes the place of one that the migration makes.
    try await server.execute(
      "CREATE SCHEMA airflow_syncer; CREATE FUNCTION airflow_syncer.link_lacks_run() RETURNS int LANGUAGE sql AS 'SELECT 1'",
      database: name)
    let error = await failure(.postgres(configuration(server.conninfo(database: name))))
    #expect(error?.kind == .other && error?.description.contains("link_lacks_run") == true)
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'airflow_syncer'"
    #expect(try await server.execute(tables, database: name) == "0")
    try await server.execute("DROP FUNCTION airflow_syncer.link_lacks_run()", database: name)
    try await Ledger(at: .postgres(configuration(server.conninfo(database: name))), purpose: .syncing).open()
  }

  @Test func readingMakesNothing() async throws {
    let server = try await PostgresServer.shared
    let name = try await emptyDatabase(server)
    #expect(await failure(.postgres(configuration(server.conninfo(database: name))), .reading)?.kind == .unmade)
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'airflow_syncer'"
    #expect(try await server.execute(schemas, database: name) == "0")
  }

  @Test func readingSeesWhatARunningSyncerKeeps() async throws {
    try await Driver.$current.withValue(.postgres) {
      let bench = try await Bench()
      let reader = Ledger(at: bench.place, purpose: .reading)
      try await reader.open()
      try await bench.ledger.noteStart(mode: "run", version: "1")
      try await bench.apply(run("running"))
      #expect(try await reader.runs(RunFilter()).map(\.state) == ["running"])
      #expect(try await reader.status().syncer?.isRunning == true)
      try await bench.ledger.noteStop()
      #expect(try await reader.status().syncer?.isRunning == false)
    }
  }

  // MARK: Rights

  @Test func aMissingGrantIsNamedAndIsAllThatIsMissing() async throws {
    let server = try await PostgresServer.shared
    let name = try await emptyDatabase(server)
    let role = PostgresServer.uniqueName("syncer")
    try await server.createRole(role)
    let place = LedgerPlace.postgres(configuration(server.conninfo(database: name, user: role)))
    let error = await failure(place)
    #expect(error?.kind == .denied && error?.description.contains("GRANT CREATE ON DATABASE") == true)
    let grant = try #require(try await Ledger(at: place, purpose: .reading).missingGrant())
    #expect(grant == "GRANT CREATE ON DATABASE \"\(name)\" TO \"\(role)\"")
    try await server.execute(grant, database: name)
    #expect(try await Ledger(at: place, purpose: .reading).missingGrant() == nil)
    try await Ledger(at: place, purpose: .syncing).open()
  }

  @Test func aSchemaThatWasMadeForTheRoleNeedsNoRightOnTheDatabase() async throws {
    let server = try await PostgresServer.shared
    let name = try await emptyDatabase(server)
    let role = PostgresServer.uniqueName("syncer")
    try await server.createRole(role)
    try await server.execute("CREATE SCHEMA airflow_syncer AUTHORIZATION \"\(role)\"", database: name)
    let place = LedgerPlace.postgres(configuration(server.conninfo(database: name, user: role)))
    try await Ledger(at: place, purpose: .syncing).open()
  }

  @Test func whoMayOnlyReadCanRead() async throws {
    let server = try await PostgresServer.shared
    let name = try await emptyDatabase(server)
    try await Ledger(at: .postgres(configuration(server.conninfo(database: name))), purpose: .syncing).open()
    let role = PostgresServer.uniqueName("reader")
    try await server.createRole(role)
    let place = LedgerPlace.postgres(configuration(server.conninfo(database: name, user: role)))
    #expect(await failure(place, .reading)?.kind == .denied)
    try await server.execute(
      """
      GRANT USAGE ON SCHEMA airflow_syncer TO "\(role)";
      GRANT SELECT ON ALL TABLES IN SCHEMA airflow_syncer TO "\(role)"
      """, database: name)
    #expect(try await Ledger(at: place, purpose: .reading).status().airflow.isEmpty)
    let grant = try await Ledger(at: place, purpose: .reading).missingGrant()
    #expect(grant?.contains("INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA airflow_syncer") == true)
  }

  /// What a role has that is to write a ledger that another has made.
  private static func writer(_ role: String) -> String {
    """
    GRANT USAGE ON SCHEMA airflow_syncer TO "\(role)";
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA airflow_syncer TO "\(role)"
    """
  }

  @Test(arguments: [
    "UPDATE ON airflow_syncer.lease", "INSERT ON airflow_syncer.dbt_node", "INSERT ON airflow_syncer.dag_run",
    "DELETE ON airflow_syncer.outbox", "SELECT ON airflow_syncer.search", "USAGE ON SCHEMA airflow_syncer",
  ]) func aRightOnOneTableOrTheSchemaThatIsMissingIsFound(_ right: String) async throws {
    let server = try await PostgresServer.shared
    let name = try await emptyDatabase(server)
    try await Ledger(at: .postgres(configuration(server.conninfo(database: name))), purpose: .syncing).open()
    let role = PostgresServer.uniqueName("syncer")
    try await server.createRole(role)
    try await server.execute(Self.writer(role), database: name)
    let place = LedgerPlace.postgres(configuration(server.conninfo(database: name, user: role)))
    #expect(try await Ledger(at: place, purpose: .reading).missingGrant() == nil)
    try await server.execute("REVOKE \(right) FROM \"\(role)\"", database: name)
    let grant = try #require(try await Ledger(at: place, purpose: .reading).missingGrant())
    let expected =
      right.hasPrefix("USAGE") ? right : "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA airflow_syncer"
    #expect(grant == "GRANT \(expected) TO \"\(role)\"")
    try await server.execute(grant, database: name)
    #expect(try await Ledger(at: place, purpose: .reading).missingGrant() == nil)
  }

  @Test func aRightThatIsTakenAwayWhileItIsOpenIsNamed() async throws {
    let server = try await PostgresServer.shared
    let name = try await emptyDatabase(server)
    try await Ledger(at: .postgres(configuration(server.conninfo(database: name))), purpose: .syncing).open()
    let role = PostgresServer.uniqueName("syncer")
    try await server.createRole(role)
    try await server.execute(Self.writer(role), database: name)
    let place = LedgerPlace.postgres(configuration(server.conninfo(database: name, user: role)))
    let ledger = Ledger(at: place, purpose: .syncing)
    try await ledger.open()
    let leases = try #require(try LeaseBook(place))
    try await leases.enter(mode: "run", version: "1")
    try await server.execute("REVOKE UPDATE ON airflow_syncer.lease FROM \"\(role)\"", database: name)
    var error = await #expect(throws: LedgerError.self) { try await leases.keep([PartName(.airflow, "prod")]) }
    #expect(error?.kind == .denied)
    #expect(
      error?.description.contains("run GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA") == true,
      "\(error?.description ?? "")")
    #expect(error?.description.contains("on this table") == false)
    // The tables look as if they were gone then.
    try await server.execute("REVOKE USAGE ON SCHEMA airflow_syncer FROM \"\(role)\"", database: name)
    error = await #expect(throws: LedgerError.self) { try await leases.keep([]) }
    #expect(error?.kind == .denied && error?.description.contains("run GRANT USAGE ON SCHEMA") == true)
    error = await #expect(throws: LedgerError.self) { try await ledger.progress(of: "prod") }
    #expect(error?.kind == .denied && error?.description.contains("run GRANT USAGE ON SCHEMA") == true)
    try await server.execute(Self.writer(role), database: name)
    #expect(try await ledger.progress(of: "prod").id == 1)
  }

  @Test func aDatabaseThatMayNotBeConnectedToIsSaidToBeSo() async throws {
    let server = try await PostgresServer.shared
    let name = try await emptyDatabase(server)
    let role = PostgresServer.uniqueName("syncer")
    try await server.createRole(role)
    try await server.execute("REVOKE CONNECT ON DATABASE \"\(name)\" FROM PUBLIC")
    let place = LedgerPlace.postgres(configuration(server.conninfo(database: name, user: role)))
    let asked = await #expect(throws: LedgerError.self) {
      try await Ledger(at: place, purpose: .reading).missingGrant()
    }
    for error in [asked, await failure(place), await failure(place, .reading)] {
      #expect(error?.kind == .denied && error?.description.contains("run GRANT CONNECT ON DATABASE") == true)
    }
  }

  @Test func aSchemaThatMayNotBeUsedIsSaidToBeSo() async throws {
    let server = try await PostgresServer.shared
    let name = try await emptyDatabase(server)
    let role = PostgresServer.uniqueName("syncer")
    try await server.createRole(role)
    try await server.execute("CREATE SCHEMA airflow_syncer", database: name)
    let place = LedgerPlace.postgres(configuration(server.conninfo(database: name, user: role)))
    let error = await failure(place)
    #expect(error?.kind == .denied && error?.description.contains("run GRANT USAGE, CREATE ON SCHEMA") == true)
    let grant = try #require(try await Ledger(at: place, purpose: .reading).missingGrant())
    #expect(grant == "GRANT USAGE, CREATE ON SCHEMA airflow_syncer TO \"\(role)\"")
    try await server.execute(grant, database: name)
    try await Ledger(at: place, purpose: .syncing).open()
  }

  @Test func aWrongPasswordIsSaidToBeOneAndNotShown() async throws {
    let server = try await PostgresServer.shared
    let role = PostgresServer.uniqueName("syncer")
    try await server.createRole(role, password: "right")
    let error = await failure(.postgres(configuration(server.conninfo(user: role), password: "canary-secret")))
    #expect(error?.kind == .refused)
    #expect(error?.description.contains("canary") == false)
  }

  // MARK: Faults

  @Test func aServerThatIsAwayIsWaitedFor() async throws {
    let server = try await PostgresServer.start()
    let place = LedgerPlace.postgres(configuration(server.conninfo()))
    let ledger = Ledger(at: place, purpose: .syncing)
    try await ledger.open()
    _ = try await ledger.progress(of: "prod")
    try await server.stop()
    let error = await #expect(throws: LedgerError.self) { try await ledger.progress(of: "prod") }
    #expect(error?.kind == .unreachable && error?.isTransient == true)
    #expect(error?.description.contains("port=\(server.port)") == true)
    try await server.startAgain()
    #expect(try await ledger.progress(of: "prod").id == 1)
    try await server.stop()
  }

  enum Loss: CaseIterable { case schema, madeAnew, madeAnewByAnother, database }

  /// What is written to a ledger that another has made in its place would lack what was there.
  @Test(arguments: Loss.allCases) func aLedgerThatIsGoneIsNotWrittenAnyMore(_ loss: Loss) async throws {
    let server = try await PostgresServer.shared
    let name = try await emptyDatabase(server)
    let place = LedgerPlace.postgres(configuration(server.conninfo(database: name)))
    let bench = try await Bench(place: place)
    let leases = try #require(try LeaseBook(place))
    try await leases.enter(mode: "run", version: "1")
    let held = try await leases.keep([PartName(.airflow, "prod")])
    #expect(held.count == 1)
    if loss == .database {
      try await server.dropDatabase(name)
      try await server.createDatabase(name)
    } else {
      try await server.execute("DROP SCHEMA airflow_syncer CASCADE", database: name)
    }
    switch loss {
    case .schema: break
    case .madeAnew, .database: try await Ledger(at: place, purpose: .syncing).open()
    case .madeAnewByAnother:
      let other = try await Bench(place: place)
      try await other.apply(run("success", end: 40))
    }
    let fence = Fence(part: PartName(.airflow, "prod"), token: 1) {}
    let calls: [@Sendable () async throws -> Void] = [
      { _ = try await bench.ledger.progress(ofSink: "lineage") }, { try await bench.apply(run("running")) },
      { try await Fence.$current.withValue(fence) { _ = try await bench.apply(run("running")) } },
      { _ = try await leases.keep([PartName(.airflow, "prod")]) },
    ]
    for call in calls {
      let error = await #expect(throws: LedgerError.self) { try await call() }
      #expect(error?.kind == .moved && error?.isTransient == false, "\(error?.description ?? "")")
    }
    // The next start goes on with what it finds.
    await bench.ledger.close()
    let next = try await Bench(place: place)
    try await next.apply(run("success", end: 40))
    #expect(try await next.pending().isEmpty == false)
  }

  @Test func aServerThatWasMadeAnewIsToldByItsSinks() async throws {
    let server = try await PostgresServer.shared
    let place = LedgerPlace.postgres(configuration(server.conninfo(database: try await emptyDatabase(server))))
    let bench = try await Bench(place: place)
    // It numbers its tables as the one before did.
    try bench.execute("DELETE FROM sink")
    let error = await #expect(throws: LedgerError.self) { try await bench.apply(run("running")) }
    #expect(error?.kind == .moved)
  }

  @Test func aLedgerThatLacksATableIsTheSame() async throws {
    let server = try await PostgresServer.shared
    let place = LedgerPlace.postgres(configuration(server.conninfo(database: try await emptyDatabase(server))))
    let bench = try await Bench(place: place)
    try bench.execute("ALTER TABLE dag_run RENAME TO dag_run_away")
    let error = await #expect(throws: LedgerError.self) { try await bench.apply(run("running")) }
    #expect(error?.kind == .other && error?.description.contains("dag_run") == true)
    try bench.execute("ALTER TABLE dag_run_away RENAME TO dag_run")
    try await bench.apply(run("running"))
    let unknown = await #expect(throws: LedgerError.self) { try await bench.ledger.progress(ofSink: "nope") }
    #expect(unknown?.kind == .other && unknown?.detail == "sink nope is not registered")
  }

  /// The server goes at every moment of a transaction once, COMMIT among them: what is kept then is all or nothing, and the
  /// same work again makes the same of it.
  @Test func theSameWorkAgainIsHarmlessWhereverTheConnectionBroke() async throws {
    try await Driver.$current.withValue(.postgres) {
      let whole = try await Bench()
      try await work(whole)
      let expected = try await whole.told()
      for delay in 0..<8 {
        let bench = try await Bench()
        guard case .postgres(_, let name) = bench.place else { return }
        let server = try await PostgresServer.shared
        async let killing: Void = {
          for _ in 0..<20 {
            try await Task.sleep(for: .microseconds(300 + delay * 150))
            try await server.execute(
              """
              SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE application_name = '\(name)' AND xact_start IS NOT NULL
              """)
          }
        }()
        for _ in 0..<200 where (try? await work(bench)) == nil {}
        try await killing
        try await work(bench)
        #expect(try await bench.told() == expected)
      }
    }
  }

  private func work(_ bench: Bench) async throws {
    let attempts = (1...50).map { attempt("task_\($0)", "success", end: 30) }
    try await bench.apply(run("success", end: 40), attempts)
  }

  // MARK: Ways to the server

  @Test func theServersCertificateIsChecked() async throws {
    let server = try await PostgresServer.start(encrypted: true)
    let other = try await PostgresServer.start(encrypted: true)
    func place(_ extra: String) -> LedgerPlace {
      .postgres(
        configuration(
          "hostaddr=127.0.0.1 port=\(server.port) dbname=postgres user=postgres sslmode=verify-full \(extra)"))
    }
    let ledger = Ledger(at: place("host=localhost sslrootcert=\(server.certificate)"), purpose: .syncing)
    try await ledger.open()
    #expect(try await ledger.schemaVersion().found == LedgerServer.newestVersion)
    for extra in [
      "host=db.example sslrootcert=\(server.certificate)", "host=localhost sslrootcert=\(other.certificate)",
    ] {
      let error = await failure(place(extra))
      #expect(error?.kind == .unreachable, "\(extra)")
      #expect(error?.description.contains("certificate") == true, "\(extra)")
    }
    try await other.stop()
    try await server.stop()
  }

  @Test func itWorksThroughPgBouncerInTransactionMode() async throws {
    let server = try await PostgresServer.start()
    let bouncer = try await PgBouncer.start(before: server, poolSize: 1)
    let place = LedgerPlace.postgres(configuration(bouncer.conninfo()))
    let ledger = Ledger(at: place, purpose: .syncing)
    try await ledger.open()
    try await ledger.register(sinks: [events])
    _ = try await ledger.progress(of: "prod")
    let reader = Ledger(at: place, purpose: .reading)
    for number in 1...5 {
      let snapshot = DagRunSnapshot(
        run: run("r\(number)", "success", source: Int64(number), end: 40, logical: number),
        attempts: [attempt("success")])
      _ = try await ledger.apply(batch(snapshot)) { _, _ in [] }
      #expect(try await reader.runs(RunFilter()).count == number)
    }
    #expect(try await ledger.pendingCount(ofSink: "lineage") == 20)
    try await bouncer.stop()
    try await server.stop()
  }
}
