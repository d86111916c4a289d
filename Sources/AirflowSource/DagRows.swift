import ExecutionModel
import Postgres

/// Reads some DAGs.
enum DagRows {
  /// By dag_id. A DAG that Airflow no longer has is left out.
  static func read(
    _ transaction: PostgresTransaction, _ queries: Queries, family: AirflowSchema.Family, ids: [String]
  ) throws -> [Dag] {
    guard !ids.isEmpty else { return [] }
    let wanted = [PostgresParameter.textArray(ids)]
    var tags: [String: [String]] = [:]
    if let query = queries.dagTags {
      try transaction.query(query, wanted) { row in
        tags[try row.text(0), default: []].append(try row.text(1))
      }
    }
    var dags: [Dag] = []
    try transaction.query(queries.dags, wanted) { row in
      let dagID = try row.text(0)
      var dag = Dag(dagID: dagID, owners: owners(try row.optionalText(1)), tags: (tags[dagID] ?? []).sorted())
      let schedule = try row.optionalText(2)
      dag.schedule = family == .airflow2 ? Schedule.airflow2(schedule) : Schedule.airflow3(schedule)
      dag.description = try row.optionalText(3)
      dag.fileloc = try row.optionalText(4)
      dag.isPaused = try row.optionalBool(5)
      dags.append(dag)
    }
    return dags.sorted { $0.dagID < $1.dagID }
  }

  /// `dag.owners` is the distinct owners of the DAG's tasks, joined with ", ".
  private static func owners(_ text: String?) -> [String] {
    (text ?? "").split(separator: ",").compactMap { owner in
      guard let first = owner.firstIndex(where: { $0 != " " }), let last = owner.lastIndex(where: { $0 != " " }) else {
        return nil
      }
      return String(owner[first...last])
    }
  }
}
