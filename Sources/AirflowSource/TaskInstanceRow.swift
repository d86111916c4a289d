import ExecutionModel
import Postgres

/// One row of `task_instance` or `task_instance_history`.
struct TaskInstanceRow: Hashable, Sendable {
  /// What the row says, as it is stored: not yet what it says of which try.
  var attempt: TaskAttempt
  /// `try_number` as it is stored; that of the attempt's key is yet to be found.
  var tryNumber: Int?
  /// Whether the row says where a deferred try goes on (`next_method`); Airflow empties it when the try ends.
  var isDeferral = false
  /// Whether the operator's name speaks of dbt.
  var looksLikeDbt = false

  init(taskID: String, mapIndex: Int = -1, tryNumber: Int?, state: String?) {
    attempt = TaskAttempt(
      key: AttemptKey(taskID: taskID, mapIndex: mapIndex, tryNumber: tryNumber ?? 0), isCurrent: false)
    attempt.state = state
    self.tryNumber = tryNumber
  }

  /// Columns as in `task_instances.sql` and `airflow?_task_instance_history.sql`; column 0 is the run's id.
  init(_ row: PostgresRow, _ texts: inout TextPool) throws {
    self.init(
      taskID: try row.text(1, &texts), mapIndex: Int(try row.int(2)), tryNumber: try row.optionalInt(3).map { Int($0) },
      state: row.optionalText(4, &texts))
    let custom = row.unsafeBytes(6)
    attempt.operatorName = row.optionalText(custom?.isEmpty ?? true ? 5 : 6, &texts)
    looksLikeDbt = Self.mentionsDbt(row.unsafeBytes(5)) || Self.mentionsDbt(custom)
    attempt.queuedAt = try row.optionalInstant(7)
    attempt.startDate = try row.optionalInstant(8)
    attempt.endDate = try row.optionalInstant(9)
    attempt.duration = try row.optionalDouble(10)
    attempt.maxTries = try row.optionalInt(11).map { Int($0) }
    attempt.hostname = row.optionalText(12, &texts)
    attempt.pool = row.optionalText(13, &texts)
    attempt.queue = row.optionalText(14, &texts)
    attempt.renderedMapIndex = row.optionalText(15, &texts)
    isDeferral = try row.optionalBool(16) ?? false
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

extension PostgresRow {
  /// A text column that must not be NULL.
  func text(_ column: Int, _ pool: inout TextPool) throws -> String {
    if let text = optionalText(column, &pool) { return text }
    return try text(column)
  }

  func optionalText(_ column: Int, _ pool: inout TextPool) -> String? {
    guard let bytes = unsafeBytes(column) else { return nil }
    return pool.text(bytes)
  }
}
