import ExecutionModel
import Records

/// What one read of Airflow brought, with how far the reader has come. Kept whole or not at all.
public struct CaptureBatch: Sendable {
  public var instance: InstanceName
  public var dags: [Dag]
  public var snapshots: [DagRunSnapshot]
  /// Of finished runs among ``snapshots``, by `dag_run.id`: what the next sweep compares.
  public var fingerprints: [Int64: Int64]
  /// `dag_run.id`s of runs that exist no more, and how they went.
  public var removed: [Int64: RecordHeader.Removed.Kind]
  /// `dag_run.id`s of runs that were remembered as open and whose DAG is not read any more.
  public var excluded: [Int64]
  /// When the snapshot was taken, by the source's clock.
  public var readAt: Instant
  /// The cursor moves up to here; nil leaves it.
  public var cursor: Int64?
  /// Where history goes on; nil leaves it.
  public var backfill: BackfillProgress?
  /// Whether these runs are history, loaded at first contact.
  public var isHistory: Bool

  /// How far the loading of history has come.
  public struct BackfillProgress: Hashable, Sendable {
    /// The next page has ids below this.
    public var below: Int64
    public var isDone: Bool
    /// Runs of this page and, as estimated, in all.
    public var runs: Int
    public var total: Int?
    /// Runs a second, lately; nil leaves what is known.
    public var rate: Double?

    public init(below: Int64, isDone: Bool, runs: Int, total: Int?, rate: Double? = nil) {
      self.below = below
      self.isDone = isDone
      self.runs = runs
      self.total = total
      self.rate = rate
    }
  }

  public init(instance: InstanceName, readAt: Instant, isHistory: Bool = false) {
    self.instance = instance
    self.readAt = readAt
    self.isHistory = isHistory
    dags = []
    snapshots = []
    fingerprints = [:]
    removed = [:]
    excluded = []
  }
}

/// What a batch changed.
public struct CaptureOutcome: Hashable, Sendable {
  public var newRuns = 0
  public var changedRuns = 0
  /// Those of them that Airflow has no more.
  public var removedRuns = 0
  public var changedAttempts = 0
  public var newLinks = 0
}
