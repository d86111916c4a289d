/// What identifies one try of one task instance within its DAG run.
public struct AttemptKey: Hashable, Sendable {
  /// `task_id`, with the prefix of its task group.
  public var taskID: String
  /// `map_index`; -1 when the task is not mapped.
  public var mapIndex: Int
  /// The try, counted from 1; 0 for a task that ended without ever running. Normalised per Airflow version.
  public var tryNumber: Int

  public init(taskID: String, mapIndex: Int, tryNumber: Int) {
    self.taskID = taskID
    self.mapIndex = mapIndex
    self.tryNumber = tryNumber
  }

  // Swift compares text by canonical equivalence, Airflow's database by bytes.
  public static func == (left: AttemptKey, right: AttemptKey) -> Bool {
    left.mapIndex == right.mapIndex && left.tryNumber == right.tryNumber
      && left.taskID.hasSameBytes(as: right.taskID)
  }
}

extension AttemptKey: Comparable {
  /// By task (its bytes), map index and try; the order of attempts in a record is by start instead.
  public static func < (left: AttemptKey, right: AttemptKey) -> Bool {
    if left.taskID.hasSameBytes(as: right.taskID) {
      return (left.mapIndex, left.tryNumber) < (right.mapIndex, right.tryNumber)
    }
    return left.taskID.precedesInBytes(right.taskID)
  }
}

/// One try of one task instance, from `task_instance` or `task_instance_history`.
public struct TaskAttempt: Hashable, Sendable {
  public var key: AttemptKey
  /// Whether this is the try that Airflow's live row (`task_instance`) shows.
  public var isCurrent: Bool
  /// The `dag_run.clear_number` under which this try ran; nil when that cannot be known.
  public var clearNumber: Int?
  /// `custom_operator_name` where set, else `operator`: the class name.
  public var operatorName: String?
  /// `state` as Airflow writes it; nil for a live row without one.
  public var state: String?
  public var queuedAt: Instant?
  /// When the try started; for sensors in reschedule mode the first start, not the last poke.
  public var startDate: Instant?
  public var endDate: Instant?
  /// `duration` in seconds.
  public var duration: Double?
  public var maxTries: Int?
  public var hostname: String?
  public var pool: String?
  public var queue: String?
  /// `rendered_map_index` (2.9 and later).
  public var renderedMapIndex: String?
  /// `task_instance_note.content` (2.5 and later).
  public var note: String?

  public init(key: AttemptKey, isCurrent: Bool) {
    self.key = key
    self.isCurrent = isCurrent
  }

  /// Whether this try is over: it has a state that Airflow does not leave by itself within the same try.
  public var isFinished: Bool { state.map(Self.finishedStates.contains) ?? false }

  /// Whether the task ended without ever running.
  public var neverRan: Bool { state.map(Self.endedWithoutRunning.contains) ?? false && key.tryNumber == 0 }

  /// States that end a try. `up_for_retry` ends the try that failed; the next try has its own number.
  public static let finishedStates: Set<String> = [
    "success", "failed", "skipped", "upstream_failed", "removed", "up_for_retry",
  ]
  /// States in which a task ends although it need not have run.
  public static let endedWithoutRunning: Set<String> = ["skipped", "upstream_failed", "removed"]
  /// States of a live row that has not begun (again): it still bears the finished try's number after a clear.
  public static let notStartedStates: Set<String?> = [nil, "scheduled", "queued"]
}
