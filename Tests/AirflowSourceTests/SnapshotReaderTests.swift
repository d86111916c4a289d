import ExecutionModel
import Postgres
import Testing

@testable import AirflowSource

@Suite struct SnapshotReaderTests {
  private func reader(_ database: String, _ limits: ReadLimits = ReadLimits()) async throws -> AirflowReader {
    AirflowReader(
      instance: "test", connection: try await AirflowDatabase.connection(database), filter: .all,
      limits: TransactionLimits(), readLimits: limits)
  }

  /// Runs 1 to 40 of 20 DAGs; every run has earlier tries and a note, and DAG 1 more earlier tries than are read through.
  private func retried(_ version: String) async throws -> String {
    let database = try await AirflowDatabase.empty(version)
    let isAirflow3 = version.hasPrefix("3")
    var sql = AirflowRows.runs(version, ids: 1...40, tasks: 3)
    sql += """
      update task_instance set try_number = 2 where task_id = 'task_2';
      update task_instance set try_number = 30 where task_id = 'task_3' and dag_id = 'dag_1';
      insert into task_instance_history (\(isAirflow3 ? "task_instance_id, span_status," : "") task_id, dag_id, run_id,
          map_index, try_number, state, start_date, end_date, pool, pool_slots, max_tries)
        select \(isAirflow3 ? "gen_random_uuid(), 'ended'," : "") task_id, dag_id, run_id, map_index, n, 'failed',
          start_date, end_date, pool, 1, 0
        from task_instance t, generate_series(1, t.try_number - 1) n;
      """
    sql +=
      isAirflow3
      ? """
      insert into task_instance_note (ti_id, content, created_at, updated_at)
        select id, 'note of ' || run_id, now(), now() from task_instance where task_id = 'task_1';
      insert into task_reschedule (ti_id, start_date, end_date, duration, reschedule_date)
        select id, timestamptz '2025-01-01Z', now(), 1, now() from task_instance where task_id = 'task_1';
      """
      : """
      insert into task_instance_note (task_id, dag_id, run_id, map_index, content, created_at, updated_at)
        select task_id, dag_id, run_id, map_index, 'note of ' || run_id, now(), now() from task_instance where task_id = 'task_1';
      insert into task_reschedule (task_id, dag_id, run_id, map_index, try_number, start_date, end_date, duration, reschedule_date)
        select task_id, dag_id, run_id, map_index, 1, timestamptz '2025-01-01Z', now(), 1, now()
        from task_instance where task_id = 'task_1';
      """
    // Earlier tries of runs that are gone, which are all the same in the index.
    sql += """
      insert into task_instance_history (\(isAirflow3 ? "task_instance_id, span_status," : "") task_id, dag_id, run_id,
          map_index, try_number, pool, pool_slots, max_tries)
        select \(isAirflow3 ? "gen_random_uuid(), 'ended'," : "") 'task_2', 'dag_1', 'gone_' || n, -1, 1, 'p', 1, 0
        from generate_series(1, 1200) n;
      """
    try await AirflowDatabase.execute(sql, in: database)
    return database
  }

  private func check(_ snapshots: [DagRunSnapshot]) {
    #expect(snapshots.count == 40)
    for snapshot in snapshots {
      let isOften = snapshot.run.key.dagID == "dag_1"
      #expect(snapshot.attempts.count == (isOften ? 4 + 29 : 4))
      let attempts = Dictionary(uniqueKeysWithValues: snapshot.attempts.map { ($0.key, $0) })
      let first = attempts[AttemptKey(taskID: "task_1", mapIndex: -1, tryNumber: 1)]
      #expect(first?.note == "note of \(snapshot.run.key.runID)")
      #expect(first?.startDate == Instant("2025-01-01T00:00:00Z"))
      #expect(snapshot.attempts.filter { $0.note != nil }.count == 1)
      #expect(attempts[AttemptKey(taskID: "task_2", mapIndex: -1, tryNumber: 1)]?.state == "failed")
      #expect(attempts[AttemptKey(taskID: "task_2", mapIndex: -1, tryNumber: 2)]?.isCurrent == true)
      if isOften { #expect(attempts[AttemptKey(taskID: "task_3", mapIndex: -1, tryNumber: 29)]?.state == "failed") }
    }
  }

  @Test(arguments: ["2.11.2", "3.0.6", "3.3.2"]) func earlierTriesAndNotesAreFoundHoweverManyThereAre(_ version: String)
    async throws
  {
    let database = try await retried(version)
    let schema = try await reader(database).probe()
    var limits = ReadLimits()
    // Looked up one by one, and looked at as a whole.
    for bytes: Int64 in [0, 1 << 20] {
      limits.noteBytesPerTaskInstance = bytes
      check(try await reader(database, limits).wholeHistory(schema))
    }
  }

  /// A view has no size on the disk.
  @Test(arguments: ["2.11.2", "3.3.2"]) func viewsInPlaceOfTablesAreReadAsWell(_ version: String) async throws {
    let database = try await retried(version)
    for table in ["task_instance_history", "task_instance_note", "task_reschedule"] {
      try await AirflowDatabase.execute(
        "alter table \(table) rename to \(table)_kept; create view \(table) as select * from \(table)_kept",
        in: database)
    }
    check(try await reader(database).wholeHistory(try await reader(database).probe()))
  }

  @Test(arguments: ["2.11.2", "3.3.2"]) func aCallThatTakesTooLongLeavesTheRestToTheNextOne(_ version: String)
    async throws
  {
    let database = try await retried(version)
    var limits = ReadLimits()
    limits.taskInstancesPerChunk = 7
    limits.readMilliseconds = 0
    let slow = try await reader(database, limits)
    let schema = try await slow.probe()
    // One chunk, of two runs, however many were asked for.
    let page = try await slow.history(HistoryRequest(), schema: schema)
    #expect(page.snapshots.map(\.run.sourceID) == [40, 39])
    #expect(page.lowestID == 39)
    #expect(!page.isFinished)
    let live = try await slow.live(LiveRequest(cursor: 0), schema: schema)
    #expect(live.newIDs == [1, 2])
    #expect(live.resumeAfter == 2)
    let named = try await slow.snapshots(of: [5, 6, 7], schema: schema)
    #expect(named.snapshots.map(\.run.sourceID) == [5, 6])
    #expect(named.rest == [7])
    check(try await slow.wholeHistory(schema, limit: 500))
  }
}
