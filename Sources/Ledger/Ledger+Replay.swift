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
  /// DAGs that match any of these patterns; empty for all, and for dbt runs that no attempt is known for.
  public var dagPatterns: [String] = []

  public init(sink: String, since: Instant) {
    self.sink = sink
    self.since = since
  }
}

/// How much is sent again.
public struct ReplayCount: Hashable, Sendable {
  public var dagRuns = 0
  /// Runs of dbt that no attempt is known for.
  public var dbtRuns = 0
  /// Events, or lines of a file.
  public var events = 0
}

extension Ledger {
  /// How much a replay would send, or puts it beside the outbox as history that waits: it is made again, with the same run
  /// ids and in order, when nothing newer is due. What waits there already is not counted.
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
    guard request.dagPatterns.isEmpty else { return count }
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
        ELSE \(sink.wantsRecords ? "CASE WHEN \(OutboxWriter.hasLine) THEN 1 ELSE 0 END" : WaitingHistory.eventsOfDagRun(for: sink)) END
      FROM dag_run r
      WHERE r.id > ?2 AND (r.end_date IS NULL OR r.end_date >= ?3 OR r.removed_at >= ?3)
        AND (?4 IS NULL OR coalesce(r.start_date, r.queued_at, r.run_after, r.logical_date) < ?4)
        AND (?5 = '[]' OR EXISTS (SELECT 1 FROM json_each(?5) WHERE r.dag_id GLOB value))
      ORDER BY r.id LIMIT ?6
      """
    ).binding {
      $0(sink.id)
      $0(last)
      $0(request.since)
      $0(request.until)
      $0(NameList.text(request.dagPatterns.map { $0.replacing("[", with: "[[]") }))
      $0(Self.runsAtOnce)
    }.rows { ($0.integer(0), Int($0.integer(1))) }
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

  /// Those that no attempt is known for.
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
