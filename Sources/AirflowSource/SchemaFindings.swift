import ExecutionModel

/// What the catalog says about Airflow's tables, and the judgement of it. No I/O.
struct SchemaFindings {
  struct Table {
    var schema: String
    /// Whether the role may read all of it: rights on single columns do not let it lock the table.
    var isReadable: Bool
    /// Whether `LOCK TABLE` takes it. What stands in for a table, such as a foreign table, cannot be locked.
    var isLockable: Bool
    /// Their types, by name.
    var columns: [String: String] = [:]
  }

  /// A schema with some of Airflow's tables that the role's search_path does not show.
  struct Elsewhere {
    var schema: String
    var isUsable: Bool
  }

  var database: String
  var role: String
  var isSuperuser: Bool
  var canWrite: Bool
  var isReplica: Bool
  var replayLagSeconds: Double?
  var serverVersion: Int
  var serverEncoding: String
  /// Tables that the role's search_path shows.
  var tables: [String: Table] = [:]
  var elsewhere: [Elsewhere] = []
  var alembicHead: String?

  /// The schema to read by, or every problem at once.
  func schema(instance: InstanceName) throws(AirflowSourceError) -> AirflowSchema {
    guard let runs = tables["dag_run"], let taskInstances = tables["task_instance"] else {
      throw AirflowSourceError(instance: instance, kind: .notAirflow, problems: [absence])
    }
    let family: AirflowSchema.Family
    switch (runs.columns["logical_date"], runs.columns["execution_date"]) {
    case (.some, _): family = .airflow3
    case (nil, .some): family = .airflow2
    case (nil, nil):
      throw AirflowSourceError(
        instance: instance, kind: .missingColumn,
        problems: [
          "column dag_run.logical_date (Airflow 3) or dag_run.execution_date (Airflow 2) is missing: this is no "
            + "Airflow that this version of airflow-syncer can read; Airflow 2.4 to 3.3 are supported"
        ])
    }
    var columns: [String: Set<String>] = [:]
    var missing: [String] = []
    var types: [String] = []
    var unreadable: [String] = []
    for table in AirflowTable.all {
      guard let found = tables[table.name] else {
        if table.isRequired { missing.append("table \(table.name) is missing") }
        continue
      }
      let required = table.required(in: family)
      missing += required.filter { found.columns[$0] == nil }.map { "column \(table.name).\($0) is missing" }
      types += (required + table.optional).compactMap { column in
        let wanted = table.type(of: column, in: family).names
        guard let actual = found.columns[column], !wanted.contains(actual) else { return nil }
        return "column \(table.name).\(column) is of type \(actual), not \(wanted[0])"
      }
      if !found.isReadable { unreadable.append(table.name) }
      columns[table.name] = Set((required + table.optional).filter { found.columns[$0] != nil })
    }
    if !missing.isEmpty {
      throw AirflowSourceError(
        instance: instance, kind: .missingColumn, problems: missing.map { $0 + hint(family, taskInstances) })
    }
    if !types.isEmpty {
      throw AirflowSourceError(
        instance: instance, kind: .unexpectedType,
        problems: types.map { $0 + ": this Airflow schema is not one that this version of airflow-syncer can read" })
    }
    if !unreadable.isEmpty {
      throw AirflowSourceError(instance: instance, kind: .missingGrant, problems: unreadable.map(missingGrant))
    }
    return AirflowSchema(
      family: family, alembicHead: alembicHead, version: alembicHead.flatMap(AirflowVersion.name), columns: columns,
      lockable: AirflowTable.names.filter { tables[$0]?.isLockable ?? false },
      schemaName: runs.schema, database: database, role: role, isSuperuser: isSuperuser, isReplica: isReplica,
      replayLagSeconds: replayLagSeconds, serverVersion: serverVersion, serverEncoding: serverEncoding,
      warnings: warnings)
  }

  private var absence: String {
    if let hidden = elsewhere.first(where: { !$0.isUsable }) {
      return "Airflow's tables are in schema \(hidden.schema), which role \(role) may not use: "
        + Grants(database: database, schema: hidden.schema, role: role).usage
    }
    if let other = elsewhere.first {
      return "Airflow's tables are in schema \(other.schema), which is not in the search_path of role \(role): "
        + "ALTER ROLE \(Grants.quoted(role)) IN DATABASE \(Grants.quoted(database)) "
        + "SET search_path = \(Grants.quoted(other.schema));"
    }
    let absent = ["dag_run", "task_instance"].filter { tables[$0] == nil }.joined(separator: " and ")
    return "database \(database) is not an Airflow database: it has no table \(absent). "
      + "Give the dsn of Airflow's metadata database ([database] sql_alchemy_conn in airflow.cfg)"
  }

  /// What a missing column most likely means.
  private func hint(_ family: AirflowSchema.Family, _ taskInstances: Table) -> String {
    // task_instance.map_index and xcom.dag_run_id came with 2.3.
    if family == .airflow2, taskInstances.columns["map_index"] == nil || tables["xcom"]?.columns["dag_run_id"] == nil {
      return ": this is an Airflow older than 2.4, which is not supported; upgrade Airflow"
    }
    return ": this Airflow schema is not one that this version of airflow-syncer can read (2.4 to 3.3 are); "
      + "finish a migration that is under way (airflow db check-migrations) or upgrade airflow-syncer"
  }

  private func missingGrant(_ table: String) -> String {
    let schema = tables[table]?.schema ?? "public"
    return "role \(role) may not read table \(table): "
      + Grants(database: database, schema: schema, role: role).select([table])
  }

  private var warnings: [String] {
    var warnings: [String] = []
    if let head = alembicHead {
      if AirflowVersion.name(ofHead: head) == nil {
        warnings.append(
          "the schema revision \(head) is not one that was tested; it has every column that is needed and is read by those"
        )
      }
    } else {
      warnings.append(
        "alembic_version is missing or empty: the Airflow version is not known; columns decide how to read")
    }
    if isSuperuser {
      warnings.append(
        "role \(role) is a superuser: give the syncer a role of its own that may only read "
          + "(airflow-syncer validate --print-grants prints the statements)")
    } else if canWrite {
      warnings.append(
        "role \(role) may write to Airflow's tables: give the syncer a role of its own that may only read "
          + "(airflow-syncer validate --print-grants prints the statements)")
    }
    return warnings
  }
}
