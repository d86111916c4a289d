import ExecutionModel
import Storage

/// What somebody wants to be gone from the ledger.
public struct PurgeRequest: Sendable {
  /// DAGs, `*` and `?` stand for others; empty for all, and then dbt runs without an attempt, too.
  public var dags: [String] = []
  /// Only what ended before; nil for all.
  public var before: Instant?
  /// Only of these Airflow instances; empty for all, and for dbt runs without an attempt.
  public var instances: [String] = []
  /// Also what still waits for a sink, or was refused by one.
  public var withPending = false

  public init() {}
}

/// What was purged, or would be, and what stays.
public struct PurgeOutcome: Hashable, Sendable {
  public var dagRuns = 0
  public var attempts = 0
  public var dbtRuns = 0
  /// Deliveries that were not made, and never will be.
  public var deliveries = 0
  /// Runs that stay because Airflow may go on with them.
  public var open = 0
  /// Runs that stay because something of them waits for a sink, and how much.
  public var waiting = 0
  public var waitingDeliveries = 0

  public init() {}
}

/// Where purging goes on.
public struct PurgeCursor: Hashable, Sendable {
  enum Part: Hashable, Sendable { case dagRuns, dbtRuns }

  var part: Part
  var row: Int64 = 0
  /// In a trial: of dbt runs, how many of the DAG runs that have them would be gone by then.
  var gone: [Int64: Int] = [:]

  public init() { part = .dagRuns }
}

extension Ledger {
  private static let runsToPurgeAtOnce = 64
  private static let attemptsToPurgeAtOnce = 2000

  /// Deletes the next of what is wanted, in one short transaction. What is deleted and still in Airflow is not read again,
  /// unless Airflow opens it again.
  /// - Parameters:
  ///   - isTrial: nothing is deleted, only counted.
  ///   - cursor: where it begins; returned as where to go on, nil at the end.
  public func purge(
    _ request: PurgeRequest, from cursor: PurgeCursor, isTrial: Bool, into outcome: inout PurgeOutcome
  ) throws -> PurgeCursor? {
    var step = PurgeOutcome()
    let next: PurgeCursor?
    if isTrial {
      next = try read { try purge(request, from: cursor, isTrial: true, into: &step, in: $0) }
    } else {
      next = try write { try purge(request, from: cursor, isTrial: false, into: &step, in: $0) }
    }
    outcome.add(step)
    return next
  }

  private func purge(
    _ request: PurgeRequest, from cursor: PurgeCursor, isTrial: Bool, into outcome: inout PurgeOutcome,
    in database: any Database
  ) throws -> PurgeCursor? {
    switch cursor.part {
    case .dagRuns: try purgeDagRuns(request, from: cursor, isTrial: isTrial, into: &outcome, in: database)
    case .dbtRuns: try purgeDbtRuns(request, from: cursor, isTrial: isTrial, into: &outcome, in: database)
    }
  }

  private func purgeDagRuns(
    _ request: PurgeRequest, from cursor: PurgeCursor, isTrial: Bool, into outcome: inout PurgeOutcome,
    in database: any Database
  ) throws -> PurgeCursor? {
    let runs = try database.prepare(Self.selectRunsToPurge).binding {
      $0(cursor.row)
      $0(NameList.text(request.dags.map { $0.replacing("[", with: "[[]") }))
      $0(NameList.text(request.instances))
      $0(request.before)
      $0(Self.runsToPurgeAtOnce)
    }.rows { row in
      (id: row.integer(0), isOpen: row.bool(1), waiting: Int(row.integer(2)), attempts: Int(row.integer(3)))
    }
    var next = cursor
    for run in runs {
      next.row = run.id
      if run.isOpen {
        outcome.open += 1
        continue
      }
      let dbtRuns = try dbtRuns(of: run.id, in: database)
      let own = dbtRuns.filter { $0.others == next.gone[$0.id, default: 0] }
      let waiting = own.reduce(run.waiting) { $0 + $1.waiting }
      guard waiting == 0 || request.withPending else {
        outcome.waiting += 1
        outcome.waitingDeliveries += waiting
        continue
      }
      outcome.deliveries += waiting
      outcome.attempts += run.attempts
      outcome.dagRuns += 1
      if isTrial {
        outcome.dbtRuns += own.count
        // The links are still there, and so are dbt runs that none leads to.
        for dbtRun in dbtRuns where dbtRun.isLinked ? dbtRun.others > 0 : dbtRun.others == 0 {
          next.gone[dbtRun.id, default: 0] += 1
        }
      } else {
        outcome.dbtRuns += try erase(dagRun: run.id, in: database)
        if outcome.attempts >= Self.attemptsToPurgeAtOnce { return next }
      }
    }
    if runs.count == Self.runsToPurgeAtOnce { return next }
    if !isTrial { try eraseEmptyDags(in: database) }
    // Without an attempt they are of no DAG and of no instance.
    guard request.dags.isEmpty, request.instances.isEmpty else { return nil }
    (next.part, next.row) = (.dbtRuns, 0)
    return next
  }

  private static let waitingOfRun = """
    (SELECT \(Ledger.countOfItems) FROM outbox o WHERE o.dag_run = r.id)
      + (SELECT coalesce(sum(h.events), 0) FROM sink s JOIN outbox_history h ON h.sink = s.id AND h.dag_run = r.id)
    """
  static let selectRunsToPurge = SQL(
    """
    SELECT r.id, r.is_open = 1 AND r.removed IS NULL, \(waitingOfRun),
      (SELECT count(*) FROM attempt a WHERE a.dag_run = r.id)
    FROM dag_run r JOIN airflow_instance i ON i.id = r.instance
    WHERE r.id > ?1 AND (?2 = '[]' OR EXISTS (SELECT 1 FROM json_each(?2) WHERE r.dag_id GLOB value))
      AND (?3 = '[]' OR EXISTS (SELECT 1 FROM json_each(?3) WHERE value = i.name))
      AND (?4 IS NULL OR \(KeptRunRow.moment) < ?4)
    ORDER BY r.id LIMIT ?5
    """)

  /// Returns how many dbt runs went with it.
  private func erase(dagRun id: Int64, in database: any Database) throws -> Int {
    for sql in [
      // What was deleted is not to be taken for something new.
      """
      INSERT INTO purged_run (instance, source_id) SELECT instance, source_id FROM dag_run WHERE id = ? ON CONFLICT DO NOTHING
      """,
      "DELETE FROM outbox WHERE dag_run = ?", "DELETE FROM outbox_history WHERE dag_run = ?",
    ] { try database.prepare(sql).binding { $0(id) }.run() }
    return try RunEraser(database: database, givesUp: true).erase(dagRun: id).dbtRuns
  }

  /// A dbt run that goes with a DAG run when no other run has it.
  private struct PurgedDbtRun {
    var id: Int64
    /// Whether a link of the DAG run leads to it; else it is only told as a part of it.
    var isLinked: Bool
    /// How many other DAG runs have it.
    var others: Int
    /// What waits of it apart from the DAG run.
    var waiting: Int
  }

  private func dbtRuns(of id: Int64, in database: any Database) throws -> [PurgedDbtRun] {
    try database.prepare(Self.selectDbtRunsOfRun).binding { $0(id) }.rows {
      PurgedDbtRun(
        id: $0.integer(0), isLinked: $0.integer(1) > 0, others: Int($0.integer(2)), waiting: Int($0.integer(3)))
    }
  }

  private static let dagRunsOfDbtRun = """
    (SELECT l.dag_run FROM link l WHERE l.dbt_run = d.id
      UNION SELECT l.dag_run FROM link_target t JOIN link l ON l.id = t.link WHERE t.dbt_run = d.id) AS linked
    """
  /// What waits of the dbt run `d` apart from a DAG run: items, and what history stands for.
  private static let waitingOfDbtRun = """
    (SELECT \(Ledger.countOfItems) FROM outbox o WHERE o.dag_run = 0 AND o.dbt_run = d.id)
      + (SELECT coalesce(sum(CASE WHEN d.start_told IS NULL OR d.start_mark < h.since_mark
            OR d.start_mark IS NULL AND h.since_mark IS NOT NULL THEN 0 ELSE 1 END
          + CASE WHEN d.end_told IS NULL OR d.end_mark < h.since_mark
            OR d.end_mark IS NULL AND h.since_mark IS NOT NULL THEN 0 ELSE 1 END), 0)
        FROM sink s JOIN outbox_history h ON h.sink = s.id AND h.dag_run = 0
        WHERE d.parent_dag_run IS NULL AND \(HistoryOfEvents.Time.conditionOfRow))
    """
  private static let selectDbtRunsOfRun = SQL(
    """
    SELECT d.id, (SELECT count(*) FROM \(dagRunsOfDbtRun) WHERE linked.dag_run = ?1),
      (SELECT count(*) FROM \(dagRunsOfDbtRun) WHERE linked.dag_run <> ?1), \(waitingOfDbtRun)
    FROM dbt_run d WHERE d.id IN (\(RunEraser.dbtRunsOfDagRun)) ORDER BY d.id
    """)

  /// What is known of DAGs that have no run any more.
  private func eraseEmptyDags(in database: any Database) throws {
    for table in ["dag", "run_task"] {
      try database.prepare(
        """
        DELETE FROM \(table) WHERE NOT EXISTS
          (SELECT 1 FROM dag_run r WHERE r.instance = \(table).instance AND r.dag_id = \(table).dag_id)
        """
      ).run()
    }
  }

  private func purgeDbtRuns(
    _ request: PurgeRequest, from cursor: PurgeCursor, isTrial: Bool, into outcome: inout PurgeOutcome,
    in database: any Database
  ) throws -> PurgeCursor? {
    let runs = try database.prepare(Self.selectDbtRunsToPurge).binding {
      $0(cursor.row)
      $0(request.before)
      $0(Self.runsToPurgeAtOnce / 4)
    }.rows { (id: $0.integer(0), waiting: Int($0.integer(1))) }
    var next = cursor
    for run in runs {
      next.row = run.id
      if isTrial, cursor.gone[run.id] != nil { continue }
      if run.waiting > 0, !request.withPending {
        outcome.waiting += 1
        outcome.waitingDeliveries += run.waiting
        continue
      }
      outcome.deliveries += run.waiting
      if try isTrial || RunEraser(database: database, givesUp: true).eraseUnused(dbtRun: run.id) {
        outcome.dbtRuns += 1
      }
    }
    return runs.count < Self.runsToPurgeAtOnce / 4 ? nil : next
  }

  private static let selectDbtRunsToPurge = SQL(
    """
    SELECT d.id, \(waitingOfDbtRun) FROM dbt_run d
    WHERE d.id > ?1 AND (?2 IS NULL OR coalesce(d.finished_at, d.started_at, d.created_at) < ?2)
      AND (d.is_complete = 1 OR d.fetch_state <> 'known')
      AND NOT EXISTS (SELECT 1 FROM link l WHERE l.dbt_run = d.id)
      AND NOT EXISTS (SELECT 1 FROM link_target t WHERE t.dbt_run = d.id)
    ORDER BY d.id LIMIT ?3
    """)

  /// What was deleted is gone from the file, too: its pages were overwritten, and the write-ahead log is emptied as far as
  /// nobody reads it.
  public func finishPurge() throws {
    guard place.isFile else { return }
    try guarded { try current().execute("PRAGMA wal_checkpoint(TRUNCATE)") }
  }

  /// `dag_run.id`s of runs above `after` up to `last` that were purged.
  public func purgedRuns(of instance: Int64, after: Int64, through last: Int64?) throws -> Set<Int64> {
    try read { try purgedRuns(of: instance, above: after, through: last, in: $0) }
  }

  func purgedRuns(
    of instance: Int64, above id: Int64, through last: Int64? = nil, in database: any Database
  ) throws -> Set<Int64> {
    Set(
      try database.prepare(Self.selectPurged).binding {
        $0(instance)
        $0(id)
        $0(last ?? .max)
      }.rows { $0.integer(0) })
  }

  private static let selectPurged = SQL(
    "SELECT source_id FROM purged_run WHERE instance = ? AND source_id > ? AND source_id <= ?")
}

extension PurgeOutcome {
  fileprivate mutating func add(_ step: PurgeOutcome) {
    dagRuns += step.dagRuns
    attempts += step.attempts
    dbtRuns += step.dbtRuns
    deliveries += step.deliveries
    open += step.open
    waiting += step.waiting
    waitingDeliveries += step.waitingDeliveries
  }
}
