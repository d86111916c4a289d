import ExecutionModel

/// A slice of a sweep: the fingerprints of the next runs by rising id.
///
/// The caller compares each with the one it keeps, reads the runs that differ with
/// ``AirflowReader/snapshots(of:withFingerprints:schema:)``, and asks the same for the runs that it knows and the slice
/// does not show (``SweepBatch/unseen(of:)``): which of them are missing is said there.
public struct SweepRequest: Hashable, Sendable {
  /// Only ids above; ``SweepBatch/lastID`` of the slice before.
  public var after: Int64
  /// Only runs that were still alive then or later, as in ``HistoryRequest/since``. nil means all.
  public var since: Instant?
  /// How many runs one slice computes at most; at least 1.
  public var limit: Int

  public init(after: Int64 = 0, since: Instant? = nil, limit: Int = 1000) {
    self.after = after
    self.since = since
    self.limit = limit
  }
}

/// One run as a sweep sees it.
public struct SweptRun: Hashable, Sendable {
  /// `dag_run.id`
  public var id: Int64
  /// `dag_run.dag_id`
  public var dagID: String
  /// Whether the run is queued or running: then a poll must read it.
  public var isOpen: Bool
  /// The last moment that is known of it: when it was queued, started or ended, else when it was due.
  public var moment: Instant?
  /// A number that changes with whatever is read of the run: the run and its note, its task instances and their notes,
  /// their history and the times of the XComs that may name a dbt run. It is the same for the same rows as long as the
  /// schema is the same, in every session.
  public var fingerprint: Int64
}

/// A slice of a sweep; one snapshot of the database.
public struct SweepBatch: Hashable, Sendable {
  /// By rising id; without runs of DAGs that are not read.
  public var runs: [SweptRun] = []
  /// Runs of DAGs that are not read.
  public var excluded: [Int64] = []
  /// Ids up to here were looked at before.
  public var after: Int64
  /// All ids above ``after`` up to here were looked at; the next slice goes on above.
  public var lastID: Int64
  /// Whether no run is left above ``lastID``.
  public var isFinished = false
  /// The lowest `dag_run.id` of all; nil when there is no run.
  public var oldestID: Int64?
  /// Whether there are tables that `airflow db clean` moved removed runs to.
  public var hasArchiveTables = false
  /// When and where this was read, and what it took.
  public var moment: ReadMoment

  /// Those of `known` that the slice would have shown if they were there and not too old: candidates for having been
  /// removed. One of them may also have been committed after the slice was read, or lie before
  /// ``SweepRequest/since`` by Airflow's clock.
  public func unseen(of known: some Sequence<Int64>) -> [Int64] {
    let seen = Set(runs.map(\.id)).union(excluded)
    return known.filter { $0 > after && (isFinished || $0 <= lastID) && !seen.contains($0) }
  }
}
