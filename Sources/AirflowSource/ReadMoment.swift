import ExecutionModel

/// When and where a snapshot was read.
public struct ReadMoment: Hashable, Sendable {
  /// The server's clock; not later than the snapshot.
  public var readAt: Instant
  /// Whether the server is a replica.
  public var isReplica: Bool
  /// Seconds since the replica last replayed a transaction, an upper bound of how old its snapshot is; nil on a primary.
  public var replayLagSeconds: Double?
  /// Milliseconds that all queries of the read took, network included.
  public var serverMilliseconds: Double?

  public init(
    readAt: Instant, isReplica: Bool = false, replayLagSeconds: Double? = nil, serverMilliseconds: Double? = nil
  ) {
    self.readAt = readAt
    self.isReplica = isReplica
    self.replayLagSeconds = replayLagSeconds
    self.serverMilliseconds = serverMilliseconds
  }
}

/// How many rows a read took out of each table.
public struct RowCounts: Hashable, Sendable {
  /// Of `dag_run`.
  public var dagRuns = 0
  /// Of `task_instance`.
  public var taskInstances = 0
  /// Of `task_instance_history`.
  public var taskInstanceHistory = 0
  /// Of `xcom`, those of which only the size was read included.
  public var xcoms = 0
  /// XComs of which only the size was read.
  public var xcomsTooLarge = 0
  /// Of `rendered_task_instance_fields`, without those that are too large.
  public var renderedFields = 0
  /// Rendered fields that were left out because they are too large.
  public var renderedFieldsTooLarge = 0

  public init() {}

  /// Adds up.
  public static func += (left: inout RowCounts, right: RowCounts) {
    left.dagRuns += right.dagRuns
    left.taskInstances += right.taskInstances
    left.taskInstanceHistory += right.taskInstanceHistory
    left.xcoms += right.xcoms
    left.xcomsTooLarge += right.xcomsTooLarge
    left.renderedFields += right.renderedFields
    left.renderedFieldsTooLarge += right.renderedFieldsTooLarge
  }
}
