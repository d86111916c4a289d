import Postgres
import TestServers
import Testing

@testable import AirflowSource

/// What the server does for each way of reading, on 100,000 task instances, as the server itself logs it (auto_explain).
@Suite(.serialized) struct QueriesTests {
  enum Kind: String, CaseIterable, Sendable {
    case oldest = "2.4.3"
    case airflow2 = "2.11.2"
    case airflow3 = "3.3.2"
    /// A database that came from 2.x by migrations has another index for open runs than a fresh one.
    case upgraded = "3.3.2 upgraded from 2.x"

    var version: String { String(rawValue.prefix { $0 != " " }) }
  }

  private static let server = Task { try await PostgresServer.start(settings: ["shared_buffers": "128MB"]) }

  @Test(arguments: Kind.allCases) func noWayOfReadingGoesThroughAWholeTable(_ kind: Kind) async throws {
    let server = try await Self.server.value
    let database = PostgresServer.uniqueName("plans")
    try await server.createDatabase(database)
    try await server.loadSQL(Fixtures.path(try AirflowSchemas.path(of: kind.version)), into: database)
    try await server.execute(Self.rows(kind), database: database)
    try await server.execute("vacuum analyze", database: database)
    try await server.execute(
      """
      alter database \(database) set session_preload_libraries = 'auto_explain';
      alter database \(database) set auto_explain.log_min_duration = 0;
      """, database: database)
    let connection = AirflowDatabase.connection(conninfo: server.conninfo(database: database))
    let reader = AirflowDatabase.patientReader(connection)
    let schema = try await reader.probe()
    // 3.0 has no index for it, so that is up to the planner.
    let free: Set<String> = schema.family == .airflow3 ? ["task_reschedule"] : []
    let known = LiveRequest(cursor: 2000, knownInWindow: Set(1...2000), withFingerprints: true)

    // Nothing new, nothing open.
    var plans = try await Self.plans(of: "an idle poll of \(kind.rawValue)", on: server) {
      let batch = try await reader.live(known, schema: schema)
      #expect(batch.snapshots.isEmpty)
    }
    Self.expectIndexes(plans, besides: free)
    try await server.execute("update dag_run set state = 'running' where id > 1960", database: database)
    try await server.execute("vacuum analyze dag_run", database: database)
    plans = try await Self.plans(of: "a poll of 40 open runs of \(kind.rawValue)", on: server) {
      let batch = try await reader.live(known, schema: schema)
      #expect(batch.rowCounts.taskInstances == 2000)
    }
    Self.expectIndexes(plans, besides: free)
    // More than one run in four: a page may well read dag_run as a whole.
    plans = try await Self.plans(of: "a page of history of \(kind.rawValue)", on: server) {
      let request = HistoryRequest(below: 1800, limit: 500, countsRemaining: true, withFingerprints: true)
      let batch = try await reader.history(request, schema: schema)
      #expect(batch.rowCounts.taskInstances == 25_000)
      #expect(batch.fingerprints.count == 500)
      #expect(batch.rowCounts.renderedFields > 0)
    }
    Self.expectIndexes(plans, besides: free.union(["dag_run"]))
    plans = try await Self.plans(of: "a slice of the sweep of \(kind.rawValue)", on: server) {
      let batch = try await reader.sweep(SweepRequest(limit: 1000), schema: schema)
      #expect(batch.lastID > 0)
    }
    Self.expectIndexes(plans, besides: free.union(["dag_run"]))
    plans = try await Self.plans(of: "reading 3 runs of \(kind.rawValue)", on: server) {
      let batch = try await reader.snapshots(of: [5, 500, 1500], schema: schema)
      #expect(batch.snapshots.count == 3)
    }
    Self.expectIndexes(plans, besides: free)
    await connection.close()
  }

  /// 2,000 runs of 50 tasks, with results, dbt runs, template fields, earlier tries and notes.
  private static func rows(_ kind: Kind) -> String {
    let isAirflow3 = kind.version.hasPrefix("3")
    let json = isAirflow3 ? "to_jsonb(5)" : "'5'::bytea"
    var sql =
      AirflowRows.runs(kind.version, ids: 1...2000, tasks: 50) + """
        insert into xcom (dag_run_id, task_id, map_index, key, dag_id, run_id, value, "timestamp")
          select r.id, t.task_id, -1, k, r.dag_id, r.run_id, \(json), r.start_date
          from dag_run r join task_instance t using (dag_id, run_id), unnest(array['return_value', 'job_run_id', 'other']) k
          where k = 'return_value' or t.operator ilike '%dbt%';
        insert into rendered_task_instance_fields (dag_id, task_id, run_id, map_index, rendered_fields)
          select dag_id, task_id, run_id, -1, '{}' from task_instance;
        """
    sql += """
      insert into task_reschedule (\(isAirflow3 ? "ti_id" : "task_id, dag_id, run_id, map_index, try_number"), start_date,
          end_date, duration, reschedule_date)
        select \(isAirflow3 ? "id" : "task_id, dag_id, run_id, map_index, 1"), now(), now(), 1, now()
        from task_instance where right(task_id, 1) = '6';
      """
    if kind != .oldest {
      sql += """
        insert into task_instance_history (\(isAirflow3 ? "task_instance_id, span_status," : "") task_id, dag_id, run_id,
            map_index, try_number, pool, pool_slots, max_tries)
          select \(isAirflow3 ? "id, 'ended'," : "") task_id, dag_id, run_id, map_index, 0, pool, 1, 0
          from task_instance where right(task_id, 1) = '7';
        insert into task_instance_note (\(isAirflow3 ? "ti_id" : "task_id, dag_id, run_id, map_index"), content, created_at, updated_at)
          select \(isAirflow3 ? "id" : "task_id, dag_id, run_id, map_index"), 'a note', now(), now()
          from task_instance where task_id in ('task_8', 'task_9');
        insert into dag_run_note (dag_run_id, content, created_at, updated_at)
          select id, 'a note', now(), now() from dag_run where id % 10 = 0;
        """
    }
    if kind == .upgraded {
      sql += """
        drop index idx_dag_run_running_dags; drop index idx_dag_run_queued_dags;
        create index idx_dag_run_running_dags on dag_run (state, dag_id);
        """
    }
    return sql
  }

  /// The plans that the server logged meanwhile; says what they took.
  private static func plans(
    of what: String, on server: PostgresServer, _ work: () async throws -> Void
  ) async throws -> [String] {
    let before = server.log.utf8.count
    try await work()
    let log = String(decoding: Array(server.log.utf8).dropFirst(before), as: UTF8.self)
    var plans: [String] = []
    for line in log.split(separator: "\n") {
      // What belongs to the entry before is indented.
      if !line.hasPrefix("\t") { plans.append("") }
      if !plans.isEmpty { plans[plans.count - 1] += line + "\n" }
    }
    plans = plans.filter { $0.contains("  plan:") }
    #expect(plans.count >= 2, "nothing was explained")
    let milliseconds = plans.compactMap { plan in
      plan.firstRange(of: "duration: ").flatMap { Double(plan[$0.upperBound...].prefix { $0 != " " }) }
    }.reduce(0, +)
    print("\(what): \(plans.count) statements, \((milliseconds * 1000).rounded() / 1000) ms of the server")
    return plans
  }

  /// Small tables may be read as a whole; large ones by an index with a condition.
  private static func expectIndexes(_ plans: [String], besides exceptions: Set<String>) {
    let large: Set<String> = [
      "dag_run", "task_instance", "task_instance_history", "xcom", "rendered_task_instance_fields", "task_reschedule",
    ]
    for plan in plans {
      let lines = plan.split(separator: "\n").map(String.init)
      for (number, line) in lines.enumerated() {
        for table in large.subtracting(exceptions) {
          #expect(!line.contains("Seq Scan on \(table) "), "\(plan)")
          // Reading an index from end to end is no better. Backward it is the highest id, which ends at the first row.
          guard line.contains("Scan using"), line.contains(" on \(table) "), !line.contains("Backward") else {
            continue
          }
          guard table != "dag_run" else { continue }
          #expect(lines[min(number + 1, lines.count - 1)].contains("Index Cond:"), "\(plan)")
        }
      }
    }
  }

  /// A database that came from 2.x by migrations has another index for open runs than a fresh one.
  @Test(arguments: [true, false]) func openRunsAreFoundByAnIndex(_ isUpgraded: Bool) async throws {
    let database = try await AirflowDatabase.empty("3.3.2")
    var sql = AirflowRows.runs("3.3.2", ids: 1...20_000, tasks: 0)
    if isUpgraded {
      sql += """
        drop index idx_dag_run_running_dags; drop index idx_dag_run_queued_dags;
        create index idx_dag_run_running_dags on dag_run (state, dag_id);
        """
    }
    try await AirflowDatabase.execute(
      sql + "update dag_run set state = 'running' where id > 19990; vacuum analyze;", in: database)
    let connection = try await AirflowDatabase.connection(database)
    let plan = try await connection.readOnly { transaction in
      var lines: [String] = []
      let sql =
        "explain " + StaticSQL.liveRuns.split(separator: "\n").filter { !$0.hasPrefix("--") }.joined(separator: "\n")
      try transaction.query(sql, [.int(20_000), .int(500), .int(19_000), .intArray([1, 2, 3])]) {
        lines.append(try $0.text(0))
      }
      return lines.joined(separator: "\n")
    }
    #expect(!plan.contains("Seq Scan"), "\(plan)")
    await connection.close()
  }
}
