import ExecutionModel
import Storage

/// The events that were made of a DAG run, once more from the rows they were kept in: for a sink that came later, or that
/// they still wait for.
struct HistoryOfEvents {
  typealias Event = (event: ExecutionEvent, subject: OutboxWriter.Subject)

  let database: any Database
  /// Only what has begun and not ended.
  var underWayOnly = false
  /// Only what was told under this mark or a later one; nil for all.
  var sinceMark: Int64?
  /// Of the dbt runs without a DAG run, only those of this time.
  var time = Time()

  /// Microseconds; nil on an open side.
  struct Time: Hashable {
    var since: Int64?
    var until: Int64?

    /// Whether the dbt run `d` falls into it, with the times as the first two parameters.
    static let condition = """
      (?1 IS NULL OR d.finished_at IS NULL OR d.finished_at >= ?1) AND (?2 IS NULL OR d.created_at < ?2)
      """

    /// The same for the time of a row `h` of `outbox_history` that waits for dbt runs without a DAG run.
    static let conditionOfRow = """
      (h.since IS NULL OR d.finished_at IS NULL OR d.finished_at >= h.since) AND (h.until IS NULL OR d.created_at < h.until)
      """
  }

  /// The rows of DAG runs that have something which has begun and not ended; 0 last, for dbt runs without one.
  func runsUnderWay() throws -> [Int64] {
    try database.prepare(
      """
      SELECT id FROM dag_run WHERE start_told IS NOT NULL AND end_told IS NULL
      UNION SELECT dag_run FROM attempt WHERE start_told IS NOT NULL AND end_told IS NULL
      UNION SELECT coalesce(parent_dag_run, 0) FROM dbt_run WHERE start_told IS NOT NULL AND end_told IS NULL
      """
    ).rows { $0.integer(0) }.sorted { ($0 == 0 ? .max : $0) < ($1 == 0 ? .max : $1) }
  }

  /// Parents before children, START before the terminal one, as they happened.
  /// - Parameter id: the DAG run's row; 0 for dbt runs without one.
  func events(of id: Int64) throws -> [Event] {
    if id == 0 { return try dbtEvents("parent_dag_run IS ?3", nil, of: time) }
    guard
      let run = try database.prepare(
        """
        SELECT i.name, r.dag_id, r.run_id, r.clear_number, \(Told.columns)
        FROM dag_run r JOIN airflow_instance i ON i.id = r.instance WHERE r.id = ?
        """
      ).binding({ $0(id) }).firstRow({ row in
        var columns = Columns(row)
        let key = DagRunKey(instance: columns.text(), dagID: columns.text(), runID: columns.text())
        return (key: key, clearNumber: columns.optionalInt(), told: Told(&columns))
      })
    else { return [] }
    var events: [Event] = []
    try database.prepare(
      "SELECT clear_number, \(Told.columns) FROM dag_run_clear WHERE dag_run = ? ORDER BY position"
    ).binding { $0(id) }.forEachRow { row in
      var columns = Columns(row)
      let subject = ExecutionEvent.Subject.dagRun(run.key, clearNumber: columns.optionalInt())
      events += wanted(Told(&columns), subject, .dagRun)
    }
    let own = wanted(run.told, .dagRun(run.key, clearNumber: run.clearNumber), .dagRun)
    events += own.filter { !$0.event.transition.isTerminal }
    try database.prepare(Self.attempts).binding { $0(id) }.forEachRow { row in
      var columns = Columns(row)
      let key = AttemptRow.readKey(&columns)
      events += wanted(Told(&columns), .attempt(run.key, key), .attempt(key))
    }
    events += try dbtEvents("parent_dag_run = ?3", id)
    events += own.filter(\.event.transition.isTerminal)
    return events
  }

  private static let attempts = SQL(
    """
    SELECT task_id, map_index, try_number, \(Told.columns) FROM attempt WHERE dag_run = ? AND start_told IS NOT NULL
    ORDER BY start_told, task_id, map_index, try_number
    """)

  /// Those of a single dbt run.
  func events(ofDbtRun id: Int64) throws -> [Event] { try dbtEvents("id = ?3", id) }

  private func dbtEvents(_ isMeant: String, _ id: Int64?, of time: Time = Time()) throws -> [Event] {
    var events: [Event] = []
    try database.prepare(
      """
      SELECT id, key, node_events, \(Told.columns) FROM dbt_run d
      WHERE \(isMeant) AND start_told IS NOT NULL AND \(Time.condition) ORDER BY id
      """
    ).binding {
      $0(time.since)
      $0(time.until)
      $0(id)
    }.forEachRow { row in
      var columns = Columns(row)
      let id = columns.integer()
      guard let key = DbtRunKey(columns.text()) else { return }
      let nodeEvents = columns.int()
      events += wanted(Told(&columns), .dbtRun(key), .dbtRun(id, nodeEvents: nodeEvents))
    }
    return events
  }

  private func wanted(
    _ told: Told, _ subject: ExecutionEvent.Subject, _ about: OutboxWriter.Subject
  ) -> [Event] {
    if underWayOnly, !told.isUnderWay { return [] }
    return told.events(about: subject, since: sinceMark).map { ($0, about) }
  }
}
