import ExecutionModel
import Postgres

/// Asks the catalog which of Airflow's tables and columns there are.
enum SchemaProbe {
  static func findings(_ transaction: PostgresTransaction) throws -> SchemaFindings {
    var findings = try server(transaction)
    try transaction.query(StaticSQL.schemaColumns, [.textArray(AirflowTable.names)]) { row in
      guard let schema = try row.optionalText(1), let column = try row.optionalText(4) else { return }
      let table = SchemaFindings.Table(
        schema: schema, isReadable: try row.optionalBool(2) ?? false, isLockable: try row.optionalBool(3) ?? false)
      findings.tables[try row.text(0), default: table].columns[column] = try row.text(5)
    }
    if findings.tables["dag_run"] == nil || findings.tables["task_instance"] == nil {
      try transaction.query(StaticSQL.schemaElsewhere, [.textArray(["dag_run", "task_instance", "xcom"])]) { row in
        // Fewer than all three is somebody else's table of that name.
        guard try row.int(2) == 3 else { return }
        findings.elsewhere.append(.init(schema: try row.text(0), isUsable: try row.optionalBool(1) ?? false))
      }
    }
    if let heads = findings.tables["alembic_version"], heads.isReadable, let type = heads.columns["version_num"],
      ColumnType.text.names.contains(type)
    {
      try transaction.query(StaticSQL.alembicHead) { row in findings.alembicHead = try row.optionalText(0) }
    }
    return findings
  }

  private static func server(_ transaction: PostgresTransaction) throws -> SchemaFindings {
    var findings = SchemaFindings(
      database: "", role: "", isSuperuser: false, canWrite: false, isReplica: false, serverVersion: 0,
      serverEncoding: "")
    try transaction.query(StaticSQL.schemaServer) { row in
      findings.role = try row.text(0)
      findings.database = try row.text(1)
      findings.isSuperuser = try row.optionalBool(2) ?? false
      findings.canWrite = try row.optionalBool(3) ?? false
      findings.isReplica = try row.optionalBool(4) ?? false
      findings.replayLagSeconds = try row.optionalDouble(5)
      findings.serverVersion = Int(try row.int(6))
      findings.serverEncoding = try row.text(7)
    }
    return findings
  }
}
