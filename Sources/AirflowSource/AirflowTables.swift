/// What is read from one of Airflow's tables.
struct AirflowTable: Sendable {
  /// The table's name.
  var name: String
  /// Its alias in every query of this room.
  var alias: String
  /// Whether every supported version has it. One that exists must be readable in any case.
  var isRequired = true
  /// Columns that every version of both families has.
  var columns: [String]
  /// Columns that Airflow 2.x has besides.
  var airflow2: [String] = []
  /// Columns that Airflow 3.x has besides.
  var airflow3: [String] = []
  /// Columns that some versions have; absent ones read as NULL.
  var optional: [String] = []
  /// Types that differ from ``ColumnType/ofName``, by column.
  var types2: [String: ColumnType] = [:]
  var types3: [String: ColumnType] = [:]

  func required(in family: AirflowSchema.Family) -> [String] {
    columns + (family == .airflow2 ? airflow2 : airflow3)
  }

  func type(of column: String, in family: AirflowSchema.Family) -> ColumnType {
    (family == .airflow2 ? types2 : types3)[column] ?? ColumnType.ofName[column] ?? .text
  }
}

extension AirflowTable {
  private static let attemptColumns = [
    "task_id", "dag_id", "run_id", "map_index", "try_number", "state", "operator", "queued_dttm", "start_date",
    "end_date", "duration", "max_tries", "hostname", "pool", "queue",
  ]

  /// Every table that this program reads, and nothing else of Airflow's.
  static let all: [AirflowTable] = [
    AirflowTable(
      name: "dag_run", alias: "dr",
      columns: [
        "id", "dag_id", "run_id", "run_type", "state", "data_interval_start", "data_interval_end", "queued_at",
        "start_date", "end_date", "conf",
      ],
      airflow2: ["execution_date"], airflow3: ["logical_date"],
      optional: ["clear_number", "run_after", "triggered_by", "triggering_user_name"],
      types2: ["conf": .bytes], types3: ["conf": .binaryJSON]),
    AirflowTable(
      name: "task_instance", alias: "ti", columns: attemptColumns + ["next_method"], airflow3: ["id"],
      optional: ["custom_operator_name", "rendered_map_index"], types3: ["id": .uuid]),
    AirflowTable(
      name: "task_instance_history", alias: "h", isRequired: false, columns: attemptColumns,
      optional: ["custom_operator_name", "rendered_map_index"]),
    AirflowTable(
      name: "xcom", alias: "x", columns: ["dag_run_id", "task_id", "map_index", "key", "timestamp", "value"],
      types2: ["value": .bytes], types3: ["value": .binaryJSON]),
    AirflowTable(
      name: "rendered_task_instance_fields", alias: "r",
      columns: ["dag_id", "task_id", "run_id", "map_index", "rendered_fields"]),
    AirflowTable(
      name: "dag", alias: "d", columns: ["dag_id", "owners", "description", "fileloc", "is_paused"],
      airflow2: ["schedule_interval"], airflow3: ["timetable_summary"], optional: ["relative_fileloc"]),
    AirflowTable(name: "dag_tag", alias: "dt", isRequired: false, columns: ["dag_id", "name"]),
    AirflowTable(
      name: "task_reschedule", alias: "tr", isRequired: false, columns: ["start_date"],
      airflow2: ["dag_id", "task_id", "run_id", "map_index", "try_number"], airflow3: ["ti_id"]),
    AirflowTable(name: "dag_run_note", alias: "dn", isRequired: false, columns: ["dag_run_id", "content"]),
    AirflowTable(
      name: "task_instance_note", alias: "n", isRequired: false, columns: ["content"],
      airflow2: ["dag_id", "task_id", "run_id", "map_index"], airflow3: ["ti_id"]),
    AirflowTable(name: "alembic_version", alias: "v", isRequired: false, columns: ["version_num"]),
  ]

  static let names = all.map(\.name)
  static let nameOfAlias = Dictionary(uniqueKeysWithValues: all.map { ($0.alias, $0.name) })
}
