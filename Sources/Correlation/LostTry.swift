import ExecutionModel

/// A try of a task that starts dbt Cloud runs, of which nothing in Airflow's database names the run (any more): it has to
/// be looked for in dbt Cloud.
public struct LostTry: Hashable, Sendable {
  /// What the caller tells tries by.
  public var id: Int64
  /// What the caller tells DAG runs by.
  public var dagRun: Int64
  public var dagID: String
  public var key: AttemptKey
  /// When it started and ended.
  public var start: Instant
  public var end: Instant
  /// `job_id` of its task's template fields, or the job of the runs that other tries of it started; empty when not known.
  public var jobIDs: Set<Int64>
  /// `trigger_reason` of its task's template fields, which takes the place of the standard cause.
  public var triggerReasons: Set<String>
  /// Names of the configured accounts that can be meant.
  public var accounts: Set<String>
  /// The runs that earlier tries of the same task instance are linked to.
  public var earlierRuns: Set<ListedRun.Name>
  /// The id of this attempt's run in OpenLineage; nil when the namespace of its Airflow is not configured.
  public var lineageRunID: String?
  /// Whether another attempt has the same id in OpenLineage.
  public var sharesLineageRunID: Bool

  public init(
    id: Int64, dagRun: Int64, dagID: String, key: AttemptKey, start: Instant, end: Instant, accounts: Set<String>
  ) {
    self.id = id
    self.dagRun = dagRun
    self.dagID = dagID
    self.key = key
    self.start = start
    self.end = max(start, end)
    self.accounts = accounts
    jobIDs = []
    triggerReasons = []
    earlierRuns = []
    sharesLineageRunID = false
  }

  /// When dbt Cloud can have created a run that this try started: while it ran, by clocks that may differ.
  public var window: ClosedRange<Instant> { Self.window(start: start, end: end) }

  /// See ``window``.
  public static func window(start: Instant, end: Instant) -> ClosedRange<Instant> {
    start.advanced(bySeconds: -clockTolerance)...max(start, end).advanced(bySeconds: clockTolerance)
  }

  /// Kinds of evidence that say where to look for the run of a try whose evidence names none.
  public static let accountHint = "rendered_account_id"
  public static let jobHint = "rendered_job_id"
  public static let reasonHint = "rendered_trigger_reason"

  /// Which causes a run of this try can have, apart from one in JSON. A trigger reason may be anything and shared by
  /// many tasks, so that it counts only where the job is known too.
  var causes: [String] {
    guard !triggerReasons.isEmpty else { return [AirflowCause.standard(dagID: dagID, taskID: key.taskID)] }
    return jobIDs.isEmpty ? [] : triggerReasons.filter { !$0.isEmpty }.map(AirflowCause.cut)
  }

  /// Whether it is worth keeping `run`, because this try may have started it. Lenient: which one it was is for
  /// ``judge(_:runs:bystanders:)`` to say.
  public func mayHaveStarted(_ run: ListedRun) -> Bool {
    guard accounts.contains(run.name.account) else { return false }
    if let parent = run.parent, let lineageRunID { return parent.runID == lineageRunID }
    guard window.contains(run.createdAt) else { return false }
    if run.retryingRunID != nil, key.tryNumber > 1 { return true }
    return names(run)
  }

  /// Whether the cause of the run names this try's task, or is the one that the DAG gives to it.
  func names(_ run: ListedRun) -> Bool {
    if let parent = run.parent { return parent.jobName == "\(dagID).\(key.taskID)" }
    guard let cause = run.cause else { return false }
    let sent = AirflowCause.cut(cause)
    return causes.contains { $0.hasSameBytes(as: sent) }
  }

  /// Whether the run is of a job that this try can have started.
  func fitsJob(_ run: ListedRun) -> Bool {
    guard let job = run.jobID, !jobIDs.isEmpty else { return true }
    return jobIDs.contains(job)
  }
}

/// A run as dbt Cloud lists it.
public struct ListedRun: Hashable, Sendable {
  /// A run within the configured accounts.
  public struct Name: Hashable, Sendable {
    /// `dbt_cloud[].name`
    public var account: String
    public var runID: Int64

    public init(account: String, runID: Int64) {
      self.account = account
      self.runID = runID
    }
  }

  /// What the caller tells runs by.
  public var id: Int64
  public var name: Name
  public var createdAt: Instant
  public var jobID: Int64?
  public var cause: String? { didSet { parent = cause.flatMap { CauseParent($0) } } }
  /// `retrying_run_id`
  public var retryingRunID: Int64?
  /// Whether exact or strong evidence says that another attempt started it.
  public var isTaken: Bool
  /// What the cause says when it is JSON.
  private(set) var parent: CauseParent?

  /// The id in OpenLineage of the attempt that the cause names, if it names one.
  public var lineageRunID: String? { parent?.runID }

  public init(
    id: Int64, name: Name, createdAt: Instant, jobID: Int64?, cause: String?, retryingRunID: Int64? = nil,
    isTaken: Bool = false
  ) {
    self.id = id
    self.name = name
    self.createdAt = createdAt
    self.jobID = jobID
    self.cause = cause
    self.retryingRunID = retryingRunID
    self.isTaken = isTaken
    parent = cause.flatMap { CauseParent($0) }
  }
}

/// An attempt that may have started runs and that nothing is known of: one that is under way and whose XComs were not read
/// yet, or one that came and went unseen where Airflow keeps no history.
public struct Bystander: Hashable, Sendable {
  public var dagID: String
  public var taskID: String
  public var start: Instant
  /// nil while it runs.
  public var end: Instant?

  public init(dagID: String, taskID: String, start: Instant, end: Instant?) {
    self.dagID = dagID
    self.taskID = taskID
    self.start = start
    self.end = end
  }
}
