/// SQL that puts rows into an Airflow schema with as few columns as it allows. Foreign keys are not checked.
enum AirflowRows {
  /// Runs `ids` of one DAG each ("dag_N"), with `tasks` tasks each ("task_K").
  static func runs(_ version: String, ids: ClosedRange<Int>, tasks: Int, dags: Int = 20) -> String {
    let isAirflow3 = version.hasPrefix("3")
    let date = isAirflow3 ? "logical_date, run_after" : "execution_date"
    let dateValues = isAirflow3 ? "t, t" : "t"
    let clears = ["2.4.3", "2.6.3"].contains(version) ? "" : ", clear_number"
    let spans = isAirflow3 ? ", span_status" : ""
    return """
      set session_replication_role = replica;
      insert into dag_run (id, dag_id, run_id, run_type, state, start_date, end_date, \(date)\(clears)\(spans))
      select r, 'dag_' || r % \(dags), 'run_' || r, 'scheduled', 'success', t, t + interval '1 hour', \(dateValues)
        \(clears.isEmpty ? "" : ", 0")\(spans.isEmpty ? "" : ", 'ended'")
      from (select r, timestamptz '2026-01-01Z' + r * interval '1 minute' as t
            from generate_series(\(ids.lowerBound), \(ids.upperBound)) r) x;
      insert into task_instance (\(isAirflow3 ? "id, span_status," : "") task_id, dag_id, run_id, map_index, start_date,
        end_date, duration, state, try_number, max_tries, hostname, pool, pool_slots, queue, operator, queued_dttm)
      select \(isAirflow3 ? "gen_random_uuid(), 'ended'," : "") 'task_' || k, dag_id, run_id, -1, start_date,
        start_date + interval '30 s', 30.5, 'success', 1, 0, 'worker', 'default_pool', 1, 'default',
        case when k % 20 = 0 then 'DbtCloudRunJobOperator' else 'BashOperator' end, start_date
      from dag_run, generate_series(1, \(tasks)) k
      where dag_run.id between \(ids.lowerBound) and \(ids.upperBound);
      """
  }

  /// One XCom; `json` is an SQL expression of type text.
  static func xcom(
    _ version: String, run: Int, task: String, key: String = "return_value", mapIndex: Int = -1, json: String
  ) -> String {
    let value = version.hasPrefix("3") ? "(\(json))::jsonb" : "convert_to(\(json), 'UTF8')"
    return """
      set session_replication_role = replica;
      insert into xcom (dag_run_id, task_id, map_index, key, dag_id, run_id, value, "timestamp")
      select id, '\(task)', \(mapIndex), '\(key)', dag_id, run_id, \(value), start_date + interval '10 s'
      from dag_run where id = \(run);
      """
  }
}
