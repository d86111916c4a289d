import ExecutionModel
import Postgres
import TestServers
import Testing

@testable import AirflowSource

/// The dump of 2.11.2 before and after a real upgrade to 3.3.2.
@Suite struct UpgradedDatabaseTests {
  /// All that a reader can see, in an order that does not depend on where rows lie.
  private static func read(_ database: String) async throws -> [DagRunSnapshot] {
    let reader = try await AirflowDatabase.reader(database)
    return try await reader.wholeHistory(try await reader.probe()).map { snapshot in
      var snapshot = snapshot
      snapshot.xcoms.sort { ($0.taskID, $0.mapIndex, $0.key) < ($1.taskID, $1.mapIndex, $1.key) }
      snapshot.renderedFields.sort { ($0.taskID, $0.mapIndex) < ($1.taskID, $1.mapIndex) }
      return snapshot
    }
  }

  private static func upgraded(_ change: String = "") async throws -> (
    before: [DagRunSnapshot], after: [DagRunSnapshot], database: String
  ) {
    let database = try await AirflowDatabase.filled("2.11.2")
    try await AirflowDatabase.execute("set session_replication_role = replica; select 1;" + change, in: database)
    let before = try await read(database)
    try await AirflowUpgrade().apply(to: database, of: try await PostgresServer.shared)
    return (before, try await read(database), database)
  }

  @Test func theSchemaThatItLeavesIsAmongTheFixtures() async throws {
    let columns = """
      select table_name, column_name, data_type, is_nullable from information_schema.columns
        where table_schema = 'public' and table_name not like 'ab\\_%'
      union all select tablename, indexname, indexdef, '' from pg_indexes
        where schemaname = 'public' and tablename not like 'ab\\_%'
      """
    let database = try await Self.upgraded().database
    let expected = try await AirflowDatabase.lines(columns, in: try await AirflowDatabase.empty("3.3.2-upgraded"))
    #expect(try await AirflowDatabase.lines(columns, in: database) == expected)
    let head = try await AirflowDatabase.lines("select version_num from alembic_version", in: database)
    #expect(head == [try AirflowDatabase.head("3.3.2-upgraded")])
  }

  @Test func everyAttemptReadsAsBefore() async throws {
    let (before, after, _) = try await Self.upgraded()
    #expect(before.count > 15)
    #expect(after.map(\.run.key) == before.map(\.run.key))
    #expect(after.map(\.run.sourceID) == before.map(\.run.sourceID))
    for (old, new) in zip(before, after) {
      #expect(new.attempts == old.attempts, "\(old.run.key)")
      #expect(new.renderedFields == old.renderedFields, "\(old.run.key)")
      var run = new.run
      // What only 3.x keeps, and what it calls otherwise or throws away.
      #expect(run.runAfter == run.dataIntervalEnd ?? run.logicalDate)
      run.runAfter = nil
      if run.runType == "asset_triggered" { run.runType = "dataset_triggered" }
      if run.conf == nil { run.conf = RawJSON("{}") }
      run.conf = run.conf.map { $0.text.contains("é") ? RawJSON(#"{"note":"é ☃","n":1}"#) : $0 }
      #expect(run == old.run)
    }
  }

  /// Airflow moves pickled values to another table.
  @Test func xcomsThatWereJSONReadAsBefore() async throws {
    let (before, after, database) = try await Self.upgraded()
    let archived = Set(
      try await AirflowDatabase.lines("select dag_run_id, task_id, map_index, key from _xcom_archive", in: database))
    #expect(archived.count == 88)
    for (old, new) in zip(before, after) {
      let left = old.xcoms.filter { !archived.contains("\(old.run.sourceID)|\($0.taskID)|\($0.mapIndex)|\($0.key)") }
      #expect(new.xcoms.map(\.key) == left.map(\.key), "\(old.run.key)")
      #expect(new.xcoms.map(\.timestamp) == left.map(\.timestamp), "\(old.run.key)")
    }
  }

  /// The upgrade drops task_reschedule.try_number and lets all pokes refer to the live row.
  @Test func pokesOfAnEarlierTryAreNotTheStartOfALaterOne() async throws {
    let change = """
      update task_instance set try_number = 2, start_date = timestamptz '2026-11-21 02:00Z', end_date = timestamptz '2026-11-21 02:01Z'
        where task_id = 'sense' and run_id = 'exp_resched_1';
      insert into task_instance_history (task_id, dag_id, run_id, map_index, try_number, start_date, end_date, state, pool,
          pool_slots, max_tries)
        select task_id, dag_id, run_id, map_index, 1, timestamptz '2026-11-21 00:44Z', timestamptz '2026-11-21 00:45Z', 'failed', pool,
          pool_slots, max_tries from task_instance where task_id = 'sense' and run_id = 'exp_resched_1';
      insert into task_reschedule (task_id, dag_id, run_id, map_index, try_number, start_date, end_date, duration, reschedule_date)
        select task_id, dag_id, run_id, map_index, 2, timestamptz '2026-11-21 01:59Z', timestamptz '2026-11-21 01:59Z', 1,
          timestamptz '2026-11-21 02:00Z' from task_instance where task_id = 'sense' and run_id = 'exp_resched_1';
      """
    let (before, after, _) = try await Self.upgraded(change)
    func tries(_ snapshots: [DagRunSnapshot]) -> [Int: Instant?] {
      Dictionary(
        uniqueKeysWithValues: snapshots.filter { $0.run.key.runID == "exp_resched_1" }.flatMap(\.attempts)
          .filter { $0.key.taskID == "sense" }.map { ($0.key.tryNumber, $0.startDate) })
    }
    #expect(tries(before)[2] == Instant("2026-11-21T01:59:00Z"))
    #expect(tries(after)[2] == Instant("2026-11-21T01:59:00Z"))
    #expect(tries(before).keys.sorted() == tries(after).keys.sorted())
  }
}
