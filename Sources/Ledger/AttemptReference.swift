import ExecutionModel
import Storage

/// An attempt behind a dbt run, as it is named where the dbt run is the subject.
public struct AttemptReference: Hashable, Sendable {
  public var run: DagRunKey
  /// State of the DAG run.
  public var runState: String?
  public var attempt: AttemptKey
  /// State of the attempt.
  public var state: String?
  public var relation: Relation
  public var confidence: Confidence
  /// Of the DAG.
  public var owners: [String]
  /// What the schema tells, of which the addresses of Airflow's pages depend.
  public var airflowVersion: String?
}

extension RecordReader {
  /// The attempts that a dbt run belongs to, those that made it first.
  func attempts(behind dbtRun: Int64) throws -> [AttemptReference] {
    try database.prepare(Self.selectAttempts).binding { $0(dbtRun) }.rows { row in
      var columns = Columns(row)
      return AttemptReference(
        run: DagRunKey(instance: columns.text(), dagID: columns.text(), runID: columns.text()),
        runState: columns.optionalText(), attempt: AttemptRow.readKey(&columns), state: columns.optionalText(),
        relation: Relation(rawValue: columns.text()) ?? .triggered,
        confidence: Confidence(rawValue: columns.text()) ?? .ambiguous,
        owners: columns.optionalText().map(NameList.list) ?? [], airflowVersion: columns.optionalText())
    }
  }

  private static let selectAttempts = SQL(
    """
    SELECT i.name, r.dag_id, r.run_id, r.state, l.task_id, l.map_index, l.try_number, a.state, l.relation, l.confidence,
      d.owners, i.airflow_version
    FROM link l JOIN dag_run r ON r.id = l.dag_run JOIN airflow_instance i ON i.id = r.instance
    LEFT JOIN attempt a ON a.dag_run = l.dag_run AND a.task_id = l.task_id AND a.map_index = l.map_index
      AND a.try_number = l.try_number
    LEFT JOIN dag d ON d.instance = r.instance AND d.dag_id = r.dag_id
    WHERE l.dbt_run = ? AND l.is_candidate = 0
    ORDER BY l.relation NOT IN ('triggered', 'retried'), a.start_date IS NULL, a.start_date, l.task_id, l.map_index,
      l.try_number
    """)
}
