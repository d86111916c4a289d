import ExecutionModel
import Postgres
import TestServers
import Testing

@testable import AirflowSource

/// Reads from a real streaming replica that lets no query hold its recovery back.
@Suite struct ReplicaTests {
  private static let pair = Task {
    let primary = try await PostgresServer.start(settings: PostgresServer.replicable)
    let replica = try await primary.startReplica(
      settings: ["max_standby_streaming_delay": "0", "hot_standby_feedback": "off"])
    return (primary: primary, replica: replica)
  }

  /// A history in a database that is on both. How long a read of the DAGs' tags takes is up to the table `gate`.
  private static func database(_ version: String) async throws -> String {
    let (primary, replica) = try await pair.value
    let name = try await primary.createAirflow(version, history: GeneratedHistory(runs: 20, tasks: 5, openRuns: 2))
    try await primary.execute(
      """
      CREATE TABLE gate AS SELECT 0 AS seconds;
      ALTER TABLE dag_tag RENAME TO ungated;
      CREATE VIEW dag_tag AS SELECT u.name, u.dag_id FROM ungated u, gate g WHERE pg_sleep(g.seconds) IS NOT NULL;
      """, database: name)
    try await primary.waitForReplay(by: replica)
    return name
  }

  private static func reader(_ database: String) async throws -> AirflowReader {
    AirflowReader(
      instance: "test",
      connection: AirflowDatabase.connection(conninfo: try await pair.value.replica.conninfo(database: database)))
  }

  @Test(arguments: ["2.11.2", "3.3.2"]) func aReplicaShowsWhatThePrimaryDoes(_ version: String) async throws {
    let (primary, _) = try await Self.pair.value
    let database = try await Self.database(version)
    let direct = AirflowReader(
      instance: "test", connection: AirflowDatabase.connection(conninfo: primary.conninfo(database: database)))
    let reader = try await Self.reader(database)
    let schema = try await reader.probe()
    #expect(schema.isReplica)
    #expect(try await !direct.probe().isReplica)
    let batch = try await reader.live(LiveRequest(cursor: 0), schema: schema)
    #expect(batch.snapshots == (try await direct.live(LiveRequest(cursor: 0), schema: schema).snapshots))
    #expect(batch.moment.isReplica)
    #expect(batch.moment.replayLagSeconds != nil)
  }

  enum Way: CaseIterable, Sendable { case live, history, snapshots }

  @Test(arguments: Way.allCases) func aReadThatRecoveryCancelsIsReadAgain(_ way: Way) async throws {
    let (primary, replica) = try await Self.pair.value
    let database = try await Self.database("2.11.2")
    let reader = try await Self.reader(database)
    let schema = try await reader.probe()
    let before = try await Self.conflicts(database)
    try await primary.execute("UPDATE gate SET seconds = 25", database: database)
    try await primary.waitForReplay(by: replica)

    async let read: [DagRunSnapshot] = {
      switch way {
      case .live: try await reader.live(LiveRequest(cursor: 0), schema: schema).snapshots
      case .history: try await reader.history(HistoryRequest(), schema: schema).snapshots
      case .snapshots: try await reader.snapshots(of: Array(1...20), schema: schema).snapshots
      }
    }()
    try await eventually("a read that waits at the gate") {
      try await replica.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '\(database)' AND query LIKE '%dag_tag%' AND wait_event = 'PgSleep'"
      ) == "1"
    }
    // What the reader's snapshot still shows is removed for good; the next snapshot finds the gate open.
    try await primary.execute(
      "UPDATE gate SET seconds = 0; DELETE FROM task_instance WHERE run_id IN (SELECT run_id FROM dag_run WHERE id = 7);",
      database: database)
    try await primary.execute("VACUUM task_instance", database: database)

    let snapshots = try await read
    #expect(Set(snapshots.map(\.run.sourceID)) == Set(1...20))
    // Read after the conflict: what was cancelled left nothing behind.
    #expect(snapshots.first { $0.run.sourceID == 7 }?.attempts == [])
    try await eventually("a conflict that the replica has counted") { try await Self.conflicts(database) > before }
  }

  @Test func aReadThatIsCancelledAgainAndAgainFailsAndAsksForLess() async throws {
    let database = try await AirflowDatabase.empty("2.11.2")
    try await AirflowDatabase.execute(
      AirflowRows.runs("2.11.2", ids: 1...1, tasks: 1) + """
        create function conflict() returns text language plpgsql as $$
          begin raise 'canceling statement due to conflict with recovery' using errcode = '40001'; end $$;
        alter table dag_tag rename to tags;
        create view dag_tag as select conflict() as name, dag_id from tags;
        insert into tags (name, dag_id) values ('a', 'dag_1');
        """, in: database)
    let reader = try await AirflowDatabase.reader(database)
    let schema = try await reader.probe()
    let error = try await #require(throws: AirflowSourceError.self) {
      try await reader.live(LiveRequest(cursor: 0), schema: schema)
    }
    #expect(error.action == .retry)
    #expect(error.isTooSlow)
  }

  @Test func aRunThatHasNotArrivedIsNeitherRemovedNorLost() async throws {
    let (primary, replica) = try await Self.pair.value
    let database = try await Self.database("3.3.2")
    let reader = try await Self.reader(database)
    let schema = try await reader.probe()
    try await replica.execute("SELECT pg_wal_replay_pause()")
    try await eventually("a pause") { try await replica.execute("SELECT pg_get_wal_replay_pause_state()") == "paused" }
    try await primary.execute(
      """
      SET session_replication_role = replica;
      INSERT INTO dag_run SELECT (jsonb_populate_record(d, '{"id": 21, "run_id": "late", "logical_date": null}')).* FROM dag_run d WHERE id = 20;
      """, database: database)
    let missing = [MissingRun(id: 21, dagID: "dag_0000", startDate: nil)]
    let early = try await reader.snapshots(of: [21], schema: schema)
    #expect(early.missing == [21])
    #expect(early.moment.isReplica)
    #expect(try await reader.removals(of: missing, schema: schema).removals == [:])
    #expect(
      try await reader.live(LiveRequest(cursor: 20, knownInWindow: Set(1...20), remembered: [21]), schema: schema)
        .snapshots.map(\.run.sourceID)
        == [19, 20])
    try await replica.execute("SELECT pg_wal_replay_resume()")
    try await primary.waitForReplay(by: replica)
    let late = try await reader.live(
      LiveRequest(cursor: 20, knownInWindow: Set(1...20), remembered: [21]), schema: schema)
    #expect(late.newIDs == [21])
    #expect(late.missing == [])
  }

  private static func conflicts(_ database: String) async throws -> Int {
    let text = try await pair.value.replica.execute(
      "SELECT coalesce(sum(confl_snapshot + confl_lock), 0) FROM pg_stat_database_conflicts WHERE datname = '\(database)'"
    )
    return Int(text) ?? -1
  }
}
