import ExecutionModel
import Postgres

/// One row of `task_instance` or `task_instance_history`, as it is stored.
struct TaskInstanceRow: Hashable, Sendable {
  var taskID: String
  var mapIndex: Int
  var tryNumber: Int?
  var state: String?
  var operatorName: String?
  var queuedAt: Instant?
  var startDate: Instant?
  var endDate: Instant?
  var duration: Double?
  var maxTries: Int?
  var hostname: String?
  var pool: String?
  var queue: String?
  var renderedMapIndex: String?
  var note: String?
  /// Whether the row says where a deferred try goes on (`next_method`); Airflow empties it when the try ends.
  var isDeferral = false

  init(taskID: String, mapIndex: Int = -1, tryNumber: Int?, state: String?) {
    self.taskID = taskID
    self.mapIndex = mapIndex
    self.tryNumber = tryNumber
    self.state = state
  }

  /// Columns as in `airflow?_task_instances.sql` and `airflow?_task_instance_history.sql`; column 0 is the run's id.
  init(_ row: PostgresRow) throws {
    self.init(
      taskID: try row.text(1), mapIndex: Int(try row.int(2)), tryNumber: try row.optionalInt(3).map { Int($0) },
      state: try row.optionalText(4))
    let custom = try row.optionalText(6)
    operatorName = custom?.isEmpty ?? true ? try row.optionalText(5) : custom
    queuedAt = try row.optionalInstant(7)
    startDate = try row.optionalInstant(8)
    endDate = try row.optionalInstant(9)
    duration = try row.optionalDouble(10)
    maxTries = try row.optionalInt(11).map { Int($0) }
    hostname = try row.optionalText(12)
    pool = try row.optionalText(13)
    queue = try row.optionalText(14)
    renderedMapIndex = try row.optionalText(15)
    note = try row.optionalText(16)
    isDeferral = try row.optionalBool(17) ?? false
  }

  /// Whether the operator's name speaks of dbt.
  var looksLikeDbt: Bool { operatorName?.lowercased().contains("dbt") ?? false }
}
