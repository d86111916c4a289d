import ExecutionModel

/// What a poll reads: runs that were never read, open runs, and runs remembered as open.
public struct LiveRequest: Hashable, Sendable {
  /// The highest `dag_run.id` ever read; every run above it is new. Where a poll starts that leaves all earlier runs to
  /// history, this is ``AirflowReader/highestRunID()``.
  public var cursor: Int64
  /// How many ids below the cursor are looked at again. Ids come from a sequence at INSERT and are committed in any
  /// order, so that one can appear below the cursor.
  public var rereadWindow: Int64
  /// Ids in the window that were read already.
  public var knownInWindow: Set<Int64>
  /// Ids at or below are never new: the cursor of the first poll of all, below which history reads.
  public var floor: Int64
  /// Ids that were open when last read; they are read until they are seen closed or gone.
  public var remembered: [Int64]
  /// How many runs one call reads at most; at least 1.
  public var maximumRuns: Int
  /// ``LiveBatch/resumeAfter`` of the batch before; nil starts a new poll.
  public var resumeAfter: Int64?
  /// Whether to compute ``LiveBatch/fingerprints``.
  public var withFingerprints: Bool
  /// ``LiveBatch/fingerprints`` of open runs as they were last read, by `dag_run.id`: those that are still the same are
  /// not read again but named in ``LiveBatch/unchangedIDs``. nil reads them all.
  public var knownFingerprints: [Int64: Int64]?

  public init(
    cursor: Int64, rereadWindow: Int64 = 1000, knownInWindow: Set<Int64> = [], floor: Int64 = 0,
    remembered: [Int64] = [], maximumRuns: Int = 500, resumeAfter: Int64? = nil,
    withFingerprints: Bool = false, knownFingerprints: [Int64: Int64]? = nil
  ) {
    self.cursor = cursor
    self.rereadWindow = rereadWindow
    self.knownInWindow = knownInWindow
    self.floor = floor
    self.remembered = remembered
    self.maximumRuns = maximumRuns
    self.resumeAfter = resumeAfter
    self.withFingerprints = withFingerprints
    self.knownFingerprints = knownFingerprints
  }
}

/// What a poll found; one snapshot of the database.
public struct LiveBatch: Hashable, Sendable {
  /// The runs that were read, by rising id.
  public var snapshots: [DagRunSnapshot] = []
  /// By `dag_run.id`, of the runs that were read and are not open: what ``AirflowReader/sweep(_:schema:)`` computes for
  /// exactly what is in ``snapshots``. Empty when that was not asked for. With ``LiveRequest/knownFingerprints`` also
  /// those of open runs, read or unchanged.
  public var fingerprints: [Int64: Int64] = [:]
  /// Open runs that are as ``LiveRequest/knownFingerprints`` says, and so were not read.
  public var unchangedIDs: [Int64] = []
  /// Those of them that had never been read before.
  public var newIDs: [Int64] = []
  /// Every run that is queued or running, of the DAGs that are read; also those that this batch did not get to.
  public var openIDs: [Int64] = []
  /// Remembered ids that no longer exist. On a replica one may be missing because it has not arrived yet.
  public var missing: [Int64] = []
  /// Remembered ids whose DAG is not read (any more).
  public var excluded: [Int64] = []
  /// The cursor after this batch: no run up to it is left to be read as new, but for late ones in the window.
  public var highestID: Int64
  /// The highest `dag_run.id` of all in this snapshot; 0 when there is none.
  public var databaseHighestID: Int64 = 0
  /// Not nil when the limits left some runs for the next call: give this to it.
  public var resumeAfter: Int64?
  /// The DAGs of the runs that were read.
  public var dags: [Dag] = []
  /// When and where this was read.
  public var moment: ReadMoment
  /// How many rows were read.
  public var rowCounts = RowCounts()

  /// Whether the limits left some runs for the next call.
  public var hasMore: Bool { resumeAfter != nil }
}
