/// Queries that need no probed schema.
enum StaticSQL {
  static let schemaServer = text(PackageResources.schema_server_sql)
  static let schemaColumns = text(PackageResources.schema_columns_sql)
  static let schemaElsewhere = text(PackageResources.schema_elsewhere_sql)
  static let alembicHead = text(PackageResources.alembic_head_sql)
  static let highestRun = text(PackageResources.highest_run_sql)
  static let liveRuns = text(PackageResources.live_runs_sql)
  static let namedRuns = text(PackageResources.named_runs_sql)
  static let survivingRuns = text(PackageResources.surviving_runs_sql)
  static let archiveTables = text(PackageResources.archive_tables_sql)
  static let sweepFacts = text(PackageResources.sweep_facts_sql)
  static let tableSizes = text(PackageResources.table_sizes_sql)

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}

/// The queries for one probed schema. Both families answer with the same columns in the same order.
struct Queries {
  var moment: String
  var historyRuns: String
  var historyCount: String
  var sweepRuns: String
  var fingerprints: String
  var dagRuns: String
  var taskInstances: String
  /// nil where there is no such table.
  var taskInstanceHistory: String?
  /// nil where there is no such table.
  var firstPokes: String?
  /// Where the table is so small that all of it is looked at; nil where there is no such table.
  var fewNotes: String?
  /// nil where there is no such table.
  var notes: String?
  /// Those up to a size that is always fetched; says of which others there are.
  var smallXComs: String
  var xcoms: String
  var renderedFields: String
  var dags: String
  /// nil where there is no such table.
  var dagTags: String?

  init(_ schema: AirflowSchema) {
    func sql(_ bytes: [UInt8]) -> String { SQLTemplate(bytes).sql(for: schema) }
    func either(_ airflow2: [UInt8], _ airflow3: [UInt8]) -> String {
      sql(schema.family == .airflow2 ? airflow2 : airflow3)
    }
    moment = sql(PackageResources.moment_sql)
    historyRuns = sql(PackageResources.history_runs_sql)
    historyCount = sql(PackageResources.history_count_sql)
    sweepRuns = sql(PackageResources.sweep_runs_sql)
    fingerprints = either(PackageResources.airflow2_fingerprints_sql, PackageResources.airflow3_fingerprints_sql)
    dagRuns = either(PackageResources.airflow2_dag_runs_sql, PackageResources.airflow3_dag_runs_sql)
    taskInstances = sql(PackageResources.task_instances_sql)
    if schema.has("task_instance_history") {
      taskInstanceHistory = either(
        PackageResources.airflow2_task_instance_history_sql, PackageResources.airflow3_task_instance_history_sql)
    }
    if schema.has("task_reschedule") {
      firstPokes = either(PackageResources.airflow2_first_pokes_sql, PackageResources.airflow3_first_pokes_sql)
    }
    if schema.has("task_instance_note") {
      fewNotes = either(PackageResources.airflow2_few_notes_sql, PackageResources.airflow3_few_notes_sql)
      notes = either(PackageResources.airflow2_notes_sql, PackageResources.airflow3_notes_sql)
    }
    smallXComs = either(PackageResources.airflow2_small_xcoms_sql, PackageResources.airflow3_small_xcoms_sql)
    xcoms = either(PackageResources.airflow2_xcoms_sql, PackageResources.airflow3_xcoms_sql)
    renderedFields = sql(PackageResources.rendered_fields_sql)
    dags = either(PackageResources.airflow2_dags_sql, PackageResources.airflow3_dags_sql)
    if schema.has("dag_tag") { dagTags = sql(PackageResources.dag_tags_sql) }
  }

  /// The query with numbers in place of its parameters, for COPY, which takes none: `$1` are the ids, `$2` and so on the
  /// others. The comment that names the query stays as it is.
  static func inlined(_ sql: String, _ ids: [Int64], _ others: Int...) -> String {
    let name = sql.hasPrefix("--") ? sql.prefix { $0 != "\n" } : ""
    var text = String(sql.dropFirst(name.count))
    // The highest first: $1 begins $10.
    for (index, value) in others.enumerated().reversed() {
      text = text.split(separator: "$\(index + 2)", omittingEmptySubsequences: false).joined(separator: "\(value)")
    }
    let list = "'{" + ids.map { "\($0)" }.joined(separator: ",") + "}'"
    return name + text.split(separator: "$1", omittingEmptySubsequences: false).joined(separator: list)
  }
}
