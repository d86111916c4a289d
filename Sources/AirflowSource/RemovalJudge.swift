import ExecutionModel

/// How a DAG run went from Airflow's database.
public enum Removal: String, Hashable, Sendable {
  /// Somebody deleted it, or its DAG.
  case deleted
  /// It was old and went with the other old ones (`airflow db clean`): nothing happened to the run itself.
  case expired
  /// The database does not tell which.
  case unknown
}

/// A run that is no longer there, as it was last read.
public struct MissingRun: Hashable, Sendable {
  /// `dag_run.id`
  public var id: Int64
  public var dagID: String
  /// `dag_run.start_date`; nil when the run never started.
  public var startDate: Instant?

  public init(id: Int64, dagID: String, startDate: Instant?) {
    self.id = id
    self.dagID = dagID
    self.startDate = startDate
  }
}

/// What the database shows that bears on why runs are missing.
public struct RemovalFacts: Hashable, Sendable {
  /// Whether the server is a replica, where a missing row says nothing: it may not have arrived yet.
  public var isReplica = false
  /// Ids found in the tables to which `airflow db clean` moves what it removes.
  public var archivedIDs: Set<Int64> = []
  /// Whether there is such a table that may not be read.
  public var hasUnreadableArchive = false
  /// The earliest start of the runs that are left, without the newest of each DAG, which `airflow db clean` spares.
  public var earliestStart: Instant?
  /// The latest start of the runs that are left.
  public var latestStart: Instant?
  /// Whether any run is left.
  public var hasRuns = true
  /// DAGs of missing runs that still have a run.
  public var survivingDAGs: Set<String> = []

  public init() {}
}

/// Tells from what is left why runs are missing. Pure.
///
/// `airflow db clean` removes what started before some time, whatever its DAG; it spares the newest run of each DAG and,
/// unless told otherwise, keeps what it removes in tables named `_airflow_deleted__dag_run__<time>`. Hence:
/// - a run found there is expired;
/// - one that never started, or for which an older run survives, was deleted: a clean would have taken that one first;
/// - of the rest, which were the oldest of all, three or more that vanish together and started more than a day before
///   the newest run are expired, for a clean need not leave such tables; unless they are all there was of one DAG (the
///   DAG was deleted) or of the database (unknown);
/// - fewer were deleted, or unknown where a clean has left a table that may not be read.
public enum RemovalJudge {
  /// As many vanish "in bulk".
  static let bulk = 3
  /// Seconds: nobody cleans what is younger.
  static let youngestOld: Int64 = 86_400

  /// - Parameter missing: all runs that were found missing together.
  /// - Returns: by id; empty on a replica.
  public static func judge(_ missing: [MissingRun], _ facts: RemovalFacts) -> [Int64: Removal] {
    guard !facts.isReplica else { return [:] }
    var removals: [Int64: Removal] = [:]
    var oldest: [MissingRun] = []
    for run in missing {
      if facts.archivedIDs.contains(run.id) {
        removals[run.id] = .expired
      } else if let start = run.startDate, start <= facts.earliestStart ?? start, isOld(start, facts) {
        oldest.append(run)
      } else {
        removals[run.id] = .deleted
      }
    }
    let removal = whyTheOldest(oldest, facts)
    for run in oldest { removals[run.id] = removal }
    return removals
  }

  private static func isOld(_ start: Instant, _ facts: RemovalFacts) -> Bool {
    facts.latestStart.map { start < $0.advanced(bySeconds: -youngestOld) } ?? !facts.hasRuns
  }

  private static func whyTheOldest(_ runs: [MissingRun], _ facts: RemovalFacts) -> Removal {
    guard runs.count >= bulk else { return facts.hasUnreadableArchive ? .unknown : .deleted }
    guard facts.hasRuns else { return .unknown }
    let dags = Set(runs.map(\.dagID))
    return dags.count == 1 && dags.isDisjoint(with: facts.survivingDAGs) ? .deleted : .expired
  }
}

/// Why runs are missing; one snapshot of the database.
public struct RemovalBatch: Hashable, Sendable {
  /// By `dag_run.id`. Runs that exist after all are left out, and on a replica all.
  public var removals: [Int64: Removal] = [:]
  /// When and where this was read.
  public var moment: ReadMoment
}
