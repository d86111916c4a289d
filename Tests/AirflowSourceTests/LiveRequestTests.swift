import ExecutionModel
import Testing

@testable import AirflowSource

/// Polls that leave out what has not changed.
@Suite struct LiveRequestTests {
  /// Runs 1 to 6 of four tasks, of which 3 to 6 are open.
  private func openRuns(_ version: String) async throws -> String {
    let database = try await AirflowDatabase.empty(version)
    try await AirflowDatabase.execute(
      AirflowRows.runs(version, ids: 1...6, tasks: 4)
        + """
        update dag_run set state = 'running', end_date = null where id > 2;
        update task_instance set operator = 'DbtCloudRunJobOperator' where task_id = 'task_2';
        update task_instance set state = 'running', end_date = null, duration = null
        where run_id in ('run_3', 'run_4', 'run_5', 'run_6') and task_id in ('task_1', 'task_2');
        """, in: database)
    return database
  }

  @Test(arguments: AirflowDatabase.schemas) func onlyOpenRunsThatChangedAreReadAgain(_ version: String) async throws {
    let database = try await openRuns(version)
    let reader = try await AirflowDatabase.reader(database)
    let schema = try await reader.probe()
    let first = try await reader.live(LiveRequest(cursor: 0, knownFingerprints: [:]), schema: schema)
    #expect(first.snapshots.count == 6)
    #expect(first.unchangedIDs == [])
    #expect(Set(first.fingerprints.keys) == [3, 4, 5, 6])
    var request = LiveRequest(
      cursor: first.highestID, knownInWindow: Set(1...6), remembered: [3, 4, 5, 6],
      knownFingerprints: first.fingerprints)
    let idle = try await reader.live(request, schema: schema)
    #expect(idle.snapshots == [])
    #expect(idle.unchangedIDs == [3, 4, 5, 6])
    #expect(idle.fingerprints == first.fingerprints)
    #expect(idle.openIDs == [3, 4, 5, 6])
    #expect(idle.rowCounts == RowCounts())
    #expect(idle.resumeAfter == nil)

    // One task ends; one writes an XCom; one gets its template fields, some time after it has started.
    try await AirflowDatabase.execute(
      """
      update task_instance set state = 'success', end_date = now() where run_id = 'run_3' and task_id = 'task_1';
      insert into rendered_task_instance_fields (dag_id, task_id, run_id, map_index, rendered_fields)
        select dag_id, task_id, run_id, map_index, '{"job_id": 1}' from task_instance
        where run_id = 'run_5' and task_id = 'task_2';
      """ + AirflowRows.xcom(version, run: 4, task: "task_1", key: "job_run_id", json: "'5'"), in: database)
    let poll = try await reader.live(request, schema: schema)
    #expect(poll.snapshots.map(\.run.sourceID) == [3, 4, 5])
    #expect(poll.snapshots.last?.renderedFields.map(\.taskID) == ["task_2"])
    #expect(poll.unchangedIDs == [6])
    #expect(Set(poll.fingerprints.keys) == [3, 4, 5, 6])

    // A run that ends is read, whatever is known of it; and gives the fingerprint that a sweep will find.
    request.knownFingerprints = poll.fingerprints
    request.withFingerprints = true
    try await AirflowDatabase.execute("update dag_run set state = 'success' where id = 6", in: database)
    let last = try await reader.live(request, schema: schema)
    #expect(last.snapshots.map(\.run.sourceID) == [6])
    #expect(last.unchangedIDs == [3, 4, 5])
    let swept = try await reader.sweep(SweepRequest(), schema: schema).runs.filter { $0.id > 2 }
    #expect(last.fingerprints == Dictionary(uniqueKeysWithValues: swept.map { ($0.id, $0.fingerprint) }))
  }

  @Test func aRunThatWasNeverReadIsReadWhateverIsKnownOfIt() async throws {
    let reader = try await AirflowDatabase.reader(try await openRuns("2.11.2"))
    let schema = try await reader.probe()
    let known = try await reader.live(LiveRequest(cursor: 0, knownFingerprints: [:]), schema: schema).fingerprints
    let again = try await reader.live(
      LiveRequest(cursor: 4, knownInWindow: [3], knownFingerprints: known), schema: schema)
    #expect(again.snapshots.map(\.run.sourceID) == [1, 2, 4, 5, 6])
    #expect(again.unchangedIDs == [3])
  }

  @Test func whatTheLimitsLeaveIsNeitherReadNorCalledUnchanged() async throws {
    let database = try await openRuns("3.3.2")
    var limits = ReadLimits()
    limits.taskInstancesPerChunk = 4
    limits.taskInstancesPerCall = 4
    let reader = AirflowReader(
      instance: "test", connection: try await AirflowDatabase.connection(database), filter: .all, limits: .init(),
      readLimits: limits)
    let schema = try await reader.probe()
    let whole = try await AirflowDatabase.reader(database).live(
      LiveRequest(cursor: 0, knownFingerprints: [:]), schema: schema)
    // 3 and 6 are as they were.
    try await AirflowDatabase.execute(
      "update dag_run set queued_at = now() where id in (4, 5)", in: database)
    var request = LiveRequest(
      cursor: 6, knownInWindow: Set(1...6), remembered: [3, 4, 5, 6], knownFingerprints: whole.fingerprints)
    var read: [Int64] = []
    var unchanged: [Int64] = []
    repeat {
      let batch = try await reader.live(request, schema: schema)
      #expect(batch.snapshots.count <= 1)
      #expect(Set(batch.fingerprints.keys) == Set(batch.snapshots.map(\.run.sourceID) + batch.unchangedIDs))
      read += batch.snapshots.map(\.run.sourceID)
      unchanged += batch.unchangedIDs
      request.resumeAfter = batch.resumeAfter
    } while request.resumeAfter != nil
    #expect(read == [4, 5])
    #expect(unchanged == [3, 6])
  }
}
