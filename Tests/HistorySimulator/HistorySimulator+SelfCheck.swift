extension HistorySimulator {
  /// Rows of the database that are not as the simulator believes, and the other way round; empty when all is well.
  public func differences() throws -> [String] {
    let writer = try SQLWriter(database.socketConninfo)
    func lines(_ sql: String) throws -> Set<String> {
      Set(try writer.run(sql).map { row in row.map { $0 ?? "–" }.joined(separator: " ") })
    }
    func micros(_ column: String) -> String { "(extract(epoch from \(column)) * 1000000)::bigint" }
    func text(_ value: (some CustomStringConvertible)?) -> String { value.map { "\($0)" } ?? "–" }

    let clear = database.countsClears ? "clear_number" : "0"
    var found = try lines(
      "select id, dag_id, run_id, state, \(micros("start_date")), \(micros("end_date")), \(clear) from dag_run")
    found.formUnion(
      try lines(
        """
        select run_id, task_id, map_index, state, try_number, max_tries, \(micros("start_date")), \(micros("end_date")),
          next_method is not null from task_instance
        """))
    found.formUnion(try lines("select 'xcom', run_id, task_id, map_index, key from xcom"))
    if database.keepsHistory {
      found.formUnion(
        try lines(
          """
          select 'history', run_id, task_id, map_index, try_number, state, \(micros("start_date")), \(micros("end_date"))
          from task_instance_history
          """))
    }

    var believed: Set<String> = []
    for run in runs.values {
      believed.insert(
        "\(run.id) \(run.dagID) \(run.runID) \(run.state) \(text(run.start)) \(text(run.end)) \(run.clear)")
      for task in run.tasks {
        let name = "\(run.runID) \(task.taskID) \(task.mapIndex)"
        believed.insert(
          "\(name) \(text(task.state)) \(task.stored) \(task.maxTries) \(text(task.start)) \(text(task.end)) \(task.isDeferral ? "t" : "f")"
        )
        for key in task.xcoms.keys { believed.insert("xcom \(name) \(key)") }
        for past in task.history {
          believed.insert("history \(name) \(past.number) \(past.state) \(text(past.start)) \(text(past.end))")
        }
      }
    }
    return found.subtracting(believed).map { "in the database: \($0)" }.sorted()
      + believed.subtracting(found).map { "only believed: \($0)" }.sorted()
  }
}
