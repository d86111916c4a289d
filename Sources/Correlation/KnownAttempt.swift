import ExecutionModel

/// What correlation needs to know of a task attempt. The ledger keeps attempts that Airflow's tables no longer show
/// (`task_instance_history` exists since 2.10 only), so they come from there as well as from the latest snapshot.
public struct KnownAttempt: Hashable, Sendable {
  public var key: AttemptKey
  /// When the attempt started; nil when it never did.
  public var startDate: Instant?
  public var endDate: Instant?
  /// The operator's class name (``TaskAttempt/operatorName``).
  public var operatorName: String?
  /// The task instance state, as Airflow writes it.
  public var state: String?
  /// Whether Airflow's live row shows this try, or did when it was last seen.
  public var isCurrent: Bool

  public init(
    key: AttemptKey, startDate: Instant?, endDate: Instant?, operatorName: String?, state: String?,
    isCurrent: Bool = true
  ) {
    self.key = key
    self.startDate = startDate
    self.endDate = endDate
    self.operatorName = operatorName
    self.state = state
    self.isCurrent = isCurrent
  }

  public init(_ attempt: TaskAttempt) {
    self.init(
      key: attempt.key, startDate: attempt.startDate, endDate: attempt.endDate, operatorName: attempt.operatorName,
      state: attempt.state, isCurrent: attempt.isCurrent)
  }

  /// Whether it ran and goes on no more.
  var isOver: Bool {
    guard startDate != nil, key.tryNumber > 0 else { return false }
    guard let state else { return !isCurrent }
    return state != "upstream_failed" && state != "removed"
      && (TaskAttempt.finishedStates.contains(state) || !isCurrent)
  }

  var instance: TaskInstanceID { TaskInstanceID(taskID: key.taskID, mapIndex: key.mapIndex) }
}

/// A task instance within its DAG run: all tries of one task at one map index. XComs and rendered fields are kept
/// by Airflow under this key, without a try.
struct TaskInstanceID: Hashable {
  var taskID: String
  var mapIndex: Int
}
