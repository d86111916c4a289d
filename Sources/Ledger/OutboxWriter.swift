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

  /// One event for every sink that wants events of this kind.
  func event(_ event: ExecutionEvent, about subject: Subject) throws {
    let emission: SinkRegistration.Emission =
      switch subject {
      case .dagRun: .dagRuns
      case .attempt: .attempts
      case .dbtRun: .dbtRuns
      }
    for sink in sinks where sink.wants(emission) && (sink.history || !isHistory) {
      let statement = try database.prepare(
        """
        INSERT INTO outbox (sink, kind, dag_run, dbt_run, task_id, map_index, number, transition, event_time, made_at)
        VALUES (\(placeholders(10)))
        """)
      try statement.binding {
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
  }

  /// One line of the record for every file sink; a line that waits already will show the newest facts anyway.
  func record() throws {
    for sink in sinks where sink.wantsRecords && (sink.history || !isHistory) {
      try database.prepare(
        "INSERT INTO outbox (sink, kind, dag_run, made_at) VALUES (?, 'record', ?, ?) ON CONFLICT DO NOTHING"
      ).binding {
        $0(sink.id)
        $0(dagRun)
        $0(now)
      }.run()
    }
  }
}

extension Ledger {
  /// Makes the items that a sink would have got, had it been there from the start: everything that the ledger holds.
  func enqueueHistory(for sink: SinkRegistration, in database: SQLiteDatabase) throws {
    if sink.wantsRecords {
      try database.prepare(
        """
        INSERT INTO outbox (sink, kind, dag_run, made_at) SELECT ?, 'record', id, ? FROM dag_run
        WHERE event_phase = 2 OR removed IS NOT NULL ORDER BY id
        """
      ).binding {
        $0(sink.id)
        $0(now)
      }.run()
      return
    }
    // Parents before children, START before the terminal one, as they happened.
    try HistoryOfEvents(database: database).forEachRun { run in
      var outbox = OutboxWriter(database: database, sinks: [sink], now: now, isHistory: false)
      outbox.dagRun = run.id
      for (event, subject) in run.events { try outbox.event(event, about: subject) }
    }
  }
}
