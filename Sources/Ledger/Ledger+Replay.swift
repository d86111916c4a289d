import ExecutionModel
import Storage

/// What of history is to be sent again.
public struct ReplayRequest: Hashable, Sendable {
  /// `sinks[].name`
  public var sink: String
  /// Runs that ended at this time or later, or have not ended.
  public var since: Instant
  /// Runs that started before this time; nil for all.
  public var until: Instant?
  /// DAGs that match any of these patterns, and the dbt runs that are linked to their runs; empty for all, and for dbt
  /// runs that no attempt is known for.
  public var dagPatterns: [String] = []

  public init(sink: String, since: Instant) {
    self.sink = sink
    self.since = since
  }
}

/// How much is sent again.
public struct ReplayCount: Hashable, Sendable {
  public var dagRuns = 0
  /// Runs of dbt that are told without a DAG run: no attempt is known for them, or it is only guessed.
  public var dbtRuns = 0
  /// Events, or lines of a file.
  public var events = 0
}

extension Ledger {
  /// How much a replay would send, or puts it beside the outbox as history that waits: it is made again, with the same run
  /// ids and in order, when nothing newer is due. What waits there already is not counted. The dbt runs of some DAGs that
  /// are told without a DAG run are few, and become items at once.
  /// - Throws: ``LedgerError`` when no such sink is known to the ledger or to the configuration.
  public func replay(_ request: ReplayRequest, isTrial: Bool) throws -> ReplayCount {
    let sink = try replayed(request.sink)
    var count = ReplayCount()
    var last: Int64 = 0
    while true {
      let runs = try read { try Replay(database: $0, sink: sink, request: request).dagRuns(after: last) }
      guard let newest = runs.last?.dagRun else { break }
      last = newest
      let wanted = runs.filter { $0.events > 0 }
      count.dagRuns += wanted.count
      count.events += wanted.reduce(0) { $0 + $1.events }
      if isTrial || wanted.isEmpty { continue }
      let now = now
      try write { database in
        for run in wanted { try Replay(database: database, sink: sink, request: request).wait(run, now: now) }
      }
    }
    guard request.dagPatterns.isEmpty else {
      if !sink.wantsRecords { try replayLinkedDbtRuns(request, sink, isTrial: isTrial, into: &count) }
      return count
    }
    let others = try read { try Replay(database: $0, sink: sink, request: request).dbtRuns() }
    guard others.events > 0 else { return count }
    count.dbtRuns = others.runs
    count.events += others.events
    let now = now
    if !isTrial {
      try write { try Replay(database: $0, sink: sink, request: request).waitForDbtRuns(others.events, now: now) }
    }
    return count
  }

  /// Those that the wanted DAG runs are linked to and that are told without them.
  private func replayLinkedDbtRuns(
    _ request: ReplayRequest, _ sink: SinkRegistration, isTrial: Bool, into count: inout ReplayCount
  ) throws {
    let now = now
    var last: Int64 = 0
    while true {
      let after = last
      let runs =
        isTrial
        ? try read { try Replay(database: $0, sink: sink, request: request).linkedDbtRuns(after: after) }
        : try write { database in
          let replay = Replay(database: database, sink: sink, request: request)
          let runs = try replay.linkedDbtRuns(after: after)
          for run in runs where run.events > 0 { try replay.tell(dbtRun: run.id, now: now) }
          return runs
        }
      guard let newest = runs.last?.id else { return }
      last = newest
      let wanted = runs.filter { $0.events > 0 }
      count.dbtRuns += wanted.count
      count.events += wanted.reduce(0) { $0 + $1.events }
    }
  }

  private func replayed(_ name: String) throws -> SinkRegistration {
    guard var sink = sinks.first(where: { $0.name == name }) else {
      throw LedgerError(.other, path: path, detail: "sink \(name) is not in the configuration")
    }
    sink.id = try progress(ofSink: name).id
    return sink
  }
}

/// The rows of one replay, a slice at a time.
private struct Replay {
  typealias Run = (dagRun: Int64, events: Int)

  let database: any Database
  let sink: SinkRegistration
  let request: ReplayRequest

  private static let runsAtOnce = 500

  /// The next runs of the time, those of which nothing is to be sent included.
  func dagRuns(after last: Int64) throws -> [Run] {
    try database.prepare(
      """
      SELECT r.id, CASE WHEN EXISTS (SELECT 1 FROM outbox_history h WHERE h.sink = ?1 AND h.dag_run = r.id
          AND h.since_mark IS NULL) THEN 0
        ELSE \(sink.wantsRecords ? "CASE WHEN \(OutboxWriter.hasLine) THEN 1 ELSE 0 END" : eventsOfDagRun) END
      FROM dag_run r WHERE r.id > ?2 AND \(Self.isMeant) ORDER BY r.id LIMIT ?6
      """
    ).binding { bind(after: last, to: &$0) }.rows { ($0.integer(0), Int($0.integer(1))) }
  }

  /// Whether the DAG run `r` is of the time and of the DAGs.
  private static let isMeant = """
    (r.end_date IS NULL OR r.end_date >= ?3 OR r.removed_at >= ?3)
      AND (?4 IS NULL OR coalesce(r.start_date, r.queued_at, r.run_after, r.logical_date) < ?4)
      AND (?5 = '[]' OR EXISTS (SELECT 1 FROM json_each(?5) WHERE r.dag_id GLOB value))
    """

  private func bind(after last: Int64, to binder: inout Binder) {
    binder(sink.id)
    binder(last)
    binder(request.since)
    binder(request.until)
    binder(NameList.text(request.dagPatterns.map { $0.replacing("[", with: "[[]") }))
    binder(Self.runsAtOnce)
  }

  /// How many events were told of the DAG run `r` that the sink wants. A sink that wants nothing of dbt is not to count
  /// dbt runs at all: of none of them there is no row, and of that no number.
  private var eventsOfDagRun: String {
    var terms = ["0"]
    if sink.wants(.dagRuns) {
      terms.append(Told.countOfRow)
      terms.append("(SELECT count(start_told) + count(end_told) FROM dag_run_clear WHERE dag_run = r.id)")
    }
    if sink.wants(.attempts) {
      terms.append("(SELECT count(start_told) + count(end_told) FROM attempt WHERE dag_run = r.id)")
    }
    if sink.wants(.dbtRuns) || sink.wants(.dbtNodes) {
      terms.append("(SELECT \(WaitingHistory.eventsOfDbtRuns(for: sink)) FROM dbt_run WHERE parent_dag_run = r.id)")
    }
    return terms.joined(separator: " + ")
  }

  /// The next dbt runs that have no DAG run as their parent and are linked to one that is meant, without those that wait
  /// already.
  func linkedDbtRuns(after last: Int64) throws -> [(id: Int64, events: Int)] {
    let isFirst = sink.wants(.dbtRuns) ? "o.transition = '\(ExecutionEvent.Transition.start.rawValue)'" : "1 = 1"
    return try database.prepare(
      """
      SELECT d.id, (SELECT \(WaitingHistory.eventsOfDbtRuns(for: sink)) FROM dbt_run x WHERE x.id = d.id) FROM dbt_run d
      WHERE d.id > ?2 AND d.parent_dag_run IS NULL AND d.start_told IS NOT NULL
        AND EXISTS (SELECT 1 FROM link l JOIN dag_run r ON r.id = l.dag_run
          WHERE l.dbt_run = d.id AND l.is_candidate = 0 AND \(Self.isMeant))
        AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.sink = ?1 AND o.dag_run = 0 AND o.dbt_run = d.id
          AND o.parked_at IS NULL AND \(isFirst))
        AND NOT EXISTS (SELECT 1 FROM outbox_history h WHERE h.sink = ?1 AND h.dag_run = 0 AND h.since_mark IS NULL
          AND \(HistoryOfEvents.Time.conditionOfRow))
      ORDER BY d.id LIMIT ?6
      """
    ).binding { bind(after: last, to: &$0) }.rows { ($0.integer(0), Int($0.integer(1))) }
  }

  func tell(dbtRun id: Int64, now: Int64) throws {
    let outbox = OutboxWriter(database: database, sinks: [sink], now: now, isHistory: false)
    for (event, subject) in try HistoryOfEvents(database: database).events(ofDbtRun: id) {
      try outbox.put(event, about: subject, for: sink)
    }
  }

  func wait(_ run: Run, now: Int64) throws {
    try database.prepare(Self.insert).binding {
      $0(sink.id)
      $0(run.dagRun)
      $0(run.events)
      $0(now)
    }.run()
  }

  private static let insert = SQL(
    """
    INSERT INTO outbox_history (sink, dag_run, events, made_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (sink, dag_run) DO UPDATE SET events = excluded.events, since_mark = NULL
      WHERE outbox_history.since_mark IS NOT NULL
    """)

  /// Those that are told without a DAG run.
  func dbtRuns() throws -> (runs: Int, events: Int) {
    let (condition, events) =
      sink.wantsRecords
      ? ("d.is_complete = 1 AND \(DbtRunWriter.isRecord)", "count(*)")
      : ("d.parent_dag_run IS NULL AND d.start_told IS NOT NULL", WaitingHistory.eventsOfDbtRuns(for: sink))
    return try database.prepare(
      "SELECT count(*), \(events) FROM dbt_run d WHERE \(HistoryOfEvents.Time.condition) AND \(condition)"
    ).binding {
      $0(request.since)
      $0(request.until)
    }.firstRow { (Int($0.integer(0)), Int($0.integer(1))) } ?? (0, 0)
  }

  /// What waits already is widened to both times.
  func waitForDbtRuns(_ events: Int, now: Int64) throws {
    try database.prepare(
      """
      INSERT INTO outbox_history (sink, dag_run, events, made_at, since, until) VALUES (?1, 0, ?2, ?3, ?4, ?5)
      ON CONFLICT (sink, dag_run) DO UPDATE SET
        since = CASE WHEN outbox_history.since IS NULL THEN NULL ELSE min(outbox_history.since, ?4) END,
        until = CASE WHEN outbox_history.until IS NULL OR ?5 IS NULL THEN NULL ELSE max(outbox_history.until, ?5) END,
        events = max(outbox_history.events, ?2), since_mark = NULL
      """
    ).binding {
      $0(sink.id)
      $0(events)
      $0(now)
      $0(request.since)
      $0(request.until)
    }.run()
  }
}
