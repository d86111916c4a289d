import ExecutionModel
import Postgres
import TestServers
import Testing

@testable import AirflowSource

@Suite struct AirflowReaderSweepTests {
  // MARK: Fingerprints

  @Test(arguments: AirflowDatabase.schemas) func everyVersionSweepsAnEmptyDatabase(_ version: String) async throws {
    let reader = try await AirflowDatabase.reader(try await AirflowDatabase.empty(version))
    let schema = try await reader.probe()
    let batch = try await reader.sweep(SweepRequest(), schema: schema)
    #expect(batch.runs == [])
    #expect(batch.isFinished)
    #expect(batch.lastID == 0)
    #expect(batch.oldestID == nil)
    #expect(!batch.hasArchiveTables)
    #expect(batch.unseen(of: [1, 2]) == [1, 2])
    let named = try await reader.snapshots(of: [1, 2], withFingerprints: true, schema: schema)
    #expect(named.missing == [1, 2])
    #expect(named.snapshots == [])
  }

  @Test(arguments: AirflowDatabase.schemas) func whateverIsReadOfARunChangesItsFingerprintAndNoOther(_ version: String)
    async throws
  {
    let database = try await AirflowDatabase.empty(version)
    try await AirflowDatabase.execute(try await setUp(version, in: database), in: database)
    let reader = try await AirflowDatabase.reader(database)
    let schema = try await reader.probe()
    var known = try await fingerprints(reader, schema)
    #expect(Set(known.values).count == 3)
    for change in try await changes(version, in: database) {
      try await AirflowDatabase.execute("set session_replication_role = replica; " + change, in: database)
      let now = try await fingerprints(reader, schema)
      #expect(known.filter { now[$0.key] != $0.value }.map(\.key) == [2], "\(version): \(change)")
      known = now
    }
  }

  @Test(arguments: ["2.4.3", "2.11.2", "3.3.2"]) func whereAValueStandsCountsAsMuchAsTheValue(_ version: String)
    async throws
  {
    let database = try await AirflowDatabase.empty(version)
    try await AirflowDatabase.execute(AirflowRows.runs(version, ids: 1...1, tasks: 2), in: database)
    let reader = try await AirflowDatabase.reader(database)
    let schema = try await reader.probe()
    let t = "timestamptz '2026-01-01Z'"
    let states = [
      "update task_instance set start_date = \(t), end_date = null",
      "update task_instance set start_date = null, end_date = \(t)",
      "update task_instance set start_date = null, end_date = null, queued_dttm = \(t)",
      "update task_instance set queued_dttm = null",
      "update dag_run set start_date = \(t), end_date = null, queued_at = null",
      "update dag_run set start_date = null, end_date = \(t)",
      "update dag_run set end_date = null, queued_at = \(t)",
      "update task_instance set state = 'a', operator = null",
      "update task_instance set state = null, operator = 'a'",
      "update task_instance set operator = ''",
      // The same values, exchanged between two rows.
      "update task_instance set operator = task_id, try_number = right(task_id, 1)::int",
      "update task_instance set operator = 'task_' || (3 - right(task_id, 1)::int)",
      "update task_instance set try_number = 3 - try_number",
    ]
    var seen: Set<Int64> = []
    for state in states {
      try await AirflowDatabase.execute(state, in: database)
      let now = try #require(try await fingerprints(reader, schema)[1])
      #expect(seen.insert(now).inserted, "\(state)")
    }
  }

  @Test(arguments: ["2.11.2", "3.3.2"]) func neitherSessionNorOrderOfRowsMatters(_ version: String) async throws {
    let database = try await AirflowDatabase.filled(version)
    let schema = try await AirflowDatabase.reader(database).probe()
    let expected = try await fingerprints(try await AirflowDatabase.reader(database), schema)
    #expect(Set(expected.values).count == expected.count)
    try await AirflowDatabase.execute(
      """
      alter database \(database) set timezone = 'Asia/Kathmandu';
      alter database \(database) set datestyle = 'SQL, DMY';
      alter database \(database) set intervalstyle = 'sql_standard';
      alter database \(database) set enable_indexscan = off;
      set session_replication_role = replica;
      create temp table shuffled as select * from task_instance order by md5(task_id || run_id);
      delete from task_instance; insert into task_instance select * from shuffled;
      """, in: database)
    #expect(try await fingerprints(try await AirflowDatabase.reader(database), schema) == expected)
  }

  @Test(arguments: AirflowDatabase.dumps) func everyWayOfReadingGivesTheSameFingerprint(_ version: String) async throws
  {
    let database = try await AirflowDatabase.filled(version)
    let reader = try await AirflowDatabase.reader(database)
    let schema = try await reader.probe()
    try await AirflowDatabase.execute(
      "update dag_run set state = 'running' where id in (select id from dag_run order by id desc limit 2)", in: database
    )
    var swept: [Int64: Int64] = [:]
    var open: Set<Int64> = []
    for run in try await reader.wholeSweep(schema) {
      if run.isOpen { open.insert(run.id) } else { swept[run.id] = run.fingerprint }
    }
    #expect(swept.count > 5)
    #expect(open.count >= 2)
    let live = try await reader.live(LiveRequest(cursor: 0, withFingerprints: true), schema: schema)
    #expect(live.fingerprints == swept)
    #expect(Set(live.openIDs) == open)
    let history = try await reader.history(HistoryRequest(withFingerprints: true), schema: schema)
    #expect(history.fingerprints == swept)
    let named = try await reader.snapshots(
      of: live.snapshots.map(\.run.sourceID), withFingerprints: true, schema: schema)
    #expect(named.fingerprints == swept)
    #expect(named.snapshots == live.snapshots)
    #expect(named.dags == live.dags)
    #expect(try await reader.live(LiveRequest(cursor: 0), schema: schema).fingerprints.isEmpty)
  }

  /// Random rows of real databases get random values; a fingerprint may stay only where the run reads as before.
  @Test(arguments: AirflowDatabase.dumps) func aRunThatReadsDifferentlyHasAnotherFingerprint(_ version: String)
    async throws
  {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededRandom(seed)
    let database = try await AirflowDatabase.filled(version)
    let reader = try await AirflowDatabase.reader(database)
    let schema = try await reader.probe()
    var before = try await reader.history(HistoryRequest(withFingerprints: true), schema: schema)
    let columns = [
      ("dag_run", ["state", "run_id", "dag_id"], ["start_date", "end_date", "queued_at"]),
      ("task_instance", ["task_id", "state", "operator"], ["start_date", "end_date", "queued_dttm"]),
      ("xcom", ["task_id"], ["\"timestamp\""]),
      ("task_instance_history", ["state", "operator"], ["start_date", "end_date", "queued_dttm"]),
    ]
    for round in 0..<40 {
      guard let (table, texts, times) = columns.randomElement(using: &random), schema.has(table) else { continue }
      let isText = Bool.random(using: &random)
      let column = try #require((isText ? texts : times).randomElement(using: &random))
      let isNullable = ["state", "start_date", "end_date", "queued_at", "queued_dttm", "operator"].contains(column)
      let choices =
        isText
        ? ["'success'", "'failed'", "'value \(round)'", isNullable && table != "dag_run" ? "null" : "'x'"]
        : [
          "timestamptz '2026-01-01Z'", "timestamptz '2025-01-01Z' + \(round) * interval '1 us'",
          isNullable ? "null" : "now()",
        ]
      let value = try #require(choices.randomElement(using: &random))
      let offset = Int.random(in: 0..<500, using: &random)
      // A value that another row has may break a unique key; then nothing has changed.
      let change = """
        set session_replication_role = replica;
        update \(table) set \(column) = \(value) where ctid = (select ctid from \(table) order by md5(ctid::text), ctid
          limit 1 offset \(offset) % greatest((select count(*) from \(table)), 1));
        """
      _ = try? await AirflowDatabase.execute(change, in: database)
      let after = try await reader.history(HistoryRequest(withFingerprints: true), schema: schema)
      for (old, new) in zip(before.snapshots, after.snapshots) where !old.run.isOpen && !new.run.isOpen {
        let id = old.run.sourceID
        #expect(
          old == new || before.fingerprints[id] != after.fingerprints[id], "seed \(seed), round \(round): \(change)")
      }
      before = after
    }
  }

  // MARK: Slices

  @Test func slicesCoverEveryRunOnceAndLeaveTheOldAndTheExcludedOut() async throws {
    let database = try await AirflowDatabase.empty("3.3.2")
    try await AirflowDatabase.execute(
      AirflowRows.runs("3.3.2", ids: 1...60, tasks: 3)
        // 5 was cleared and ran again; 44 is running.
        + """
        update dag_run set start_date = timestamptz '2026-03-01Z', end_date = timestamptz '2026-03-02Z' where id = 5;
        update dag_run set state = 'running', end_date = null, start_date = timestamptz '2026-03-02Z' where id = 44;
        delete from dag_run where id = 50;
        """, in: database)
    let reader = try await AirflowDatabase.reader(database, filter: DagFilter(exclude: ["dag_3"]))
    let schema = try await reader.probe()
    let whole = try await reader.sweep(SweepRequest(), schema: schema)
    let expected: [Int64] = (1...60).filter { $0 % 20 != 3 && $0 != 50 }
    #expect(whole.runs.map(\.id) == expected)
    #expect(whole.excluded == [3, 23, 43])
    #expect(whole.isFinished)
    #expect(whole.lastID == 60)
    #expect(whole.oldestID == 1)
    #expect(whole.runs.filter(\.isOpen).map(\.id) == [44])
    #expect(whole.unseen(of: [1, 3, 50, 60, 61]) == [50, 61])
    #expect((whole.moment.serverMilliseconds ?? 0) > 0)

    // Run n starts n minutes after midnight and ends an hour later.
    let since = try #require(Instant("2026-01-01T01:41:00Z"))
    for limit in [1, 4, 100] {
      var request = SweepRequest(since: since, limit: limit)
      var ids: [Int64] = []
      while true {
        let slice = try await reader.sweep(request, schema: schema)
        #expect(slice.runs.count <= limit)
        #expect(slice.runs.allSatisfy { $0.id > request.after && $0.id <= slice.lastID })
        #expect(slice.unseen(of: slice.runs.map(\.id)).isEmpty)
        ids += slice.runs.map(\.id)
        if slice.isFinished { break }
        #expect(slice.lastID > request.after)
        request.after = slice.lastID
      }
      let expected: [Int64] = [5, 41, 42] + (44...49) + (51...60)
      #expect(ids == expected)
    }
  }

  @Test func aSliceIsBoundedByTimeAndByTheIdsItLooksAt() async throws {
    let database = try await AirflowDatabase.empty("2.11.2")
    try await AirflowDatabase.execute(AirflowRows.runs("2.11.2", ids: 1...30, tasks: 2), in: database)
    var limits = ReadLimits()
    limits.runsPerFingerprint = 4
    limits.sweepMilliseconds = 0
    limits.runsPerSweep = 10
    let reader = AirflowReader(
      instance: "test", connection: try await AirflowDatabase.connection(database),
      filter: DagFilter(exclude: ["dag_7", "dag_8"]), limits: TransactionLimits(), readLimits: limits)
    let schema = try await reader.probe()
    var request = SweepRequest(limit: 8)
    var slices: [[Int64]] = []
    while true {
      let slice = try await reader.sweep(request, schema: schema)
      slices.append(slice.runs.map(\.id))
      if slice.isFinished { break }
      request.after = slice.lastID
    }
    #expect(slices.allSatisfy { $0.count <= 4 })
    let expected: [Int64] = (1...30).filter { ![7, 8, 27, 28].contains($0) }
    #expect(slices.flatMap { $0 } == expected)
    // Nothing in the first ten ids is young enough, yet the slice says how far it looked.
    request = SweepRequest(since: Instant("2026-01-01T01:25:00Z"), limit: 8)
    let old = try await reader.sweep(request, schema: schema)
    #expect(old.runs.isEmpty)
    #expect(old.lastID == 10)
    #expect(!old.isFinished)
  }

  // MARK: Runs by id

  @Test func runsAreReadByIDAndTheRestIsNamed() async throws {
    let database = try await AirflowDatabase.empty("3.3.2")
    try await AirflowDatabase.execute(AirflowRows.runs("3.3.2", ids: 1...20, tasks: 10), in: database)
    var limits = ReadLimits()
    limits.taskInstancesPerChunk = 25
    limits.taskInstancesPerCall = 50
    let reader = AirflowReader(
      instance: "test", connection: try await AirflowDatabase.connection(database),
      filter: DagFilter(exclude: ["dag_4"]), limits: TransactionLimits(), readLimits: limits)
    let schema = try await reader.probe()
    let batch = try await reader.snapshots(of: [9, 1, 99, 4, 2, 3, 3, 5, 6, 7, 8, 10], schema: schema)
    #expect(batch.snapshots.map(\.run.sourceID) == [1, 2, 3, 5, 6, 7])
    #expect(batch.rest == [8, 9, 10])
    #expect(batch.missing == [99])
    #expect(batch.excluded == [4])
    #expect(batch.fingerprints.isEmpty)
    #expect(batch.rowCounts.taskInstances == 60)
    let rest = try await reader.snapshots(of: batch.rest, schema: schema)
    #expect(rest.snapshots.map(\.run.sourceID) == [8, 9, 10])
    #expect(rest.rest == [])
    #expect(try await reader.snapshots(of: [], schema: schema).snapshots == [])
  }

  // MARK: Help

  private func fingerprints(_ reader: AirflowReader, _ schema: AirflowSchema) async throws -> [Int64: Int64] {
    Dictionary(uniqueKeysWithValues: try await reader.wholeSweep(schema).map { ($0.id, $0.fingerprint) })
  }

  /// Three runs of three tasks with whatever the version can hold.
  private func setUp(_ version: String, in database: String) async throws -> String {
    var sql = AirflowRows.runs(version, ids: 1...3, tasks: 3)
    for run in 1...3 {
      sql += AirflowRows.xcom(version, run: run, task: "task_1", key: "job_run_id", json: "'5'")
      sql += AirflowRows.xcom(version, run: run, task: "task_1", key: "job_run_url", json: "'\"u\"'")
      sql += AirflowRows.xcom(version, run: run, task: "task_1", key: "other", json: "'5'")
    }
    let isAirflow3 = version.hasPrefix("3")
    if ["2.10.5", "2.11.2", "3.0.6", "3.3.2"].contains(version) {
      let ids = isAirflow3 ? "task_instance_id, span_status," : ""
      sql += """
        insert into task_instance_history (\(ids) task_id, dag_id, run_id, map_index, try_number, pool, pool_slots, max_tries)
          select \(isAirflow3 ? "gen_random_uuid(), 'ended'," : "") task_id, dag_id, run_id, map_index, 0, pool, 1, 0
          from task_instance;
        """
    }
    return sql
  }

  /// Statements that each change what is read of run 2 and of no other.
  private func changes(_ version: String, in database: String) async throws -> [String] {
    let isAirflow3 = version.hasPrefix("3")
    let task = "where run_id = 'run_2' and task_id = 'task_1'"
    var changes = [
      "update dag_run set state = 'failed' where id = 2",
      "update dag_run set start_date = start_date + interval '1 us' where id = 2",
      "update dag_run set end_date = null where id = 2",
      "update dag_run set queued_at = now() where id = 2",
      "update task_instance set state = 'failed' \(task)",
      "update task_instance set state = null \(task)",
      "update task_instance set start_date = start_date + interval '1 us' \(task)",
      "update task_instance set end_date = null \(task)",
      "update task_instance set queued_dttm = null \(task)",
      "update task_instance set operator = 'Other' \(task)",
      "update task_instance set try_number = 2 \(task)",
      "update task_instance set max_tries = 2 \(task)",
      "update xcom set \"timestamp\" = now() \(task) and key = 'job_run_id'",
      "delete from xcom \(task) and key = 'job_run_url'",
      // A task is expanded.
      "update task_instance set map_index = 0 \(task)",
      """
      insert into task_instance select (jsonb_populate_record(t, jsonb_build_object(
        'map_index', 1\(isAirflow3 ? ", 'id', gen_random_uuid()" : "")))).* from task_instance t \(task)
      """,
    ]
    if !["2.4.3", "2.6.3"].contains(version) {
      changes += [
        "update dag_run set clear_number = 1 where id = 2",
        "update task_instance set custom_operator_name = '@task' \(task)",
      ]
    }
    if !["2.4.3", "2.6.3", "2.8.4"].contains(version) {
      changes.append("update task_instance set rendered_map_index = 'x' \(task)")
    }
    if version != "2.4.3" {
      changes += [
        "insert into dag_run_note (dag_run_id, content, created_at, updated_at) values (2, 'a', now(), now())",
        "update dag_run_note set content = 'b'",
        "delete from dag_run_note",
        isAirflow3
          ? """
          insert into task_instance_note (ti_id, content, created_at, updated_at)
            select id, 'a', now(), now() from task_instance \(task) and map_index = 0
          """
          : """
          insert into task_instance_note (task_id, dag_id, run_id, map_index, content, created_at, updated_at)
            values ('task_1', 'dag_2', 'run_2', 0, 'a', now(), now())
          """,
        "update task_instance_note set content = 'b'",
        "delete from task_instance_note",
      ]
    }
    if ["2.10.5", "2.11.2", "3.0.6", "3.3.2"].contains(version) {
      let other = "where run_id = 'run_2' and task_id = 'task_2'"
      changes += [
        "update task_instance_history set state = 'failed' \(other)",
        "update task_instance_history set start_date = now() \(other)",
        "update task_instance_history set end_date = now() \(other)",
        "delete from task_instance_history \(other)",
      ]
    }
    changes += [
      "delete from task_instance where run_id = 'run_2' and task_id = 'task_3'",
      "delete from task_instance where run_id = 'run_2'; delete from xcom where run_id = 'run_2'",
      "delete from dag_run where id = 2",
    ]
    return changes
  }
}

extension AirflowReader {
  /// A whole sweep, slice by slice.
  func wholeSweep(_ schema: AirflowSchema, limit: Int = 13) async throws -> [SweptRun] {
    var runs: [SweptRun] = []
    var request = SweepRequest(limit: limit)
    while true {
      let batch = try await sweep(request, schema: schema)
      runs += batch.runs
      if batch.isFinished { return runs }
      request.after = batch.lastID
    }
  }
}
