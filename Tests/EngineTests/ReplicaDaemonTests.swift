import Glibc
import JSONText
import TestServers
import Testing

@testable import Engine

/// The daemon reads a streaming replica that lets no query hold its recovery back.
@Suite struct ReplicaDaemonTests {
  private struct Pair: Sendable {
    var primary: PostgresServer
    var replica: PostgresServer
    var database: String

    /// - Parameter history: in a database that is on both. How long a read of the DAGs' tags takes is up to the table `gate`.
    init(_ version: String, _ history: GeneratedHistory) async throws {
      primary = try await PostgresServer.start(settings: PostgresServer.replicable)
      database = try await primary.createAirflow(version, history: history)
      try await primary.execute(
        """
        CREATE TABLE gate AS SELECT 0 AS seconds;
        ALTER TABLE dag_tag RENAME TO ungated;
        CREATE VIEW dag_tag AS SELECT u.name, u.dag_id FROM ungated u, gate g WHERE pg_sleep(g.seconds) IS NOT NULL;
        """, database: database)
      replica = try await primary.startReplica(
        settings: ["max_standby_streaming_delay": "0", "hot_standby_feedback": "off"])
      try await primary.waitForReplay(by: replica)
    }

    func lab(role: String = "replica", reading server: PostgresServer? = nil) async throws -> Lab {
      try await Lab(
        database: database, server: server ?? replica, truth: nil,
        .init(airflow: ["role: \(role)"], pollInterval: "100ms", accounts: [], hasLineage: false))
    }
  }

  private static func stop(_ daemon: Subprocess) async throws -> String {
    daemon.signal(SIGTERM)
    let output = try await daemon.finish(within: 20)
    #expect(output.status == 0, "\(output.errorText)")
    return output.errorText
  }

  private static func airflow(_ lab: Lab) async throws -> JSONValue? {
    try await lab.status()["airflow"]?.arrayValue?.first
  }

  @Test func aReplicaGivesTheRecordsOfItsPrimaryAndSaysHowFarItIsBehind() async throws {
    let pair = try await Pair("3.3.2", GeneratedHistory(runs: 40, tasks: 6, openRuns: 2))
    let direct = try await pair.lab(role: "primary", reading: pair.primary)
    try await direct.sync()
    let lab = try await pair.lab()
    let daemon = try lab.startDaemon()
    try await lab.waitForPolls()
    try await lab.waitUntilIdle()
    expectEqual(try await lab.recordsWithoutRevision(), try await direct.recordsWithoutRevision())
    let airflow = try #require(try await Self.airflow(lab))
    #expect(airflow["role"]?.stringValue == "replica")
    #expect(airflow["replay_lag_seconds"] != .null)
    #expect(try await lab.run(["status"]).text.contains(/replica\+[0-9]/))
    // What happens on the primary arrives.
    try await pair.primary.execute(
      "UPDATE dag_run SET state = 'failed', end_date = now() WHERE state = 'running'", database: pair.database)
    try await eventually("the end of the open runs") { try await Self.airflow(lab)?["open_runs"]?.integerValue == 0 }
    #expect(!(try await Self.stop(daemon)).contains("airflow_lost"))
  }

  @Test func recoveryConflictsAreNoOutageAndLoseNothing() async throws {
    let pair = try await Pair("2.11.2", GeneratedHistory(runs: 30, tasks: 5, openRuns: 2))
    let lab = try await pair.lab()
    try await pair.primary.execute("UPDATE gate SET seconds = 25", database: pair.database)
    try await pair.primary.waitForReplay(by: pair.replica)
    let daemon = try lab.startDaemon()
    try await eventually("a read that waits at the gate") {
      try await pair.replica.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%dag_tag%' AND wait_event = 'PgSleep'") != "0"
    }
    try await pair.primary.execute(
      "UPDATE gate SET seconds = 0; DELETE FROM task_instance WHERE run_id IN (SELECT run_id FROM dag_run WHERE id = 7)",
      database: pair.database)
    try await pair.primary.execute("VACUUM task_instance", database: pair.database)
    try await eventually("all runs") { try await lab.recordsSoFar().count == 30 }
    try await lab.waitForPolls()
    try await lab.waitUntilIdle()
    for record in try await lab.records() { #expect(try JSONValue(parsing: record)["removed"] == .null) }
    try await eventually("a conflict that the replica has counted") {
      try await pair.replica.execute("SELECT sum(confl_snapshot + confl_lock) > 0 FROM pg_stat_database_conflicts")
        == "t"
    }
    #expect(!(try await Self.stop(daemon)).contains("airflow_lost"))
  }

  /// The syncer has seen a run on another server, which is further ahead.
  @Test(arguments: ["replica", "primary"]) func aRunThatHasNotArrivedIsNotTakenForDeleted(_ role: String) async throws {
    let pair = try await Pair("3.3.2", GeneratedHistory(runs: 20, tasks: 4))
    try await pair.replica.execute("SELECT pg_wal_replay_pause()")
    try await eventually("a pause") {
      try await pair.replica.execute("SELECT pg_get_wal_replay_pause_state()") == "paused"
    }
    try await pair.primary.execute(
      """
      SET session_replication_role = replica;
      INSERT INTO dag_run SELECT (jsonb_populate_record(d, '{"id": 21, "run_id": "late", "state": "running", "logical_date": null, "end_date": null}')).*
        FROM dag_run d WHERE id = 20;
      """, database: pair.database)
    let lab = try await pair.lab(role: role, reading: pair.primary)
    try await lab.sync()
    #expect(try await lab.records().count == 21)
    try lab.configure(
      .init(
        dsn: pair.replica.conninfo(database: pair.database), airflow: ["role: \(role)"], pollInterval: "100ms",
        accounts: [],
        hasLineage: false))
    let daemon = try lab.startDaemon()
    try await pair.replica.waitForPolls(5, of: "lab", in: pair.database)
    func late() async throws -> JSONValue {
      try JSONValue(parsing: try #require(try await lab.records().first { $0.contains("\"late\"") }))
    }
    #expect(try await late()["removed"] == .null)
    #expect(try await late()["dag_run"]?["state"]?.stringValue == "running")
    try await pair.primary.execute(
      "UPDATE dag_run SET state = 'success', end_date = now() WHERE id = 21", database: pair.database)
    try await pair.replica.execute("SELECT pg_wal_replay_resume()")
    try await eventually("the end of the late run") { try await late()["dag_run"]?["state"]?.stringValue == "success" }
    #expect(try await late()["removed"] == .null)
    #expect(!(try await Self.stop(daemon)).contains("airflow_lost"))
  }

  @Test func aReplicaThatIsPromotedIsReadOn() async throws {
    let pair = try await Pair("3.3.2", GeneratedHistory(runs: 20, tasks: 4, openRuns: 1))
    let lab = try await pair.lab()
    let daemon = try lab.startDaemon()
    try await lab.waitForPolls()
    try await pair.primary.stop()
    try await pair.replica.execute("SELECT pg_promote()")
    try await pair.replica.execute(
      "UPDATE dag_run SET state = 'success', end_date = now() WHERE id = 20", database: pair.database)
    try await eventually("the end of the open run") { try await Self.airflow(lab)?["open_runs"]?.integerValue == 0 }
    #expect(try await Self.airflow(lab)?["role"]?.stringValue == "primary")
    _ = try await Self.stop(daemon)
  }

  // MARK: What is said about `role`

  @Test func aRoleThatDoesNotFitTheServerIsWarnedAbout() async throws {
    let pair = try await Pair("2.6.3", GeneratedHistory(runs: 2, tasks: 1))
    for (role, server, words) in [
      ("replica", pair.replica, nil), ("primary", pair.primary, nil), ("primary", pair.replica, "set `role: replica`"),
      ("replica", pair.primary, "set `role: primary`"),
    ] {
      let output = try await pair.lab(role: role, reading: server).run(["validate"])
      if let words {
        #expect(output.text.contains(words), "\(output.text)")
      } else {
        #expect(!output.text.contains("set `role:"), "\(output.text)")
      }
    }
  }
}
