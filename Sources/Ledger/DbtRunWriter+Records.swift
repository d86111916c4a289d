import ExecutionModel
import Storage

// Dbt runs that are records of their own: wanted for their own sake, and no attempt is known for them.
extension DbtRunWriter {
  /// Whether the dbt run `d` is a record of its own.
  static let isRecord = """
    (d.is_wanted = 1 AND d.fetch_state = 'known' AND NOT EXISTS (SELECT 1 FROM link x WHERE x.dbt_run = d.id))
    """

  /// One line for every file sink, when the run is a record of its own and complete.
  func enqueueOwnRecord(of id: Int64, sinks: [SinkRegistration], now: Int64) throws {
    let isHistory = try database.prepare(
      "SELECT is_history FROM dbt_run d WHERE id = ? AND is_complete = 1 AND \(Self.isRecord)"
    ).binding { $0(id) }.firstRow { $0.bool(0) }
    guard let isHistory else { return }
    for sink in sinks where sink.wantsRecords && (sink.history || !isHistory) {
      let madeAt = try database.prepare(Self.takeRecord).binding {
        $0(sink.id)
        $0(id)
      }.rows { $0.integer(0) }.first
      try database.prepare(Self.insertRecord).binding {
        $0(sink.id)
        $0(id)
        $0(madeAt ?? now)
      }.run()
      if madeAt == nil { sink.meter.add(items: 1) }
    }
  }

  // As for a DAG run: it takes the place of a line that waits, under a new number.
  private static let takeRecord = SQL(
    """
    DELETE FROM outbox WHERE sink = ? AND dag_run = 0 AND coalesce(dbt_run, 0) = ? AND kind = 'record'
      AND parked_at IS NULL
    RETURNING made_at
    """)
  private static let insertRecord = SQL(
    "INSERT INTO outbox (sink, kind, dag_run, dbt_run, made_at) VALUES (?, 'record', 0, ?, ?)")

  /// The lines that a file sink would have got, had it been there from the start.
  static func enqueueOwnRecords(for sink: SinkRegistration, now: Int64, in database: any Database) throws {
    guard sink.wantsRecords, sink.history else { return }
    try enqueueOwnRecords(for: sink, time: HistoryOfEvents.Time(), now: now, in: database)
  }

  /// The lines of a time that do not wait yet.
  static func enqueueOwnRecords(
    for sink: SinkRegistration, time: HistoryOfEvents.Time, now: Int64, in database: any Database
  ) throws {
    try database.prepare(
      """
      INSERT INTO outbox (sink, kind, dag_run, dbt_run, made_at)
      SELECT ?3, 'record', 0, d.id, ?4 FROM dbt_run d WHERE d.is_complete = 1 AND \(isRecord)
        AND \(HistoryOfEvents.Time.condition) AND NOT EXISTS (SELECT 1 FROM outbox o
          WHERE o.sink = ?3 AND o.dag_run = 0 AND coalesce(o.dbt_run, 0) = d.id AND o.kind = 'record' AND o.parked_at IS NULL)
      ORDER BY d.id
      """
    ).binding {
      $0(time.since)
      $0(time.until)
      $0(sink.id)
      $0(now)
    }.run()
  }

  /// Whether a DAG run shows a complete dbt run that was a record of its own before: then it gets its line at once.
  static func hasTakenOver(_ dagRun: Int64, in database: any Database) throws -> Bool {
    try database.prepare(selectTakenOver).binding { $0(dagRun) }.firstRow { _ in true } ?? false
  }

  private static let selectTakenOver = SQL(
    """
    SELECT 1 FROM link l JOIN dbt_run d ON d.id = l.dbt_run WHERE l.dag_run = ? AND d.is_wanted = 1 AND d.is_complete = 1
    LIMIT 1
    """)
}
