import ExecutionModel
import Postgres

extension DagRun {
  /// Columns as in `airflow?_dag_runs.sql`.
  init(_ row: PostgresRow, instance: InstanceName) throws {
    self.init(
      key: DagRunKey(instance: instance, dagID: try row.text(1), runID: try row.text(2)), sourceID: try row.int(0))
    runType = try row.optionalText(3)
    state = try row.optionalText(4)
    logicalDate = try row.optionalInstant(5)
    runAfter = try row.optionalInstant(6)
    dataIntervalStart = try row.optionalInstant(7)
    dataIntervalEnd = try row.optionalInstant(8)
    queuedAt = try row.optionalInstant(9)
    startDate = try row.optionalInstant(10)
    endDate = try row.optionalInstant(11)
    clearNumber = try row.optionalInt(12).map { Int($0) }
    triggeredBy = try row.optionalText(13)
    triggeringUserName = try row.optionalText(14)
    let confBytes = try row.optionalInt(15)
    if let stored = row.optionalBytes(16) {
      conf = StoredValue(stored).rawJSON
    } else if let confBytes {
      conf = StoredValue.opaque(kind: "too large", bytes: Int(confBytes)).rawJSON
    }
    note = try row.optionalText(17)
  }
}
