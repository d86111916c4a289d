import ExecutionModel

/// A page of history: runs by falling id.
public struct HistoryRequest: Hashable, Sendable {
  /// Only ids below; nil starts at the top.
  public var below: Int64?
  /// Only runs that were still alive then or later: the latest of `queued_at`, `start_date` and `end_date`, or without
  /// those `run_after` or the logical date, is not earlier. A run that was cleared and ran again since is included,
  /// however low its id. nil means all.
  public var since: Instant?
  /// How many runs one call reads at most; at least 1.
  public var limit: Int
  /// Whether to count the runs that remain, which reads the whole of `dag_run` below the page (5 ms per 20,000 runs).
  public var countsRemaining: Bool
  /// Whether to compute ``HistoryBatch/fingerprints``, which takes the server 75 ms per 1,000 runs of 50 tasks. Only runs
  /// that a sweep looks back at need one.
  public var withFingerprints: Bool
  /// Whether to read XComs and rendered fields; only a measurement leaves them out.
  package var withEvidence = true

  public init(
    below: Int64? = nil, since: Instant? = nil, limit: Int = 500, countsRemaining: Bool = false,
    withFingerprints: Bool = false
  ) {
    self.below = below
    self.since = since
    self.limit = limit
    self.countsRemaining = countsRemaining
    self.withFingerprints = withFingerprints
  }
}

/// A page of history; one snapshot of the database.
public struct HistoryBatch: Hashable, Sendable {
  /// The runs that were read, by falling id.
  public var snapshots: [DagRunSnapshot] = []
  /// Of the runs that were read and are not open, by `dag_run.id`: what ``AirflowReader/sweep(_:schema:)`` computes for
  /// exactly what is in ``snapshots``. Empty when that was not asked for.
  public var fingerprints: [Int64: Int64] = [:]
  /// What the next request's `below` is; nil when nothing was looked at.
  public var lowestID: Int64?
  /// Whether no run is left below.
  public var isFinished = false
  /// How many runs are left below, those of DAGs that are not read included; nil when that was not asked for.
  public var remaining: Int?
  /// The DAGs of the runs that were read.
  public var dags: [Dag] = []
  /// When and where this was read.
  public var moment: ReadMoment
  /// How many rows were read.
  public var rowCounts = RowCounts()
}
