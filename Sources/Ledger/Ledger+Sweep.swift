import ExecutionModel
import Records
import Storage

/// A DAG run as the ledger holds it, for comparison with what Airflow shows now.
public struct KeptRun: Hashable, Sendable {
  /// `dag_run.id`
  public var sourceID: Int64
  public var dagID: String
  public var startDate: Instant?
  /// The last moment that is known of it: when it was queued, started or ended, else when it was due. A sweep looks at
  /// runs by the same moment.
  public var moment: Instant?
  /// What the database computed for what the ledger holds; nil when that was not asked for.
  public var fingerprint: Int64?
  public var isOpen: Bool
  /// Whether the record says that Airflow has it no more.
  public var isRemoved: Bool
}

/// A sweep that came to its end.
public struct SweepSummary: Hashable, Sendable {
  public var startedAt: Instant
  public var finishedAt: Instant
  /// Runs that were compared.
  public var runs: Int
  /// Of them, those that had changed.
  public var changed: Int
  /// Runs that Airflow has no more.
  public var removed: Int
  /// Server time of its queries.
  public var milliseconds: Double

  public init(
    startedAt: Instant, finishedAt: Instant, runs: Int, changed: Int, removed: Int, milliseconds: Double
  ) {
    self.startedAt = startedAt
    self.finishedAt = finishedAt
    self.runs = runs
    self.changed = changed
    self.removed = removed
    self.milliseconds = milliseconds
  }
}

extension Ledger {
  /// The runs of an instance with ids above `after` up to `last`; nil: to the end.
  /// - Parameter since: leaves out those whose last known moment is before; nil leaves out none.
  public func keptRuns(
    of instance: Int64, after: Int64, through last: Int64?, since: Instant? = nil
  ) throws -> [KeptRun] {
    try read { database in
      try database.prepare(Self.selectKept).binding {
        $0(instance)
        $0(after)
        $0(last ?? .max)
        $0(since)
      }.rows(KeptRunRow.read)
    }
  }

  private static let selectKept = SQL(
    """
    SELECT \(KeptRunRow.columns) FROM dag_run
    WHERE instance = ?1 AND source_id > ?2 AND source_id <= ?3 AND (?4 IS NULL OR \(KeptRunRow.moment) >= ?4)
    ORDER BY source_id
    """)

  /// Those of the runs `ids` that the ledger holds.
  public func keptRuns(of instance: Int64, ids: [Int64]) throws -> [KeptRun] {
    try read { database in
      try ids.compactMap { id in
        try database.prepare(
          "SELECT \(KeptRunRow.columns) FROM dag_run WHERE instance = ? AND source_id = ? AND removed IS NULL"
        ).binding {
          $0(instance)
          $0(id)
        }.firstRow(KeptRunRow.read)
      }
    }
  }

  /// Notes a sweep that came to its end.
  public func note(_ sweep: SweepSummary, of instance: InstanceName) throws {
    try write { database in
      try database.prepare(
        """
        UPDATE airflow_instance SET sweep_started_at = ?, sweep_finished_at = ?, sweep_runs = ?, sweep_changed = ?,
          sweep_removed = ?, sweep_milliseconds = ?, sweep_error = NULL WHERE name = ?
        """
      ).binding {
        $0(sweep.startedAt)
        $0(sweep.finishedAt)
        $0(sweep.runs)
        $0(sweep.changed)
        $0(sweep.removed)
        $0(sweep.milliseconds)
        $0(instance)
      }.run()
    }
  }

  /// Notes why the present sweep does not get on; nil when it does again.
  public func note(sweepError error: String?, of instance: InstanceName) throws {
    try write { database in
      try database.prepare("UPDATE airflow_instance SET sweep_error = ?1 WHERE name = ?2 AND sweep_error IS NOT ?1")
        .binding {
          $0(error)
          $0(instance)
        }.run()
    }
  }
}

enum KeptRunRow {
  static let moment = """
    coalesce(nullif(max(coalesce(queued_at, 0), coalesce(start_date, 0), coalesce(end_date, 0)), 0), run_after,
      logical_date)
    """
  static let columns =
    "source_id, dag_id, start_date, \(moment), fingerprint, is_open, removed IS NOT NULL"

  static func read(_ row: any Statement) -> KeptRun {
    var columns = Columns(row)
    return KeptRun(
      sourceID: columns.integer(), dagID: columns.text(), startDate: columns.optionalInstant(),
      moment: columns.optionalInstant(), fingerprint: columns.optionalInteger(), isOpen: columns.bool(),
      isRemoved: columns.bool())
  }
}

extension CaptureWriter {
  /// What the next sweep compares with; nil for a run that is read at every poll.
  func keepFingerprint(_ fingerprint: Int64?, of sourceID: Int64) throws {
    if fingerprint == nil, isHistory { return }
    try database.prepare(
      """
      UPDATE dag_run SET fingerprint = ?1
      WHERE instance = ?2 AND source_id = ?3 AND removed IS NULL AND fingerprint IS NOT ?1
      """
    ).binding {
      $0(fingerprint)
      $0(instance)
      $0(sourceID)
    }.run()
  }
}
