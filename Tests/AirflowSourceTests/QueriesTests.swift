import Postgres
import TestServers
import Testing

@testable import AirflowSource

/// Plans on 50,000 task instances.
@Suite struct QueriesTests {
  @Test(arguments: ["2.4.3", "2.11.2", "3.0.6", "3.3.2"])
  func noQueryReadsAllTaskInstances(_ version: String) async throws {
    let database = try await AirflowDatabase.empty(version)
    let json = version.hasPrefix("3") ? "to_jsonb(5)" : "'5'::bytea"
    var sql =
      AirflowRows.runs(version, ids: 1...1000, tasks: 50) + """
        insert into xcom (dag_run_id, task_id, map_index, key, dag_id, run_id, value, "timestamp")
          select r.id, t.task_id, -1, k, r.dag_id, r.run_id, \(json), r.start_date
          from dag_run r join task_instance t using (dag_id, run_id), unnest(array['return_value', 'job_run_id']) k;
        insert into rendered_task_instance_fields (dag_id, task_id, run_id, map_index, rendered_fields)
          select dag_id, task_id, run_id, -1, '{}' from task_instance;
        """
    let reader = try await AirflowDatabase.reader(database)
    let schema = try await reader.probe()
    if schema.has("task_instance_history") {
      let id = version.hasPrefix("3") ? "task_instance_id, span_status," : ""
      let idValue = version.hasPrefix("3") ? "id, 'ended'," : ""
      sql += """
        insert into task_instance_history (\(id) task_id, dag_id, run_id, map_index, try_number, pool, pool_slots, max_tries)
          select \(idValue) task_id, dag_id, run_id, map_index, 0, pool, 1, 0 from task_instance;
        """
    }
    sql += "update dag_run set state = 'running' where id > 990; vacuum analyze;"
    try await AirflowDatabase.execute(sql, in: database)
    let queries = Queries(schema)
    let connection = try await AirflowDatabase.connection(database)
    let bounds: [PostgresParameter] = [.int(32768), .int(8 << 20)]
    for ids in [[500], Array(961...1000), Array(1...40)] as [[Int64]] {
      let runs = PostgresParameter.intArray(ids)
      var statements: [(String, [PostgresParameter])] = [
        (queries.dagRuns, [runs, .int(1000)]), (queries.taskInstances, [runs]),
        (queries.xcoms, [runs] + bounds + [.int(1024)]),
        (queries.smallXComs, [runs, .int(1024)]), (queries.dags, [runs]),
        (StaticSQL.liveRuns, [.int(1000), .int(500), .int(0), runs]),
        (queries.historyRuns, [.int(900), .int(100), .null]),
      ]
      if let history = queries.taskInstanceHistory { statements.append((history, [runs])) }
      if let pokes = queries.firstPokes { statements.append((pokes, [runs])) }
      for (statement, parameters) in statements {
        let plan = try await connection.readOnly { transaction in
          var lines: [String] = []
          try transaction.query(
            "explain " + statement.split(separator: "\n").filter { !$0.hasPrefix("--") }.joined(separator: "\n"),
            parameters
          ) {
            lines.append(try $0.text(0))
          }
          return lines.joined(separator: "\n")
        }
        for table in ["task_instance", "task_instance_history", "xcom", "rendered_task_instance_fields"] {
          #expect(!plan.contains("Seq Scan on \(table) "), "\(version) \(ids.count) runs:\n\(plan)")
        }
      }
    }
    await connection.close()
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
