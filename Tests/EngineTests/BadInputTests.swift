import DbtCloudStandIn
import ExecutionModel
import FoundationEssentials
import Glibc
import JSONText
import Platform
import TestServers
import Testing

/// What goes wrong in the world: a clear message that says what to do, the rest goes on, nothing that was read is lost.
@Suite struct BadInputTests {
  // MARK: The Airflow database

  @Test func aServerThatDoesNotListenIsNamed() async throws {
    let port = try freePort()
    let dsn = "host=127.0.0.1 port=\(port) dbname=airflow user=syncer sslmode=disable"
    let lab = try await Lab(database: "none", truth: nil, .init(dsn: dsn))
    let sync = try await lab.run(["sync"])
    #expect(sync.status == 1)
    #expect(sync.errorText.contains("failed: Airflow instance lab: "))
    #expect(sync.errorText.contains("port=\(port)"))
    let validate = try await lab.run(["validate"])
    #expect(validate.status == 69)
    #expect(validate.text.contains("error    airflow lab: "))
    let status = try await lab.run(["status"])
    #expect(status.status == 2)
    #expect(status.text.hasPrefix("DOWN"))
    #expect(status.text.contains("airflow-syncer validate"))
  }

  @Test func aWrongPasswordIsToldWithoutThePassword() async throws {
    let server = try await PostgresServer.shared
    let role = PostgresServer.uniqueName("locked_out")
    try await server.createRole(role, password: "right-0815")
    let database = try await AirflowFixtures.schema("2.6.3")
    let lab = try await Lab(database: database, truth: nil)
    let file = try lab.folder.write("wrong-4711\n", to: "password")
    try lab.configure(
      .init(dsn: server.conninfo(database: database, user: role), airflow: ["password_file: \(file)"]))
    let sync = try await lab.run(["sync"])
    #expect(sync.status == 1)
    #expect(sync.errorText.contains("password"))
    #expect(sync.errorText.contains(role))
    let everything = sync.errorText + sync.text + (try await lab.run(["status", "--json"])).text
    #expect(!everything.contains("4711"))
    #expect(!everything.contains("0815"))
  }

  /// The grants that are printed are enough, and nothing but SELECT is among them.
  @Test(arguments: AirflowFixtures.versions)
  func aMissingGrantIsPrintedAndHelps(_ version: String) async throws {
    let server = try await PostgresServer.shared
    let role = PostgresServer.uniqueName("reader")
    try await server.createRole(role)
    let database = try await AirflowFixtures.dump(version)
    try await server.execute("GRANT SELECT ON dag_run, task_instance TO \(role)", database: database)
    let lab = try await Lab(
      database: database, truth: version, .init(dsn: server.conninfo(database: database, user: role)))
    let sync = try await lab.run(["sync"])
    #expect(sync.status == 1)
    #expect(sync.errorText.contains("GRANT SELECT ON"))
    #expect(sync.errorText.contains("xcom"))
    let grants = try await lab.run(["validate", "--print-grants"])
    #expect(grants.status == 0)
    let statements = grants.text.split(separator: "\n").filter { !$0.hasPrefix("--") }
    #expect(!statements.isEmpty)
    #expect(statements.allSatisfy { !$0.contains("INSERT") && !$0.contains("ALL ") })
    try await server.execute(grants.text, database: database)
    try await lab.sync()
    #expect(try Truth(version).judge(try await lab.records()).wrong == [])
    #expect(try await lab.run(["validate"]).status == 0)
  }

  @Test func aDatabaseThatIsNoAirflowIsCalledThat() async throws {
    let server = try await PostgresServer.shared
    let database = PostgresServer.uniqueName("shop")
    try await server.createDatabase(database)
    try await server.execute("CREATE TABLE orders (id int)", database: database)
    let lab = try await Lab(database: database, truth: nil)
    let sync = try await lab.run(["sync"])
    #expect(sync.status == 1)
    #expect(sync.errorText.contains(database))
    #expect(sync.errorText.contains("Airflow"))
    #expect(sync.errorText.contains("dag_run"))
  }

  @Test(arguments: AirflowFixtures.versions)
  func aMissingColumnIsNamed(_ version: String) async throws {
    let database = try await AirflowFixtures.schema(version)
    let lab = try await Lab(database: database, truth: nil)
    try await lab.server.execute("ALTER TABLE dag_run DROP COLUMN run_type CASCADE", database: database)
    let sync = try await lab.run(["sync"])
    #expect(sync.status == 1)
    #expect(sync.errorText.contains("run_type"))
    #expect(sync.errorText.contains("2.4"))
  }

  /// Before 2.2 task instances had no run_id.
  @Test func anAirflowThatIsTooOldIsCalledThat() async throws {
    let database = try await AirflowFixtures.schema("2.4.3")
    let lab = try await Lab(database: database, truth: nil)
    try await lab.server.execute(
      """
      ALTER TABLE task_instance DROP COLUMN run_id CASCADE, DROP COLUMN map_index CASCADE;
      ALTER TABLE task_instance ADD COLUMN execution_date timestamptz;
      UPDATE alembic_version SET version_num = '7b2661a43ba3'
      """, database: database)
    let sync = try await lab.run(["sync"])
    #expect(sync.status == 1)
    #expect(sync.errorText.contains("task_instance.run_id") || sync.errorText.contains("run_id"))
    #expect(sync.errorText.contains("2.4"))
  }

  // MARK: dbt Cloud

  @Test(arguments: [401, 403])
  func aTokenThatIsRefusedIsToldAndTheRecordsAreKept(_ status: Int) async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3")
    lab.standIn.add(.init(.status(status, retryAfter: nil)))
    let sync = try await lab.run(["sync"])
    #expect(sync.status == 1)
    #expect(sync.errorText.contains("account-1001"))
    #expect(sync.errorText.contains("\(status)"))
    #expect(sync.errorText.contains("token_file"))
    #expect(!sync.errorText.contains("token-1001\n"))
    #expect(try await lab.records().count == 11)
    let kept = try await lab.run(["runs", "show", "dbt_matrix@latest", "--json"])
    #expect(kept.text.contains("the token was refused with \(status)"))
    #expect(try await lab.run(["status"]).status == 1)
    lab.standIn.removeFaults()
    try await lab.sync()
    #expect(try Truth("2.6.3").judge(try await lab.records()).exact == 26)
    #expect(try await lab.state() == "healthy")
  }

  @Test(arguments: ["truncated", "not JSON", "an array", "binary"])
  func anArtifactThatCannotBeReadLeavesTheRecord(_ kind: String) async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3")
    let whole = String(decoding: try Fixtures.read("dbt/1.12-postgres/03_run/run_results.json"), as: UTF8.self)
    let text =
      switch kind {
      case "truncated": String(whole.prefix(whole.count / 2))
      case "not JSON": "this is no JSON"
      case "an array": "[1, 2, 3]"
      default: "\u{0}\u{1}\u{2}"
      }
    try lab.folder.write("dbt build", to: "command")
    try lab.folder.write(text, to: "run_results.json")
    try lab.folder.write("{}", to: "manifest.json")
    let folder = try #require(ArtifactFolder(path: lab.folder.path))
    let run = try #require(Truth("2.6.3").run(of: "run_sync"))
    lab.standIn.setArtifacts([folder], account: run.account, run: run.id)
    try await lab.sync()
    let records = try await lab.records(["--dbt-run", "\(run.id)"])
    #expect(records.count == 1)
    #expect(records.first?.contains(#""run_results":"invalid""#) == true)
    // Everything else is there.
    #expect(try Truth("2.6.3").judge(try await lab.records()).exact == 26)
    #expect(try await lab.run(["runs", "show", "\(run.id)"]).text.contains("run_results.json cannot be read"))
  }

  @Test(arguments: [Fault.Kind.truncate, .cut, .html, .status(500, retryAfter: nil)])
  func whatBreaksOnItsWayIsFetchedAgain(_ fault: Fault.Kind) async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3")
    lab.standIn.add(.init(fault, path: "run_results", count: 2))
    try await lab.sync()
    let calm = try await Lab(database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3")
    try await calm.sync()
    expectEqual(try await lab.recordsWithoutRevision(), try await calm.recordsWithoutRevision())
    expectEqual(lab.backend.distinct, calm.backend.distinct)
  }

  @Test func thePageOfAProxyIsCalledThat() async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3")
    lab.standIn.add(.init(.html))
    let sync = try await lab.run(["sync"])
    #expect(sync.status == 1)
    #expect(sync.errorText.contains("HTML"))
    #expect(sync.errorText.contains("proxy"))
    lab.standIn.removeFaults()
    try await lab.sync()
    #expect(try Truth("2.6.3").judge(try await lab.records()).exact == 26)
  }

  /// One run that dbt Cloud cannot answer for is no outage of the account.
  @Test func aRunThatAlwaysFailsHoldsUpNoOther() async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3")
    let id = try #require(Truth("2.6.3").run(of: "run_sync")).id
    lab.standIn.add(.init(.status(500, retryAfter: nil), path: "/runs/\(id)/"))
    let sync = try await lab.run(["sync"])
    #expect(sync.status == 1)
    #expect(sync.errorText.contains("\(id)"))
    let records = try await lab.records()
    let others = records.filter { !$0.contains("\"run_id\":\(id)") }
    #expect(others.count >= records.count - 1)
    #expect(records.reduce(0) { $0 + $1.ranges(of: #""complete":true"#).count } >= 28)
    #expect(try await lab.status()["dbt_cloud"]?.arrayValue?.first?["error"]?.stringValue == nil)
  }

  @Test func anAccountThatIsNotConfiguredIsNamedAndHealsWhenItIs() async throws {
    let lab = try await Lab(
      database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3", .init(accounts: [1001]))
    try await lab.sync()
    let record = try #require(try await lab.records(["--dag", "dbt_matrix"]).first)
    #expect(record.contains("70437463654557"))
    #expect(record.contains("is not configured"))
    var verdict = try Truth("2.6.3").judge(try await lab.records())
    #expect(verdict.wrong.count == 1)
    try lab.configure(.init())
    try await lab.sync()
    verdict = try Truth("2.6.3").judge(try await lab.records())
    #expect(verdict.wrong == [])
    #expect(verdict.exact == 26)
  }

  /// Though the Airflow tasks have ended long ago.
  @Test func aRunUnderWayIsAskedForUntilItIsOver() async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump("3.3.2"), truth: "3.3.2")
    for run in try TruthFile.runs(ofFile: Fixtures.path("airflow/dumps/3.3.2.truth.json")) {
      var young = run
      young.createdAt = Instant(microseconds: wallClockMicroseconds())
      lab.standIn.add(young)
    }
    lab.standIn.setProgress(.seconds(2))
    let daemon = try lab.startDaemon()
    try await eventually("a run under way") {
      try await lab.recordsSoFar().contains { $0.contains(#""status":"queued""#) }
    }
    try await eventually(within: 60, "the end of all runs") {
      let text = try await lab.recordsSoFar().joined()
      return text.ranges(of: #""complete":true"#).count >= 33 && !text.contains(#""complete":false"#)
    }
    try await lab.waitUntilIdle()
    daemon.signal(SIGTERM)
    #expect(try await daemon.finish(within: 20).status == 0)
    try expectWellFormed(lab.backend.bodies)
  }

  @Test func aSyncTellsOfRunsUnderWayAndTheNextFetchesThem() async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3")
    lab.standIn.setProgress(.polls(1000))
    #expect(try await lab.sync().text.contains("dbt runs are still under way"))
    lab.standIn.setProgress(.over)
    try await lab.sync()
    let calm = try await Lab(database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3")
    try await calm.sync()
    expectEqual(try await lab.recordsWithoutRevision(), try await calm.recordsWithoutRevision())
    try expectWellFormed(lab.backend.bodies)
  }

  // MARK: Names and sizes

  @Test func namesThatAreNotUTF8AreKept() async throws {
    let server = try await PostgresServer.shared
    let database = PostgresServer.uniqueName("ascii")
    try await server.createDatabase(database, encoding: "SQL_ASCII")
    try await server.loadSQL(Fixtures.path(try AirflowSchemas.path(of: "2.11.2")), into: database)
    try await server.execute(
      """
      SET session_replication_role = replica;
      INSERT INTO dag_run (dag_id, run_id, execution_date, run_type, state, clear_number, start_date, end_date)
        VALUES (convert_from('\\xe974e9'::bytea, 'SQL_ASCII'), 'r1', '2026-01-01', 'manual', 'success', 0, '2026-01-01',
          '2026-01-02');
      INSERT INTO task_instance (dag_id, run_id, task_id, map_index, try_number, state, pool, pool_slots, start_date, end_date)
        VALUES (convert_from('\\xe974e9'::bytea, 'SQL_ASCII'), 'r1', convert_from('\\xfffe'::bytea, 'SQL_ASCII'), -1, 1,
          'success', 'default_pool', 1, '2026-01-01', '2026-01-02')
      """, database: database)
    let lab = try await Lab(database: database, truth: nil)
    try await lab.sync()
    let records = try await lab.records()
    #expect(records.count == 1)
    let record = try JSONValue(parsing: try #require(records.first))
    #expect(record["attempts"]?.arrayValue?.count == 1)
    #expect(lab.backend.bodies.count == 4)
    for body in lab.backend.bodies { #expect(String(validating: body, as: UTF8.self) != nil) }
    let shown = try await lab.run(["runs", "show", "r1"])
    #expect(shown.status == 0)
  }

  @Test(arguments: ["2.11.2", "3.3.2"])
  func namesWithQuotesAndLineFeedsSurvive(_ version: String) async throws {
    let name = "it's \"odd\"\n\u{1B}[31mred\u{7} % _ \\ 🦆"
    let lab = try await Lab(database: try await AirflowFixtures.dump(version), truth: version)
    let quoted = "'" + name.replacing("'", with: "''") + "'"
    try await lab.server.execute(
      """
      SET session_replication_role = replica;
      UPDATE task_instance SET task_id = \(quoted) WHERE task_id = 'run_sync';
      UPDATE xcom SET task_id = \(quoted) WHERE task_id = 'run_sync';
      UPDATE task_instance SET run_id = \(quoted) FROM dag_run r WHERE r.id = (SELECT min(id) FROM dag_run)
        AND task_instance.dag_id = r.dag_id AND task_instance.run_id = r.run_id;
      UPDATE dag_run SET run_id = \(quoted) WHERE id = (SELECT min(id) FROM dag_run);
      """, database: lab.database)
    try await lab.sync()
    let records = try await lab.records()
    #expect(
      try records.contains { record in
        try JSONValue(parsing: record)["attempts"]?.arrayValue?.contains { $0["task_id"]?.stringValue == name } == true
      })
    #expect(
      try lab.backend.bodies.contains {
        try JSONValue(parsing: $0)["job"]?["name"]?.stringValue?.hasSuffix("." + name) == true
      })
    let key = try #require(
      try records.map { try JSONValue(parsing: $0)["key"]?.stringValue }.first { $0?.hasSuffix(name) == true } ?? nil)
    for arguments in [["runs", "list"], ["runs", "show", "dbt_matrix@latest"], ["runs", "show", key], ["status"]] {
      let screen = try await lab.run(arguments)
      #expect(screen.status == 0, "\(screen.errorText)")
      #expect(!screen.standardOutput.contains(0x1B))
      #expect(!screen.standardOutput.contains(0x07))
    }
  }

  @Test(arguments: ["2.11.2", "3.3.2"])
  func anXComOfTwentyMegabytesIsLeftAlone(_ version: String) async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump(version), truth: version)
    let value =
      version == "3.3.2"
      ? "to_jsonb(repeat('x', 20000000))" : "convert_to('\"' || repeat('x', 20000000) || '\"', 'UTF8')"
    // Tasks that return something of their own, and one whose dbt run would be known by it.
    try await lab.server.execute(
      "UPDATE xcom SET value = \(value) WHERE key = 'return_value' AND task_id IN ('hook_returns_id', 'run_sync')",
      database: lab.database)
    try await lab.sync()
    var verdict = try Truth(version).judge(try await lab.records())
    #expect(verdict.wrong == [])
    verdict.unresolved = []
    #expect(verdict.exact == SyncPassTests.expected[version]?.exact)
  }

  @Test func aRunWithTenThousandMappedTasksIsRead() async throws {
    let lab = try await Lab(
      database: try await AirflowFixtures.schema("2.11.2"), truth: nil, .init(hasLineage: false))
    try await lab.server.execute(
      """
      SET session_replication_role = replica;
      INSERT INTO dag_run (dag_id, run_id, execution_date, run_type, state, clear_number, start_date, end_date)
        VALUES ('wide', 'r1', '2026-01-01', 'manual', 'success', 0, '2026-01-01', '2026-01-02');
      INSERT INTO task_instance (dag_id, run_id, task_id, map_index, try_number, state, pool, pool_slots, start_date, end_date)
        SELECT 'wide', 'r1', 'each', n, 1, 'success', 'default_pool', 1, '2026-01-01', '2026-01-01 00:01:00'
        FROM generate_series(0, 9999) n
      """, database: lab.database)
    try await lab.sync()
    let record = try JSONValue(parsing: try #require(try await lab.records().first))
    #expect(record["attempts"]?.arrayValue?.count == 10_000)
    #expect(lab.archiveLines.count == 1)
    let shown = try await lab.run(["runs", "show", "wide@latest"])
    #expect(shown.status == 0)
    #expect(shown.text.contains("each[9999]"))
    #expect(try await lab.run(["runs", "list"]).text.contains("10000"))
  }

  // MARK: Exit statuses

  @Test func exitStatusesSayWhatIsWrong() async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3")
    #expect(try await lab.run(["status"]).status == 2)
    #expect(try await lab.run(["sync", "--nonsense"]).status == 64)
    #expect(try await lab.run(["runs", "dance"]).status == 64)
    #expect(try await lab.run(["sync", "--instance", "other"]).status == 64)
    #expect(try await Program.run(["sync"], config: "\(lab.folder.path)/nothing.yaml").status == 78)
    let path = try lab.folder.write("airflow:\n  - name: lab\n    dns: host=x\n", to: "wrong.yaml")
    let wrong = try await Program.run(["sync"], config: path)
    #expect(wrong.status == 78)
    #expect(wrong.errorText.contains("\(path):3:5"))
    #expect(wrong.errorText.contains("dsn"))
    #expect(try await lab.run(["runs", "show", "nobody"]).status == 69)

    let daemon = try lab.startDaemon()
    try await eventually("that it works") { try await lab.state() == "healthy" }
    let second = try await lab.run(["sync"])
    #expect(second.status == 75)
    #expect(second.errorText.contains("in use by another airflow-syncer"))
    #expect(try await lab.run(["status"]).status == 0)
    #expect(try await lab.run(["runs", "show", "nobody"]).status == 1)
    daemon.signal(SIGKILL)
    _ = try await daemon.finish()
    let down = try await lab.run(["status"])
    #expect(down.status == 2)
    #expect(down.text.contains("did not stop in good order"))
    try await lab.sync()
    #expect(try await lab.run(["status"]).status == 0)
  }
}
