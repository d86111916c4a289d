import ExecutionModel
import Storage

/// Where the deletion of old history goes on.
public struct RetentionCursor: Hashable, Sendable {
  /// What is looked through, one after the other.
  enum Part: Int, Hashable, Sendable { case checks, neverStarted, started, dbtRuns }

  var part = Part.checks
  /// The last row that was looked at: the moment it is ordered by, and its number.
  var moment: Int64 = .min
  var row: Int64 = 0

  public init() {}
}

/// What a slice, or a pass of several, has deleted.
public struct RetentionOutcome: Hashable, Sendable {
  public var dagRuns = 0
  public var attempts = 0
  public var dbtRuns = 0
  public var checks = 0
  public var nodes = 0

  public init() {}

  public static func += (left: inout RetentionOutcome, right: RetentionOutcome) {
    left.dagRuns += right.dagRuns
    left.attempts += right.attempts
    left.dbtRuns += right.dbtRuns
    left.checks += right.checks
    left.nodes += right.nodes
  }

  mutating func add(_ count: RunEraser.Count) {
    dagRuns += count.dagRuns
    attempts += count.attempts
    dbtRuns += count.dbtRuns
  }

  public var isEmpty: Bool { self == RetentionOutcome() }
}

extension Ledger {
  /// How long delivered history is kept, in seconds; nil for good. What is older is not taken in any more.
  public func keep(history seconds: Double?) throws {
    retention = seconds.map { Int64($0 * 1e6) }
    try write { database in
      try database.prepare("UPDATE retention SET kept = ?, error = NULL").binding { $0(seconds.map { Int64($0) }) }
        .run()
    }
  }

  /// What ended before this moment need not be kept; nil while everything is, or while nobody knows what time it is: the
  /// clock of this machine alone, which may be set to any year, is not believed where Airflow's databases have another.
  /// - Parameter expectsSources: whether there are databases that could tell the time.
  public func horizon(expectsSources: Bool) -> Instant? {
    guard let retention else { return nil }
    guard expectsSources else { return Instant(microseconds: now - retention) }
    return sourceTime.map { Instant(microseconds: min(now, $0) - retention) }
  }

  /// Whether something that ended then is older than history is kept.
  public func isForgotten(_ end: Instant?) -> Bool {
    guard let retention, let end else { return false }
    return end.microseconds < now - retention
  }

  /// Notes the clock of an Airflow database.
  func note(sourceTime time: Instant) { sourceTime = max(sourceTime ?? .min, time.microseconds) }

  /// Runs that are looked at in one transaction, and attempts after which it ends.
  private static let runsOfSlice = 64
  private static let attemptsOfSlice = 2000

  /// Deletes the next of what ended before `horizon` and is delivered: never anything that waits for a sink or was refused by
  /// one, that Airflow may go on with, or whose dbt runs are not settled. One short transaction.
  /// - Parameter cursor: where it begins; returned as where to go on, nil at the end.
  public func deleteHistory(
    before horizon: Instant, from cursor: RetentionCursor
  ) throws -> (next: RetentionCursor?, deleted: RetentionOutcome) {
    var deleted = RetentionOutcome()
    let next: RetentionCursor? = try write { database in
      let eraser = RunEraser(database: database, horizon: horizon)
      switch cursor.part {
      case .checks:
        deleted.checks = try eraser.eraseChecks(before: horizon, limit: Self.runsOfSlice)
        return deleted.checks == Self.runsOfSlice ? cursor : cursor.after(.checks)
      case .neverStarted, .started:
        let sql = cursor.part == .started ? Self.selectStarted : Self.selectNeverStarted
        return try each(sql, cursor, horizon, in: database) { row in
          if row.isDeletable { deleted.add(try eraser.erase(dagRun: row.id)) }
          return deleted.attempts < Self.attemptsOfSlice
        }
      case .dbtRuns:
        return try each(Self.selectDbtRuns, cursor, horizon, in: database) { row in
          if row.isDeletable, try eraser.eraseUnused(dbtRun: row.id) { deleted.dbtRuns += 1 }
          return deleted.dbtRuns < Self.runsOfSlice / 4
        }
      }
    }
    return (next, deleted)
  }

  private struct Row {
    var id: Int64
    var moment: Int64
    var isDeletable: Bool
  }

  private func each(
    _ sql: SQL, _ cursor: RetentionCursor, _ horizon: Instant, in database: any Database, _ body: (Row) throws -> Bool
  ) throws -> RetentionCursor? {
    let rows = try database.prepare(sql).binding {
      $0(horizon)
      $0(cursor.moment)
      $0(cursor.row)
      $0(Self.runsOfSlice)
    }.rows { Row(id: $0.integer(0), moment: $0.integer(1), isDeletable: $0.bool(2)) }
    var next = cursor
    for row in rows {
      (next.moment, next.row) = (row.moment, row.id)
      if try !body(row) { return next }
    }
    return rows.count < Self.runsOfSlice ? cursor.after(cursor.part) : next
  }

  /// Notes that all that was old enough has been looked through.
  public func note(_ pass: RetentionOutcome) throws {
    let now = now
    try write { database in
      try database.prepare("UPDATE retention SET last_at = ?, runs = runs + ?").binding {
        $0(now)
        $0(pass.dagRuns + pass.dbtRuns)
      }.run()
    }
  }

  // MARK: What may go

  /// Whether nothing keeps the DAG run `r`, which is old enough.
  private static let isDeletable = """
    r.is_open = 0 AND \(KeptRunRow.moment) < ?1
      AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.dag_run = r.id)
      AND NOT EXISTS (SELECT 1 FROM sink s JOIN outbox_history h ON h.sink = s.id AND h.dag_run = r.id)
      AND NOT EXISTS (SELECT 1 FROM link l JOIN link_target t ON t.link = l.id JOIN dbt_run d ON d.id = t.dbt_run
        WHERE l.dag_run = r.id AND d.is_complete = 0
          AND (d.fetch_state = 'wanted' OR d.fetch_state = 'known' AND l.dbt_run = d.id))
      AND NOT EXISTS (SELECT 1 FROM link l JOIN lost_try t ON t.link = l.id WHERE l.dag_run = r.id
        AND (t.window_start IS NULL OR t.judge_at IS NOT NULL
          OR EXISTS (SELECT 1 FROM search f WHERE f.link = l.id AND f.next_at IS NOT NULL)))
    """

  static let selectNeverStarted = SQL(
    """
    SELECT r.id, 0, CASE WHEN \(isDeletable) THEN 1 ELSE 0 END FROM dag_run r
    WHERE r.start_date IS NULL AND r.id > ?3 AND ?2 IS NOT NULL ORDER BY r.id LIMIT ?4
    """)
  static let selectStarted = SQL(
    """
    SELECT r.id, r.start_date, CASE WHEN \(isDeletable) THEN 1 ELSE 0 END FROM dag_run r
    WHERE r.start_date < ?1 AND (r.start_date, r.id) > (?2, ?3) ORDER BY r.start_date, r.id LIMIT ?4
    """)
  static let selectDbtRuns = SQL(
    """
    SELECT d.id, d.created_at,
      CASE WHEN EXISTS (SELECT 1 FROM link_target t WHERE t.dbt_run = d.id) THEN 0 ELSE 1 END FROM dbt_run d
    WHERE d.created_at < ?1 AND d.fetch_state = 'known' AND (d.created_at, d.id) > (?2, ?3)
    ORDER BY d.created_at, d.id LIMIT ?4
    """)
}

extension RetentionCursor {
  /// The beginning of what comes after `part`; nil at the end.
  fileprivate func after(_ part: Part) -> RetentionCursor? {
    Part(rawValue: part.rawValue + 1).map { next in
      var cursor = RetentionCursor()
      cursor.part = next
      return cursor
    }
  }
}
