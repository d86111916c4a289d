import ExecutionModel
import Storage

/// Puts items into the outbox, within the transaction that writes the rows they speak of. Items are small: they name
/// what happened; the bytes are made when they are about to be sent.
struct OutboxWriter {
  /// What an event is about.
  enum Subject {
    case dagRun
    case attempt(AttemptKey)
    /// The dbt run's row in the ledger, and how many events about its nodes go with its end.
    case dbtRun(Int64, nodeEvents: Int)
    /// The dbt run's row in the ledger, and one of its nodes.
    case dbtNode(Int64, OutboxItem.Node)

    /// What becomes of an event for a sink; nil when the sink does not want it.
    func kind(of transition: ExecutionEvent.Transition, for sink: SinkRegistration) -> OutboxItem.Kind? {
      switch self {
      case .dagRun: sink.wants(.dagRuns) ? .dagRun : nil
      case .attempt: sink.wants(.attempts) ? .attempt : nil
      case .dbtRun(_, let nodeEvents):
        if transition.isTerminal, nodeEvents > 0, sink.wants(.dbtNodes) {
          .dbtNodes
        } else {
          sink.wants(.dbtRuns) ? .dbtRun : nil
        }
      case .dbtNode: sink.wants(.dbtNodes) ? .dbtNode : nil
      }
    }

    /// How many events an item of `kind` stands for.
    func count(as kind: OutboxItem.Kind, for sink: SinkRegistration) -> Int {
      guard kind == .dbtNodes, case .dbtRun(_, let nodeEvents) = self else { return 1 }
      return nodeEvents + (sink.wants(.dbtRuns) ? 1 : 0)
    }
  }

  let database: any Database
  let sinks: [SinkRegistration]
  let now: Int64
  /// History goes only to the sinks that want it.
  let isHistory: Bool
  /// The DAG run's row in the ledger; 0 for a dbt run without one.
  var dagRun: Int64 = 0

  init(database: any Database, sinks: [SinkRegistration], now: Int64, isHistory: Bool) {
    self.database = database
    self.sinks = sinks
    self.now = now
    self.isHistory = isHistory
  }

  /// One event for every sink that wants events of this kind. What still waits of the same record comes before it.
  func event(_ event: ExecutionEvent, about subject: Subject) throws {
    for sink in sinks where sink.history || !isHistory {
      guard let kind = subject.kind(of: event.transition, for: sink) else { continue }
      let waiting = WaitingHistory(database: database, sink: sink)
      if let mark = sink.mark {
        try waiting.hold(subject.count(as: kind, for: sink), of: dagRun, since: mark, now: now)
      } else {
        try waiting.unfold(dagRun)
        try put(event, about: subject, as: kind, for: sink)
      }
    }
  }

  private static let insertEvent = SQL(
    """
    INSERT INTO outbox (sink, kind, dag_run, dbt_run, task_id, map_index, number, transition, event_time, made_at)
    VALUES (\(placeholders(10)))
    """)

  /// One event for a sink, if it wants it.
  func put(_ event: ExecutionEvent, about subject: Subject, for sink: SinkRegistration) throws {
    guard let kind = subject.kind(of: event.transition, for: sink) else { return }
    try put(event, about: subject, as: kind, for: sink)
  }

  private func put(
    _ event: ExecutionEvent, about subject: Subject, as kind: OutboxItem.Kind, for sink: SinkRegistration
  ) throws {
    var dbtRun: Int64?
    var (name, place, number): (String?, Int?, Int?)
    switch subject {
    case .dagRun: if case .dagRun(_, let clearNumber) = event.subject { number = clearNumber }
    case .attempt(let key): (name, place, number) = (key.taskID, key.mapIndex, key.tryNumber)
    case .dbtRun(let id, _):
      dbtRun = id
      if kind == .dbtNodes { number = subject.count(as: kind, for: sink) }
    case .dbtNode(let id, let node):
      (dbtRun, name, place, number) = (id, node.uniqueID, node.part == .tests ? 1 : 0, node.step)
    }
    try database.prepare(Self.insertEvent).binding {
      $0(sink.id)
      $0(kind.rawValue)
      $0(dagRun)
      $0(dbtRun)
      $0(name)
      $0(place)
      $0(number)
      $0(event.transition.rawValue)
      $0(event.time)
      $0(now)
    }.run()
    sink.meter.add(items: 1)
  }

  /// One line of the record for every file sink. It takes the place of a line that waits already and would show the
  /// same facts, under a new number: the one that waits may be under way with older facts.
  func record() throws {
    for sink in sinks where sink.wantsRecords && (sink.history || !isHistory) {
      let madeAt = try database.prepare(Self.takeRecord).binding {
        $0(sink.id)
        $0(dagRun)
      }.rows { $0.integer(0) }.first
      try database.prepare(Self.insertRecord).binding {
        $0(sink.id)
        $0(dagRun)
        $0(madeAt ?? now)
      }.run()
      if madeAt == nil { sink.meter.add(items: 1) }
    }
  }

  private static let takeRecord = SQL(
    """
    DELETE FROM outbox WHERE sink = ? AND dag_run = ? AND coalesce(dbt_run, 0) = 0 AND kind = 'record' AND parked_at IS NULL
    RETURNING made_at
    """)
  private static let insertRecord = SQL("INSERT INTO outbox (sink, kind, dag_run, made_at) VALUES (?, 'record', ?, ?)")

  /// Whether the DAG run `r` ever had a line: it or one of its dbt runs came to its end, or it is gone.
  static let hasLine = """
    (r.state IN ('success', 'failed') OR r.removed IS NOT NULL
      OR EXISTS (SELECT 1 FROM dag_run_clear c WHERE c.dag_run = r.id AND c.state IN ('success', 'failed'))
      OR EXISTS (SELECT 1 FROM link l JOIN dbt_run d ON d.id = l.dbt_run WHERE l.dag_run = r.id AND d.is_complete = 1))
    """
}
