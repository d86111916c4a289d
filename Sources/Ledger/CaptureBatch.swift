import ExecutionModel

/// What one read of Airflow brought, with how far the reader has come. Kept whole or not at all.
public struct CaptureBatch: Sendable {
  public var instance: InstanceName
  public var dags: [Dag]
  public var snapshots: [DagRunSnapshot]
  /// `dag_run.id`s of runs that were remembered as open and exist no more.
  public var missing: [Int64]
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

    public init(below: Int64, isDone: Bool, runs: Int, total: Int?) {
      self.below = below
      self.isDone = isDone
      self.runs = runs
      self.total = total
    }
  }

  public init(instance: InstanceName, readAt: Instant, isHistory: Bool = false) {
    self.instance = instance
    self.readAt = readAt
    self.isHistory = isHistory
    dags = []
    snapshots = []
    missing = []
    excluded = []
  }
}

/// What a batch changed.
public struct CaptureOutcome: Hashable, Sendable {
  public var newRuns = 0
  public var changedRuns = 0
  public var changedAttempts = 0
  public var newLinks = 0
}
