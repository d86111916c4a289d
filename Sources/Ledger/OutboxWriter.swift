import ExecutionModel
import SQLite

/// Puts items into the outbox, within the transaction that writes the rows they speak of. Items are small: they name
/// what happened; the bytes are made when they are about to be sent.
struct OutboxWriter {
  /// What an event is about.
  enum Subject {
    case dagRun
    case attempt(AttemptKey)
    /// The dbt run's row in the ledger.
    case dbtRun(Int64)

    var emission: SinkRegistration.Emission {
      switch self {
      case .dagRun: .dagRuns
      case .attempt: .attempts
      case .dbtRun: .dbtRuns
      }
    }
  }

  let database: SQLiteDatabase
  let sinks: [SinkRegistration]
  let now: Int64
  /// History goes only to the sinks that want it.
  let isHistory: Bool
  /// The DAG run's row in the ledger; 0 for a dbt run without one.
  var dagRun: Int64 = 0

  init(database: SQLiteDatabase, sinks: [SinkRegistration], now: Int64, isHistory: Bool) {
    self.database = database
    self.sinks = sinks
    self.now = now
    self.isHistory = isHistory
  }

  /// One event for every sink that wants events of this kind. What still waits of the same record comes before it.
  func event(_ event: ExecutionEvent, about subject: Subject) throws {
    for sink in sinks where sink.wants(subject.emission) && (sink.history || !isHistory) {
      try WaitingHistory(database: database, sink: sink).unfold(dagRun)
      try put(event, about: subject, for: sink)
    }
  }

  private static let insertEvent = SQL(
    """
    INSERT INTO outbox (sink, kind, dag_run, dbt_run, task_id, map_index, number, transition, event_time, made_at)
    VALUES (\(placeholders(10)))
    """)

  func put(_ event: ExecutionEvent, about subject: Subject, for sink: SinkRegistration) throws {
    try database.prepare(Self.insertEvent).binding {
      $0(sink.id)
      switch subject {
      case .dagRun:
        $0(OutboxItem.Kind.dagRun.rawValue)
        $0(dagRun)
        $0(Int64?.none)
        $0(String?.none)
        $0(Int64?.none)
      case .attempt(let key):
        $0(OutboxItem.Kind.attempt.rawValue)
        $0(dagRun)
        $0(Int64?.none)
        $0(key.taskID)
        $0(key.mapIndex)
      case .dbtRun(let id):
        $0(OutboxItem.Kind.dbtRun.rawValue)
        $0(dagRun)
        $0(id)
        $0(String?.none)
        $0(Int64?.none)
      }
      switch event.subject {
      case .dagRun(_, let clearNumber): $0(clearNumber)
      case .attempt(_, let key): $0(key.tryNumber)
      case .dbtRun: $0(Int?.none)
      }
      $0(event.transition.rawValue)
      $0(event.time)
      $0(now)
    }.run()
  }

  /// One line of the record for every file sink. It takes the place of a line that waits already and would show the
  /// same facts, under a new number: the one that waits may be under way with older facts.
  func record() throws {
    for sink in sinks where sink.wantsRecords && (sink.history || !isHistory) {
      try database.prepare(Self.insertRecord).binding {
        $0(sink.id)
        $0(dagRun)
        $0(now)
      }.run()
    }
  }

  private static let insertRecord = SQL(
    """
    INSERT OR REPLACE INTO outbox (sink, kind, dag_run, made_at) SELECT ?1, 'record', ?2, coalesce(
      (SELECT made_at FROM outbox WHERE dag_run = ?2 AND sink = ?1 AND kind = 'record' AND parked_at IS NULL), ?3)
    """)

  /// Whether the DAG run `r` ever had a line: it or one of its dbt runs came to its end, or it is gone.
  static let hasLine = """
    (r.state IN ('success', 'failed') OR r.removed IS NOT NULL
      OR EXISTS (SELECT 1 FROM dag_run_clear c WHERE c.dag_run = r.id AND c.state IN ('success', 'failed'))
      OR EXISTS (SELECT 1 FROM link l JOIN dbt_run d ON d.id = l.dbt_run WHERE l.dag_run = r.id AND d.is_complete = 1))
    """
}
