import ExecutionModel
import Storage

/// History that waits for one sink: a row for a DAG run stands for all that was told of it, so that a million task
/// instances of history are not two million items. Within one transaction. While a row waits, the outbox has no item of
/// that run for the sink; what was told stands beside the run, its attempts and its dbt runs.
struct WaitingHistory {
  let database: any Database
  let sink: SinkRegistration

  /// How many events were told, by what they are about.
  struct Count {
    var dagRuns = 0
    var attempts = 0
  }

  private static let insert = SQL("INSERT INTO outbox_history (sink, dag_run, events, made_at) VALUES (?, ?, ?, ?)")

  /// Lets all events of a run that is new to the ledger wait.
  func add(_ told: Count, of dagRun: Int64, now: Int64) throws {
    let events = (sink.wants(.dagRuns) ? told.dagRuns : 0) + (sink.wants(.attempts) ? told.attempts : 0)
    guard events > 0 else { return }
    try database.prepare(Self.insert).binding {
      $0(sink.id)
      $0(dagRun)
      $0(events)
      $0(now)
    }.run()
  }

  // What is held may be older than the time that a replay of dbt runs is of: then all of them are told once more.
  private static let insertHeld = SQL(
    """
    INSERT INTO outbox_history (sink, dag_run, events, made_at, since_mark) VALUES (\(placeholders(5)))
    ON CONFLICT (sink, dag_run) DO UPDATE SET events = outbox_history.events + excluded.events, since = NULL,
      until = NULL
    """)

  /// Lets events that are told now wait because the sink's outbox is at its limit: with what waits of the run already, or
  /// as all that was told under this mark or a later one.
  func hold(_ events: Int, of dagRun: Int64, since mark: Int64, now: Int64) throws {
    try database.prepare(Self.insertHeld).binding {
      $0(sink.id)
      $0(dagRun)
      $0(events)
      $0(now)
      $0(mark)
    }.run()
  }

  private static let take = SQL(
    "DELETE FROM outbox_history WHERE sink = ? AND dag_run = ? RETURNING made_at, since_mark, since, until")

  /// Puts what waits of a run into the outbox. To be done before anything else is told of the run, and before what it was
  /// told by changes.
  func unfold(_ dagRun: Int64) throws {
    let waiting = try database.prepare(Self.take).binding {
      $0(sink.id)
      $0(dagRun)
    }.rows { row in
      (
        madeAt: row.integer(0), mark: row.optionalInteger(1),
        time: HistoryOfEvents.Time(since: row.optionalInteger(2), until: row.optionalInteger(3))
      )
    }.first
    guard let waiting else { return }
    var outbox = OutboxWriter(database: database, sinks: [sink], now: waiting.madeAt, isHistory: false)
    outbox.dagRun = dagRun
    // What goes to a sink may have been changed since.
    if sink.wantsRecords {
      if dagRun != 0 { return try outbox.record() }
      return try DbtRunWriter.enqueueOwnRecords(for: sink, time: waiting.time, now: waiting.madeAt, in: database)
    }
    let history = HistoryOfEvents(database: database, sinceMark: waiting.mark, time: waiting.time)
    for (event, subject) in try history.events(of: dagRun) {
      try outbox.put(event, about: subject, for: sink)
    }
  }

  private static let next = SQL(
    "SELECT dag_run, events FROM outbox_history WHERE sink = ? ORDER BY dag_run = 0, dag_run LIMIT ?")

  /// Puts the runs into the outbox that have waited longest: so many that there are `events` of them, if there are.
  func unfold(events: Int) throws {
    // A run that waits has at least one event.
    let waiting = try database.prepare(Self.next).binding {
      $0(sink.id)
      $0(events)
    }.rows { (dagRun: $0.integer(0), events: Int($0.integer(1))) }
    var count = 0
    for run in waiting where count < events {
      try unfold(run.dagRun)
      count += run.events
    }
  }

  private static let any = SQL("SELECT 1 FROM outbox_history WHERE sink = ? LIMIT 1")

  /// Whether anything waits.
  func isThere() throws -> Bool {
    try database.prepare(Self.any).binding { $0(sink.id) }.firstRow { _ in true } ?? false
  }
}

extension WaitingHistory {
  /// How many events were told of all rows of `dbt_run` that a sink wants.
  static func eventsOfDbtRuns(for sink: SinkRegistration) -> String {
    var terms = ["0"]
    if sink.wants(.dbtRuns) { terms.append("count(start_told) + count(end_told)") }
    if sink.wants(.dbtNodes) { terms.append("coalesce(sum(node_events), 0)") }
    return terms.joined(separator: " + ")
  }
}

extension Ledger {
  /// Makes what a sink would have got, had it been there from the start: everything that the ledger holds, or for a sink
  /// that does not want history the START of everything that is under way. In the transaction that registers it: a sink
  /// is new with all its history or not yet.
  func enqueueHistory(for sink: SinkRegistration, in database: any Database) throws {
    if sink.wantsRecords {
      guard sink.history else { return }
      try database.prepare(
        """
        INSERT INTO outbox (sink, kind, dag_run, made_at)
        SELECT ?, 'record', r.id, ? FROM dag_run r WHERE \(OutboxWriter.hasLine) ORDER BY r.id
        """
      ).binding {
        $0(sink.id)
        $0(now)
      }.run()
    } else if sink.history {
      try database.prepare(Self.enqueueWaiting).binding {
        $0(sink.id)
        $0(now)
        $0(sink.wants(.dagRuns))
        $0(sink.wants(.attempts))
        $0(sink.wants(.dbtRuns))
        $0(sink.wants(.dbtNodes))
      }.run()
    } else {
      let history = HistoryOfEvents(database: database, underWayOnly: true)
      for dagRun in try history.runsUnderWay() {
        var outbox = OutboxWriter(database: database, sinks: [sink], now: now, isHistory: false)
        outbox.dagRun = dagRun
        for (event, subject) in try history.events(of: dagRun) { try outbox.put(event, about: subject, for: sink) }
      }
    }
  }

  private static let ofDbtRuns = """
    CASE WHEN ?5 = 1 THEN count(start_told) + count(end_told) ELSE 0 END
      + CASE WHEN ?6 = 1 THEN coalesce(sum(node_events), 0) ELSE 0 END
    """

  // Counted run by run: grouping all of them at once would sort a million rows.
  static let enqueueWaiting = """
    INSERT INTO outbox_history (sink, dag_run, events, made_at)
    SELECT ?1, dag_run, events, ?2 FROM (
      SELECT r.id AS dag_run,
        CASE WHEN ?3 = 1 THEN \(Told.countOfRow)
          + (SELECT count(start_told) + count(end_told) FROM dag_run_clear WHERE dag_run = r.id) ELSE 0 END
        + CASE WHEN ?4 = 1 THEN (SELECT count(start_told) + count(end_told) FROM attempt WHERE dag_run = r.id) ELSE 0 END
        + CASE WHEN ?5 = 1 OR ?6 = 1 THEN (SELECT \(ofDbtRuns) FROM dbt_run WHERE parent_dag_run = r.id) ELSE 0 END
        AS events
      FROM dag_run r
      UNION ALL
      SELECT 0, CASE WHEN ?5 = 1 OR ?6 = 1 THEN \(ofDbtRuns) ELSE 0 END FROM dbt_run WHERE parent_dag_run IS NULL) AS waiting
    WHERE events > 0
    """
}
