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
  /// Whether the operator's name speaks of dbt.
  var looksLikeDbt = false

  init(taskID: String, mapIndex: Int = -1, tryNumber: Int?, state: String?) {
    self.taskID = taskID
    self.mapIndex = mapIndex
    self.tryNumber = tryNumber
    self.state = state
  }

  /// Columns as in `airflow?_task_instances.sql` and `airflow?_task_instance_history.sql`; column 0 is the run's id.
  init(_ row: PostgresRow, _ texts: inout TextPool) throws {
    self.init(
      taskID: try row.text(1, &texts), mapIndex: Int(try row.int(2)), tryNumber: try row.optionalInt(3).map { Int($0) },
      state: row.optionalText(4, &texts))
    let custom = row.optionalText(6, &texts)
    operatorName = custom?.isEmpty ?? true ? row.optionalText(5, &texts) : custom
    looksLikeDbt = row.withBytes(5, Self.mentionsDbt) || row.withBytes(6, Self.mentionsDbt)
    queuedAt = try row.optionalInstant(7)
    startDate = try row.optionalInstant(8)
    endDate = try row.optionalInstant(9)
    duration = try row.optionalDouble(10)
    maxTries = try row.optionalInt(11).map { Int($0) }
    hostname = row.optionalText(12, &texts)
    self.pool = row.optionalText(13, &texts)
    queue = row.optionalText(14, &texts)
    renderedMapIndex = row.optionalText(15, &texts)
    note = try row.optionalText(16)
    isDeferral = try row.optionalBool(17) ?? false
  }

  /// In whatever case.
  static func mentionsDbt(_ bytes: UnsafeRawBufferPointer?) -> Bool {
    guard let bytes, bytes.count >= 3 else { return false }
    for index in 0...(bytes.count - 3)
    where bytes[index] | 0x20 == 0x64 && bytes[index + 1] | 0x20 == 0x62 && bytes[index + 2] | 0x20 == 0x74 {
      return true
    }
    return false
  }
}
