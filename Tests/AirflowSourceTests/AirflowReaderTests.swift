import ExecutionModel
import JSONText
import Postgres
import TestServers
import Testing

@testable import AirflowSource

@Suite struct AirflowReaderTests {
  // MARK: Every version

  @Test(arguments: AirflowDatabase.schemas) func everyVersionAnswersOnAnEmptyDatabase(_ version: String) async throws {
    let reader = try await AirflowDatabase.reader(try await AirflowDatabase.empty(version))
    let schema = try await reader.probe()
    #expect(schema.family == (version.hasPrefix("3") ? .airflow3 : .airflow2))
    #expect(schema.alembicHead == (try AirflowDatabase.head(version)))
    let minor = version.split(separator: ".").prefix(2).joined(separator: ".")
    #expect(schema.version?.split(separator: "-").contains { $0 == minor } ?? false)
    #expect(
      schema.tryNumbering == (["2.4.3", "2.6.3", "2.8.4", "2.9.3"].contains(version) ? .whenStarted : .whenScheduled))
    let live = try await reader.live(LiveRequest(cursor: 0, remembered: [5]), schema: schema)
    #expect(live.snapshots == [])
    #expect(live.missing == [5])
    #expect(live.highestID == 0)
    #expect(!live.hasMore)
    #expect(!live.moment.isReplica)
    let history = try await reader.history(HistoryRequest(countsRemaining: true), schema: schema)
    #expect(history.isFinished)
    #expect(history.remaining == 0)
    #expect(try await reader.highestRunID() == 0)
  }

  @Test(arguments: AirflowDatabase.schemas) func everyVersionReadsEveryTable(_ version: String) async throws {
    let database = try await AirflowDatabase.empty(version)
    let isAirflow3 = version.hasPrefix("3")
    var sql = AirflowRows.runs(version, ids: 1...2, tasks: 20)
    sql += AirflowRows.xcom(version, run: 1, task: "task_1", json: "'[1, 2.50]'")
    sql += AirflowRows.xcom(version, run: 1, task: "task_2", key: "job_run_id", json: "'70437463654557'")
    sql += AirflowRows.xcom(version, run: 1, task: "task_2", key: "other", json: "'1'")
    sql += """
      insert into rendered_task_instance_fields (dag_id, task_id, run_id, map_index, rendered_fields)
      select dag_id, task_id, run_id, map_index, '{"job_id": 101}' from task_instance where task_id in ('task_1', 'task_2', 'task_20');
      insert into dag_tag (name, dag_id) values ('z', 'dag_1'), ('a', 'dag_1');
      """
    if isAirflow3 {
      sql += """
        insert into task_reschedule (ti_id, start_date, end_date, duration, reschedule_date)
        select id, timestamptz '2026-01-01Z', now(), 1, now() from task_instance where task_id = 'task_3' and run_id = 'run_1';
        insert into task_instance_note (ti_id, content, created_at, updated_at)
        select id, 'a note', now(), now() from task_instance where task_id = 'task_4' and run_id = 'run_1';
        """
    } else {
      sql += """
        insert into task_reschedule (task_id, dag_id, run_id, map_index, try_number, start_date, end_date, duration, reschedule_date)
        values ('task_3', 'dag_1', 'run_1', -1, 1, timestamptz '2026-01-01Z', now(), 1, now());
        """
      if version != "2.4.3" {
        sql += """
          insert into task_instance_note (task_id, dag_id, run_id, map_index, content, created_at, updated_at)
          values ('task_4', 'dag_1', 'run_1', -1, 'a note', now(), now());
          """
      }
    }
    if version != "2.4.3" {
      sql +=
        "insert into dag_run_note (dag_run_id, content, created_at, updated_at) values (1, 'of the run', now(), now());"
    }
    try await AirflowDatabase.execute(sql, in: database)
    let reader = try await AirflowDatabase.reader(database)
    let schema = try await reader.probe()
    let batch = try await reader.live(LiveRequest(cursor: 0), schema: schema)
    #expect(batch.newIDs == [1, 2])
    #expect(batch.highestID == 2)
    let first = try #require(batch.snapshots.first)
    #expect(first.run.key == DagRunKey(instance: "test", dagID: "dag_1", runID: "run_1"))
    #expect(first.run.logicalDate == Instant("2026-01-01T00:01:00Z"))
    #expect((first.run.runAfter != nil) == isAirflow3)
    #expect(first.run.clearNumber == (["2.4.3", "2.6.3"].contains(version) ? nil : 0))
    #expect(first.run.note == (version == "2.4.3" ? nil : "of the run"))
    #expect(first.attempts.count == 20)
    let attempts = Dictionary(uniqueKeysWithValues: first.attempts.map { ($0.key.taskID, $0) })
    #expect(attempts["task_1"]?.duration == 30.5)
    #expect(attempts["task_1"]?.operatorName == "BashOperator")
    #expect(attempts["task_3"]?.startDate == Instant("2026-01-01T00:00:00Z"))
    #expect(attempts["task_4"]?.note == (version == "2.4.3" ? nil : "a note"))
    #expect(Set(first.xcoms.map(\.content)) == [.json(RawJSON("[1,2.50]")), .json(RawJSON("70437463654557"))])
    #expect(first.xcoms.allSatisfy { $0.timestamp == Instant("2026-01-01T00:01:10Z") })
    // By the operator's name and by an XCom; task_1 is neither.
    #expect(Set(first.renderedFields.map(\.taskID)) == ["task_2", "task_20"])
    #expect(first.renderedFields.first?.fields == RawJSON(#"{"job_id":101}"#))
    #expect(batch.dags.isEmpty, "the DAG was deleted, its run not")
  }

  // MARK: Beside a migration of Airflow

  /// A deadlock would end one of the two, and it may well be the migration.
  @Test(arguments: ["2.11.2", "3.3.2"]) func aReadIsInNobodysWayWhileItWaits(_ version: String) async throws {
    try await Self.expectAllAttempts(
      version, whileItWaitsFor: "SET deadlock_timeout = '500ms'; BEGIN; LOCK TABLE task_instance;",
      thenDone: "LOCK TABLE dag_run; COMMIT;")
  }

  /// To a snapshot that is older than the rewriting of a table, Postgres shows that table as empty ("Caveats" in the
  /// chapter "Concurrency Control").
  @Test(arguments: ["2.11.2", "3.3.2"]) func aTableThatIsRewrittenMeanwhileIsNotReadAsEmpty(_ version: String)
    async throws
  {
    try await Self.expectAllAttempts(
      version,
      whileItWaitsFor: "BEGIN; ALTER TABLE task_instance ADD COLUMN made uuid DEFAULT gen_random_uuid();",
      thenDone: "COMMIT;")
  }

  /// Reads while a migration holds `task_instance`, which goes on once the read waits for it.
  private static func expectAllAttempts(
    _ version: String, whileItWaitsFor migration: String, thenDone end: String
  ) async throws {
    let database = try await AirflowDatabase.empty(version)
    try await AirflowDatabase.execute(AirflowRows.runs(version, ids: 1...2, tasks: 3), in: database)
    let reader = try await AirflowDatabase.reader(database)
    let schema = try await reader.probe()
    async let migrated = AirflowDatabase.execute(
      """
      \(migration)
      DO $$ BEGIN
        WHILE NOT EXISTS (SELECT FROM \(locks(on: "task_instance")) AND NOT granted) LOOP
          PERFORM pg_sleep(0.002);
        END LOOP;
      END $$;
      \(end)
      """, in: database)
    try await untilLocked("task_instance", in: database)
    let batch = try await reader.live(LiveRequest(cursor: 0), schema: schema)
    #expect(batch.snapshots.map(\.attempts.count) == [3, 3])
    _ = try await migrated
  }

  @Test func aTableThatStaysLockedIsAReasonToAskAgain() async throws {
    let database = try await AirflowDatabase.empty("3.3.2")
    let reader = try await AirflowDatabase.reader(database)
    let schema = try await reader.probe()
    let name = PostgresServer.uniqueName("holder")
    let holder = Task {
      try await AirflowDatabase.execute(
        "SET application_name = '\(name)'; BEGIN; LOCK TABLE xcom; SELECT pg_sleep(600)", in: database)
    }
    try await Self.untilLocked("xcom", in: database)
    let error = await #expect(throws: AirflowSourceError.self) {
      _ = try await reader.live(LiveRequest(cursor: 0), schema: schema)
    }
    #expect(error?.action == .retry && error?.cause?.sqlState == "55P03")
    #expect(error?.problems.first?.contains("holds a lock") ?? false, "\(error.map { "\($0)" } ?? "-")")
    try await AirflowDatabase.execute(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '\(name)'", in: database)
    _ = try? await holder.value
    #expect(try await reader.live(LiveRequest(cursor: 0), schema: schema).snapshots == [])
  }

  private static func untilLocked(_ table: String, in database: String) async throws {
    try await eventually(within: 20, "the lock") {
      try await AirflowDatabase.execute(
        "SELECT count(*) FROM \(locks(on: table)) AND mode = 'AccessExclusiveLock' AND granted", in: database) == "1"
    }
  }

  /// Of this database: copies of one template have tables of the same numbers.
  private static func locks(on table: String) -> String {
    """
    pg_locks WHERE relation = '\(table)'::regclass
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
  }

  // MARK: Real databases

  @Test(arguments: AirflowDatabase.dumps) func everyRunIsReadAsAnIndependentQueryHasIt(_ version: String) async throws {
    let database = try await AirflowDatabase.filled(version)
    let reader = try await AirflowDatabase.reader(database)
    let snapshots = try await reader.wholeHistory(try await reader.probe())
    let date = version.hasPrefix("3") ? "logical_date" : "execution_date"
    let clear = version == "2.6.3" ? "null" : "clear_number"
    let runs = try await AirflowDatabase.lines(
      """
      select concat_ws('|', id, dag_id, run_id, run_type, state, \(Self.micros(date)), \(Self.micros("start_date")),
        \(Self.micros("end_date")), \(Self.micros("queued_at")), \(clear)) from dag_run
      """, in: database)
    #expect(runs.count > 10)
    #expect(
      snapshots.map { Self.line($0.run) }.sorted() == runs)
    #expect(snapshots.map(\.run.sourceID) == snapshots.map(\.run.sourceID).sorted(by: >))
    let confs = Set(snapshots.compactMap(\.run.conf?.text))
    #expect(confs == ["{}", version.hasPrefix("3") ? #"{"n":1,"note":"é ☃"}"# : #"{"note":"é ☃","n":1}"#])
  }

  @Test(arguments: AirflowDatabase.dumps) func everyAttemptIsReadAsAnIndependentQueryHasIt(_ version: String)
    async throws
  {
    let database = try await AirflowDatabase.filled(version)
    let reader = try await AirflowDatabase.reader(database)
    let snapshots = try await reader.wholeHistory(try await reader.probe())
    let columns = "task_id, map_index, try_number, state"
    let firstStart =
      version == "2.11.2"
      ? """
      least(t.start_date, (select min(r.start_date) from task_reschedule r where r.dag_id = t.dag_id
        and r.task_id = t.task_id and r.run_id = t.run_id and r.map_index = t.map_index and r.try_number = t.try_number))
      """
      : version == "3.3.2"
        ? "least(t.start_date, (select min(r.start_date) from task_reschedule r where r.ti_id = t.id))" : "t.start_date"
    let name = version == "2.6.3" ? "t.operator" : "coalesce(t.custom_operator_name, t.operator)"
    var sql = """
      select concat_ws('|', d.id, \(columns.split(separator: ", ").map { "t.\($0)" }.joined(separator: ", ")), \(name),
        \(Self.micros(firstStart)), \(Self.micros("t.end_date")), 'live')
      from task_instance t join dag_run d using (dag_id, run_id)
      where t.state is not null and t.state not in ('scheduled', 'queued')
      """
    if version != "2.6.3" {
      sql += """

        union all select concat_ws('|', d.id, \(columns.split(separator: ", ").map { "t.\($0)" }.joined(separator: ", ")), \(name),
          \(Self.micros("t.start_date")), \(Self.micros("t.end_date")), 'history')
        from task_instance_history t join dag_run d using (dag_id, run_id)
        """
    }
    let expected = try await AirflowDatabase.lines(sql, in: database)
    #expect(expected.count > 60)
    let actual = snapshots.flatMap { snapshot in
      snapshot.attempts.map { attempt in
        [
          "\(snapshot.run.sourceID)", attempt.key.taskID, "\(attempt.key.mapIndex)", "\(attempt.key.tryNumber)",
          attempt.state, attempt.operatorName, attempt.startDate.map { "\($0.microseconds)" },
          attempt.endDate.map { "\($0.microseconds)" }, attempt.isCurrent ? "live" : "history",
        ].compactMap { $0 }.joined(separator: "|")
      }
    }
    #expect(actual.sorted() == expected)
    #expect(snapshots.allSatisfy { $0.attempts.map(\.key) == $0.attempts.map(\.key).sorted() })
  }

  @Test(arguments: AirflowDatabase.dumps) func everyXComIsReadAsAnIndependentQueryHasIt(_ version: String) async throws
  {
    let database = try await AirflowDatabase.filled(version)
    let reader = try await AirflowDatabase.reader(database)
    let snapshots = try await reader.wholeHistory(try await reader.probe())
    let expected = try await AirflowDatabase.lines(
      """
      select concat_ws('|', dag_run_id, task_id, map_index, key, \(Self.micros("\"timestamp\""))) from xcom
      where key in ('job_run_id', 'job_run_url', 'return_value', '_link_DbtCloudRunJobOperatorLink')
      """, in: database)
    #expect(expected.count > 60)
    let actual = snapshots.flatMap { snapshot in
      snapshot.xcoms.map {
        "\(snapshot.run.sourceID)|\($0.taskID)|\($0.mapIndex)|\($0.key)|\($0.timestamp.microseconds)"
      }
    }
    #expect(actual.sorted() == expected)
    for xcom in snapshots.flatMap(\.xcoms) {
      guard case .json = xcom.content else {
        Issue.record("\(xcom)")
        continue
      }
    }
    // Content, against what the stand-in for dbt Cloud saw.
    var found = 0
    var absent = 0
    for entry in try JSONValue(parsing: try Fixtures.text("airflow/dumps/\(version).truth.json")).arrayValue ?? [] {
      let task = entry["task_id"]?.stringValue
      let mapIndex = entry["map_index"]?.integerValue.map { Int($0) }
      guard
        let snapshot = snapshots.first(where: {
          $0.run.key.dagID == entry["dag_id"]?.stringValue && $0.run.key.runID == entry["run_id"]?.stringValue
        }),
        let attempt = snapshot.attempts.first(where: {
          $0.isCurrent && $0.key.taskID == task && $0.key.mapIndex == mapIndex
        }),
        attempt.key.tryNumber == entry["try_number"]?.integerValue.map({ Int($0) })
      else { continue }
      let id = String(try #require(entry["dbt_run_id"]?.integerValue))
      let isThere = snapshot.xcoms.contains { xcom in
        guard xcom.taskID == task, xcom.mapIndex == mapIndex, case .json(let json) = xcom.content else { return false }
        return json.text.contains(id)
      }
      if isThere { found += 1 } else { absent += 1 }
    }
    // Absent: tasks that returned nothing; in 2.11.2 one more whose XComs are in an object storage.
    let expectedCounts = ["2.6.3": (29, 1), "2.11.2": (93, 4), "3.3.2": (36, 1)]
    #expect(found == expectedCounts[version]?.0)
    #expect(absent == expectedCounts[version]?.1)
  }

  @Test func dagsHaveOwnersTagsAndSchedule() async throws {
    let database = try await AirflowDatabase.filled("2.11.2")
    try await AirflowDatabase.execute(
      """
      update dag set owners = ' finance-data,  airflow , ', description = 'd' where dag_id = 'dbt_sched';
      insert into dag_tag (name, dag_id) values ('z', 'dbt_sched'), ('a', 'dbt_sched');
      """, in: database)
    let reader = try await AirflowDatabase.reader(database)
    let batch = try await reader.history(HistoryRequest(), schema: try await reader.probe())
    let dag = try #require(batch.dags.first { $0.dagID == "dbt_sched" })
    #expect(dag.owners == ["finance-data", "airflow"])
    #expect(dag.tags == ["a", "dbt", "z"])
    #expect(dag.schedule == "1:00:00")
    #expect(dag.description == "d")
    #expect(dag.fileloc == "/opt/airflow/dags/dbt_lab.py")
    #expect(Set(batch.dags.map(\.dagID)) == Set(batch.snapshots.map(\.run.key.dagID)))
    let newer = try await AirflowDatabase.reader(try await AirflowDatabase.filled("3.3.2"))
    let page = try await newer.history(HistoryRequest(), schema: try await newer.probe())
    #expect(page.dags.first { $0.dagID == "dbt_matrix" }?.schedule == nil)
    #expect(page.dags.first { $0.dagID == "dbt_sched" }?.schedule == "1:00:00")
  }

  // MARK: Polling

  @Test func pollingReadsNewOpenLateAndRememberedRuns() async throws {
    let database = try await AirflowDatabase.filled("2.11.2")
    let all = try await AirflowDatabase.execute(
      "select string_agg(id::text, ',' order by id) from dag_run", in: database
    )
    .split(separator: ",").compactMap { Int64($0) }
    let reader = try await AirflowDatabase.reader(database)
    let schema = try await reader.probe()
    #expect(try await reader.highestRunID() == all.last)

    var request = LiveRequest(cursor: 0, maximumRuns: 5)
    var read: [Int64] = []
    while true {
      let batch = try await reader.live(request, schema: schema)
      #expect(batch.snapshots.count <= 5)
      #expect(batch.newIDs == batch.snapshots.map(\.run.sourceID))
      #expect(batch.databaseHighestID == all.last)
      read += batch.newIDs
      request.cursor = batch.highestID
      request.knownInWindow.formUnion(batch.newIDs)
      request.resumeAfter = batch.resumeAfter
      if !batch.hasMore { break }
    }
    #expect(read == all)
    let idle = try await reader.live(request, schema: schema)
    #expect(idle.snapshots == [])

    // 6 was never committed until now; 7 is running again; 8 is remembered; 9 was deleted.
    try await AirflowDatabase.execute(
      AirflowRows.runs("2.11.2", ids: 6...6, tasks: 1) + "update dag_run set state = 'queued' where id = 7;",
      in: database)
    request.remembered = [8, 9]
    let poll = try await reader.live(request, schema: schema)
    #expect(poll.snapshots.map(\.run.sourceID) == [6, 7, 8])
    #expect(poll.newIDs == [6])
    #expect(poll.openIDs == [7])
    #expect(poll.missing == [9])
    #expect(poll.highestID == all.last)
    #expect(poll.snapshots.first { $0.run.sourceID == 7 }?.run.isOpen ?? false)
    request.floor = 6
    request.remembered = []
    #expect(try await reader.live(request, schema: schema).snapshots.map(\.run.sourceID) == [7])
  }

  @Test func dagsThatAreNotWantedAreNotRead() async throws {
    let database = try await AirflowDatabase.filled("3.3.2")
    let reader = try await AirflowDatabase.reader(
      database, filter: DagFilter(include: ["dbt_*"], exclude: ["*_matrix"]))
    let schema = try await reader.probe()
    let batch = try await reader.live(LiveRequest(cursor: 0, remembered: [2]), schema: schema)
    #expect(Set(batch.snapshots.map(\.run.key.dagID)) == ["dbt_sched"])
    #expect(batch.excluded == [2])
    #expect(batch.highestID == batch.databaseHighestID)
    #expect(batch.rowCounts.taskInstances < 10)
    let history = try await reader.history(HistoryRequest(), schema: schema)
    #expect(Set(history.snapshots.map(\.run.key.dagID)) == ["dbt_sched"])
    #expect(history.isFinished)
  }

  @Test func historyEndsWhereItIsAskedToAndCountsWhatIsLeft() async throws {
    let database = try await AirflowDatabase.empty("3.3.2")
    try await AirflowDatabase.execute(
      AirflowRows.runs("3.3.2", ids: 1...30, tasks: 1)
        // 5 was cleared and ran again; 29 has no date but its logical one.
        + """
        update dag_run set start_date = timestamptz '2026-03-01Z', end_date = timestamptz '2026-03-02Z' where id = 5;
        update dag_run set start_date = null, end_date = null where id = 29;
        """, in: database)
    let reader = try await AirflowDatabase.reader(database)
    let schema = try await reader.probe()
    let since = try #require(Instant("2026-01-01T01:21:00Z"))
    let first = try await reader.history(HistoryRequest(since: since, limit: 6, countsRemaining: true), schema: schema)
    // Run n starts n minutes after midnight and ends an hour later.
    #expect(first.snapshots.map(\.run.sourceID) == [30, 28, 27, 26, 25, 24])
    #expect(first.lowestID == 24)
    #expect(first.remaining == 4)
    #expect(!first.isFinished)
    let second = try await reader.history(HistoryRequest(below: first.lowestID, since: since, limit: 6), schema: schema)
    #expect(second.snapshots.map(\.run.sourceID) == [23, 22, 21, 5])
    #expect(second.isFinished)
    #expect(second.remaining == nil)
  }

  @Test func oneCallReadsOneSnapshotAndTimesIt() async throws {
    let database = try await AirflowDatabase.filled("3.3.2")
    let reader = try await AirflowDatabase.reader(database)
    let batch = try await reader.history(HistoryRequest(), schema: try await reader.probe())
    let now = try #require(
      Int64(try await AirflowDatabase.execute("select (extract(epoch from now()) * 1000000)::int8", in: database)))
    #expect(batch.moment.readAt.microseconds <= now)
    #expect((batch.moment.serverMilliseconds ?? 0) > 0)
    #expect(batch.rowCounts.dagRuns == batch.snapshots.count)
    #expect(batch.rowCounts.xcoms == batch.snapshots.map(\.xcoms.count).reduce(0, +))
  }

  // MARK: Odd data

  @Test(arguments: ["2.11.2", "3.3.2"]) func hugeXComsAreNotFetched(_ version: String) async throws {
    let database = try await AirflowDatabase.empty(version)
    // 20 MB; 2 MB that the server stores compressed in less than the limit; 32 KiB to the byte and one more.
    let fits = (32 << 10) - 2
    try await AirflowDatabase.execute(
      AirflowRows.runs(version, ids: 1...1, tasks: 6)
        + AirflowRows.xcom(version, run: 1, task: "task_1", json: "'\"' || repeat('x', 20000000) || '\"'")
        + AirflowRows.xcom(version, run: 1, task: "task_2", json: "'\"' || repeat('x', 2000000) || '\"'")
        + AirflowRows.xcom(version, run: 1, task: "task_3", json: "'\"' || repeat('x', \(fits)) || '\"'")
        + AirflowRows.xcom(version, run: 1, task: "task_4", json: "'\"' || repeat('x', \(fits + 1)) || '\"'")
        + AirflowRows.xcom(version, run: 1, task: "task_5", json: "'50019001'")
        + "update dag_run set conf = (select \(version.hasPrefix("3") ? "to_jsonb" : "convert_to")(repeat('y', 400000)\(version.hasPrefix("3") ? "" : ", 'UTF8'")));"
          + """
          insert into rendered_task_instance_fields (dag_id, task_id, run_id, map_index, rendered_fields)
          select dag_id, task_id, run_id, -1, to_json(repeat('z', case task_id when 'task_5' then 70000 else 5 end)) from task_instance;
          update task_instance set operator = 'AcmeDBTOperator' where task_id in ('task_5', 'task_6');
          """, in: database)
    let reader = try await AirflowDatabase.reader(database)
    let batch = try await reader.live(LiveRequest(cursor: 0), schema: try await reader.probe())
    let snapshot = try #require(batch.snapshots.first)
    let contents = Dictionary(uniqueKeysWithValues: snapshot.xcoms.map { ($0.taskID, $0.content) })
    for task in ["task_1", "task_2", "task_4"] {
      guard case .tooLarge(let bytes)? = contents[task] else {
        Issue.record("\(task) was fetched")
        continue
      }
      #expect(bytes > 32 << 10)
    }
    #expect(contents["task_3"] == .json(RawJSON("\"" + String(repeating: "x", count: fits) + "\"")))
    #expect(contents["task_5"] == .json(RawJSON("50019001")))
    #expect(batch.rowCounts.xcomsTooLarge == 3)
    #expect(snapshot.run.conf?.text.hasPrefix(#"{"opaque":"too large","bytes":"#) ?? false)
    #expect(snapshot.renderedFields.map(\.taskID) == ["task_6"])
    #expect(batch.rowCounts.renderedFieldsTooLarge == 1)
  }

  @Test(arguments: ["2.11.2", "3.3.2"]) func tenThousandMappedTasksStayWithinBounds(_ version: String) async throws {
    let database = try await AirflowDatabase.empty(version)
    let value =
      version.hasPrefix("3") ? "to_jsonb(repeat('x', 5000))" : "convert_to('\"' || repeat('x', 5000) || '\"', 'UTF8')"
    let url = version.hasPrefix("3") ? "to_jsonb('u'::text)" : "convert_to('\"u\"', 'UTF8')"
    try await AirflowDatabase.execute(
      AirflowRows.runs(version, ids: 1...3, tasks: 1)
        + """
        insert into task_instance select (jsonb_populate_record(t, jsonb_build_object('map_index', m\(version.hasPrefix("3") ? ", 'id', gen_random_uuid()" : "")))).*
          from task_instance t, generate_series(0, 9998) m where run_id = 'run_1';
        insert into xcom (dag_run_id, task_id, map_index, key, dag_id, run_id, value, "timestamp")
          select 1, task_id, map_index, k, dag_id, run_id, case k when 'return_value' then \(value) else \(url) end, start_date
          from task_instance, unnest(array['return_value', 'job_run_url']) k where run_id = 'run_1';
        analyze;
        """, in: database)
    let reader = try await AirflowDatabase.reader(database)
    let batch = try await reader.live(LiveRequest(cursor: 0), schema: try await reader.probe())
    #expect(batch.snapshots.map(\.attempts.count) == [10_000, 1, 1])
    let xcoms = try #require(batch.snapshots.first).xcoms
    #expect(xcoms.count == 20_000)
    // 50 MB of results do not crowd out what the dbt operators wrote.
    let whole = xcoms.filter { if case .json = $0.content { true } else { false } }
    #expect(whole.filter { $0.key == "job_run_url" }.count == 10_000)
    let results = whole.filter { $0.key == "return_value" }.count
    #expect((1000..<3000).contains(results))
    #expect(batch.rowCounts.xcomsTooLarge == 10_000 - results)
  }

  @Test func aCallThatIsFullLeavesTheRestToTheNextOne() async throws {
    let database = try await AirflowDatabase.empty("3.3.2")
    try await AirflowDatabase.execute(AirflowRows.runs("3.3.2", ids: 1...20, tasks: 10), in: database)
    var limits = ReadLimits()
    limits.taskInstancesPerChunk = 25
    limits.taskInstancesPerCall = 50
    let reader = AirflowReader(
      instance: "test", connection: try await AirflowDatabase.connection(database), filter: .all,
      limits: TransactionLimits(), readLimits: limits)
    let schema = try await reader.probe()
    var request = LiveRequest(cursor: 0)
    var new: [Int64] = []
    repeat {
      let batch = try await reader.live(request, schema: schema)
      #expect(batch.snapshots.count == (new.isEmpty || new.count < 18 ? 6 : 2))
      new += batch.newIDs
      request.cursor = batch.highestID
      request.knownInWindow.formUnion(batch.newIDs)
      request.resumeAfter = batch.resumeAfter
    } while request.resumeAfter != nil
    #expect(new == Array(1...20))
    #expect(try await reader.wholeHistory(schema, limit: 500).map(\.run.sourceID) == Array((1...20).reversed()))
  }

  @Test func namesOfAnyKindComeThrough() async throws {
    let database = try await AirflowDatabase.empty("2.11.2")
    let odd = "a'b\"c\\d\ne\t{x|y} $1 --é☃"
    try await AirflowDatabase.execute(
      AirflowRows.runs("2.11.2", ids: 1...1, tasks: 1)
        + "update task_instance set task_id = $odd$\(odd)$odd$; update dag_run set conf = '\\xdeadbeef';"
        + AirflowRows.xcom("2.11.2", run: 1, task: "x", json: "'5'") + "update xcom set task_id = $odd$\(odd)$odd$;",
      in: database)
    let reader = try await AirflowDatabase.reader(database)
    let snapshot = try #require(
      try await reader.live(LiveRequest(cursor: 0), schema: try await reader.probe()).snapshots.first)
    #expect(snapshot.attempts.map(\.key.taskID) == [odd])
    #expect(snapshot.xcoms.map(\.taskID) == [odd])
    #expect(snapshot.run.conf?.text == #"{"opaque":"bytes","bytes":4}"#)
  }

  @Test func namesThatAreNotUTF8ComeThroughReversibly() async throws {
    let database = try await AirflowDatabase.empty("2.11.2", encoding: "SQL_ASCII")
    try await AirflowDatabase.execute(
      AirflowRows.runs("2.11.2", ids: 1...2, tasks: 1)
        + """
        set client_encoding = 'SQL_ASCII';
        insert into dag (dag_id, owners, max_active_tasks, max_consecutive_failed_dag_runs, has_task_concurrency_limits)
          values (E'caf\\xe9', E'\\xff', 1, 0, false);
        update dag_run set dag_id = E'caf\\xe9' where id = 1;
        update task_instance set dag_id = E'caf\\xe9', task_id = E't\\xfe' where run_id = 'run_1';
        """, in: database)
    let reader = try await AirflowDatabase.reader(database)
    let schema = try await reader.probe()
    #expect(schema.serverEncoding == "SQL_ASCII")
    let batch = try await reader.live(LiveRequest(cursor: 0), schema: schema)
    #expect(batch.snapshots.map(\.run.key.dagID.losslessBytes) == [[0x63, 0x61, 0x66, 0xE9], Array("dag_2".utf8)])
    #expect(batch.snapshots.first?.attempts.map(\.key.taskID.losslessBytes) == [[0x74, 0xFE]])
    #expect(batch.dags.map(\.dagID.losslessBytes) == [[0x63, 0x61, 0x66, 0xE9]])
  }

  @Test func timesThatAreNoneDoNotStopAPoll() async throws {
    let database = try await AirflowDatabase.empty("3.3.2")
    try await AirflowDatabase.execute(
      AirflowRows.runs("3.3.2", ids: 1...1, tasks: 1) + AirflowRows.xcom("3.3.2", run: 1, task: "task_1", json: "'5'")
        + """
        update dag_run set start_date = 'infinity', logical_date = null, end_date = '-infinity';
        update task_instance set start_date = '-infinity', duration = 'NaN', operator = null, try_number = 2147483647;
        update xcom set "timestamp" = 'infinity', value = null;
        """, in: database)
    let reader = try await AirflowDatabase.reader(database)
    let schema = try await reader.probe()
    let snapshot = try #require(try await reader.live(LiveRequest(cursor: 0), schema: schema).snapshots.first)
    #expect(snapshot.run.startDate == nil)
    #expect(snapshot.attempts.map(\.key.tryNumber) == [2_147_483_647])
    #expect(snapshot.xcoms.map(\.content) == [.json(RawJSON("null"))])
    #expect(
      try await reader.history(HistoryRequest(since: Instant(microseconds: 0)), schema: schema).snapshots.count == 1)
  }

  // MARK: A server that cannot

  /// What a replica answers when its recovery needs what a query reads.
  @Test func aConflictWithRecoveryIsTriedAgainAndATimeoutAsksForLess() async throws {
    let database = try await AirflowDatabase.filled("2.11.2")
    let reader = AirflowReader(
      instance: "test", connection: try await AirflowDatabase.connection(database),
      limits: TransactionLimits(statementTimeout: 200))
    let schema = try await reader.probe()
    try await AirflowDatabase.execute(
      """
      create function conflict() returns text language plpgsql as $$
        begin raise 'canceling statement due to conflict with recovery' using errcode = '40001'; end $$;
      alter table xcom rename to xcom_before;
      create view xcom as select dag_run_id, task_id, map_index, conflict() as key, dag_id, run_id, value, "timestamp" from xcom_before;
      """, in: database)
    let conflict = try await #require(throws: AirflowSourceError.self) {
      try await reader.live(LiveRequest(cursor: 0), schema: schema)
    }
    #expect(conflict.action == .retry)
    #expect(conflict.isTooSlow)
    try await AirflowDatabase.execute(
      """
      drop view xcom;
      create view xcom as select dag_run_id, task_id, map_index, pg_sleep(30)::text as key, dag_id, run_id, value, "timestamp" from xcom_before;
      """, in: database)
    let timeout = try await #require(throws: AirflowSourceError.self) {
      try await reader.history(HistoryRequest(), schema: schema)
    }
    #expect(timeout.action == .retry)
    #expect(timeout.isTooSlow)
    try await AirflowDatabase.execute("drop view xcom; alter table xcom_before rename to xcom", in: database)
    #expect(try await reader.history(HistoryRequest(), schema: schema).snapshots.count > 10)
  }

  // MARK: Ways in

  @Test func everythingWorksThroughPgBouncer() async throws {
    let database = try await AirflowDatabase.filled("2.11.2")
    let bouncer = try await PgBouncer.start(before: try await PostgresServer.shared)
    let direct = try await AirflowDatabase.reader(database)
    let expected = try await direct.wholeHistory(try await direct.probe())
    let readers = (0..<3).map { _ in
      AirflowReader(
        instance: "test", connection: AirflowDatabase.connection(conninfo: bouncer.conninfo(database: database)))
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for reader in readers {
        group.addTask {
          let schema = try await reader.probe()
          #expect(try await reader.wholeHistory(schema) == expected)
          #expect(try await reader.live(LiveRequest(cursor: 0), schema: schema).snapshots.count == expected.count)
        }
      }
      try await group.waitForAll()
    }
    try await bouncer.stop()
  }

  @Test(arguments: AirflowDatabase.dumps) func theGrantedRightsAreEnoughAndNoMoreThanNeeded(_ version: String)
    async throws
  {
    let database = try await AirflowDatabase.filled(version)
    let role = PostgresServer.uniqueName("Reader \"role\"")
    try await AirflowDatabase.execute("create role \(Grants.quoted(role)) login", in: database)
    let superReader = try await AirflowDatabase.reader(database)
    let schema = try await superReader.probe()
    #expect(schema.isSuperuser)
    #expect(schema.warnings.contains { $0.contains("superuser") })
    try await AirflowDatabase.execute(schema.grants(role: role).joined(separator: "\n"), in: database)

    let reader = try await AirflowDatabase.reader(database, user: role)
    let own = try await reader.probe()
    #expect(own.role == role)
    #expect(own.warnings == [])
    #expect(try await reader.wholeHistory(own) == (try await superReader.wholeHistory(schema)))
    let live = try await reader.live(LiveRequest(cursor: 0), schema: own)
    #expect(live.snapshots.count > 10)

    let readable = try await AirflowDatabase.lines(
      """
      select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'public' and c.relkind = 'r'
        and has_any_column_privilege('\(role)', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
      """, in: database)
    #expect(Set(readable) == Set(own.columns.keys))
    await #expect(throws: (any Error).self) {
      try await AirflowDatabase.execute("set role \(Grants.quoted(role)); delete from dag_run", in: database)
    }
  }

  // MARK: Changes under way

  @Test func anUpgradeUnderTheReaderAsksForAProbeAndKeepsEveryKey() async throws {
    let database = try await AirflowDatabase.empty("2.11.2")
    try await AirflowDatabase.execute(AirflowRows.runs("2.11.2", ids: 1...3, tasks: 2), in: database)
    let reader = try await AirflowDatabase.reader(database)
    let old = try await reader.probe()
    let before = try await reader.live(LiveRequest(cursor: 0), schema: old)
    // As the migrations to 3.x leave it, as far as it matters here.
    try await AirflowDatabase.execute(
      """
      alter table dag_run rename execution_date to logical_date;
      alter table dag_run add run_after timestamptz, add triggered_by text;
      alter table dag_run drop conf; alter table dag_run add conf jsonb;
      alter table xcom drop value; alter table xcom add value jsonb;
      alter table dag rename schedule_interval to timetable_summary;
      alter table task_instance add id uuid default gen_random_uuid();
      alter table task_reschedule add ti_id uuid;
      alter table task_instance_note add ti_id uuid;
      """, in: database)
    let byColumn = try await #require(throws: AirflowSourceError.self) {
      try await reader.live(LiveRequest(cursor: 0), schema: old)
    }
    #expect(byColumn.kind == .schemaChanged)
    #expect(byColumn.action == .probe)
    try await AirflowDatabase.execute("update alembic_version set version_num = 'd2f4e1b3c5a7'", in: database)
    let byHead = try await #require(throws: AirflowSourceError.self) {
      try await reader.live(LiveRequest(cursor: 0), schema: old)
    }
    #expect(byHead.kind == .schemaChanged)
    #expect(byHead.description.contains("d2f4e1b3c5a7"))
    let new = try await reader.probe()
    #expect(new.family == .airflow3)
    let after = try await reader.live(LiveRequest(cursor: 0), schema: new)
    #expect(after.snapshots.map(\.run.key) == before.snapshots.map(\.run.key))
    #expect(after.snapshots.map { $0.attempts.map(\.key) } == before.snapshots.map { $0.attempts.map(\.key) })
  }

  @Test func aRightThatIsTakenAwayAsksForAProbeWhichNamesTheGrant() async throws {
    let database = try await AirflowDatabase.filled("3.3.2")
    let role = PostgresServer.uniqueName("reader")
    try await AirflowDatabase.execute("create role \(role) login", in: database)
    let schema = try await AirflowDatabase.reader(database).probe()
    try await AirflowDatabase.execute(schema.grants(role: role).joined(separator: "\n"), in: database)
    let reader = try await AirflowDatabase.reader(database, user: role)
    let own = try await reader.probe()
    try await AirflowDatabase.execute("revoke select on xcom from \(role)", in: database)
    let error = try await #require(throws: AirflowSourceError.self) {
      try await reader.live(LiveRequest(cursor: 0), schema: own)
    }
    #expect(error.action == .probe)
    let refused = try await #require(throws: AirflowSourceError.self) { try await reader.probe() }
    #expect(refused.kind == .missingGrant)
    let grant = "GRANT SELECT ON public.xcom TO \(role);"
    #expect(refused.description.contains(grant))
    try await AirflowDatabase.execute(grant, in: database)
    #expect(try await reader.probe() == own)
  }

  @Test func aServerThatCannotBeReachedMayBeAskedAgain() async throws {
    let port = try freePort()
    let reader = AirflowReader(
      instance: "prod",
      connection: AirflowDatabase.connection(conninfo: "host=127.0.0.1 port=\(port) dbname=x user=y sslmode=disable"))
    let error = try await #require(throws: AirflowSourceError.self) { try await reader.probe() }
    #expect(error.kind == .database)
    #expect(error.action == .retry)
    #expect(error.description.contains("prod"))
  }

  // MARK: Help

  private static func micros(_ expression: String) -> String {
    "(extract(epoch from \(expression)) * 1000000)::int8"
  }

  private static func line(_ run: DagRun) -> String {
    let numbers: [String?] = [
      run.logicalDate.map { "\($0.microseconds)" }, run.startDate.map { "\($0.microseconds)" },
      run.endDate.map { "\($0.microseconds)" }, run.queuedAt.map { "\($0.microseconds)" },
      run.clearNumber.map { "\($0)" },
    ]
    return ([String(run.sourceID), run.key.dagID, run.key.runID, run.runType, run.state] + numbers)
      .compactMap { $0 }.joined(separator: "|")
  }
}
