import ExecutionModel
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

  @Test func severalStartersAtOnceMakeOneLedger() async throws {
    let server = try await PostgresServer.shared
    let place = LedgerPlace.postgres(configuration(server.conninfo(database: try await emptyDatabase(server))))
    let ledgers = (0..<4).map { _ in Ledger(at: place, purpose: .syncing) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for ledger in ledgers { group.addTask { try await ledger.open() } }
      try await group.waitForAll()
    }
    for ledger in ledgers { #expect(try await ledger.schemaVersion().found == LedgerServer.newestVersion) }
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
