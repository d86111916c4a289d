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

  public init(key: AttemptKey, startDate: Instant?, endDate: Instant?, operatorName: String?, state: String?) {
    self.key = key
    self.startDate = startDate
    self.endDate = endDate
    self.operatorName = operatorName
    self.state = state
  }

  public init(_ attempt: TaskAttempt) {
    self.init(
      key: attempt.key, startDate: attempt.startDate, endDate: attempt.endDate, operatorName: attempt.operatorName,
      state: attempt.state)
  }

  var instance: TaskInstanceID { TaskInstanceID(taskID: key.taskID, mapIndex: key.mapIndex) }
}

/// A task instance within its DAG run: all tries of one task at one map index. XComs and rendered fields are kept
/// by Airflow under this key, without a try.
struct TaskInstanceID: Hashable {
  var taskID: String
  var mapIndex: Int
}
