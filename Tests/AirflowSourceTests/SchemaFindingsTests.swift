import Testing

@testable import AirflowSource

@Suite struct SchemaFindingsTests {
  private func findings(_ family: AirflowSchema.Family) -> SchemaFindings {
    var findings = SchemaFindings(
      database: "airflow", role: "syncer", isSuperuser: false, canWrite: false, isReplica: false,
      serverVersion: 150_000,
      serverEncoding: "UTF8")
    for table in AirflowTable.all {
      var found = SchemaFindings.Table(schema: "public", isReadable: true, isLockable: true)
      for column in table.required(in: family) {
        found.columns[column] = table.type(of: column, in: family).names[0]
      }
      findings.tables[table.name] = found
    }
    findings.alembicHead = family == .airflow2 ? "5f2621c13b39" : "d2f4e1b3c5a7"
    return findings
  }

  private static let families = [AirflowSchema.Family.airflow2, .airflow3]

  @Test(arguments: families) func theRequiredColumnsAreEnough(_ family: AirflowSchema.Family) throws {
    let schema = try findings(family).schema(instance: "i")
    #expect(schema.family == family)
    #expect(schema.version == (family == .airflow2 ? "2.10-2.11" : "3.3"))
    #expect(schema.warnings == [])
  }

  @Test(arguments: families) func everyMissingColumnIsNamed(_ family: AirflowSchema.Family) throws {
    for table in AirflowTable.all {
      for column in table.required(in: family) {
        var findings = findings(family)
        findings.tables[table.name]?.columns[column] = nil
        let error = try #require(throws: AirflowSourceError.self) { try findings.schema(instance: "i") }
        #expect(error.kind == .missingColumn)
        #expect(error.action == .stop)
        #expect(error.description.contains("\(table.name).\(column)"))
      }
    }
  }

  @Test(arguments: families) func everyTableThatMayNotBeReadNamesItsGrant(_ family: AirflowSchema.Family) throws {
    for table in AirflowTable.all {
      var findings = findings(family)
      findings.tables[table.name]?.isReadable = false
      let error = try #require(throws: AirflowSourceError.self) { try findings.schema(instance: "i") }
      #expect(error.kind == .missingGrant)
      #expect(error.description.contains("GRANT SELECT ON public.\(table.name) TO syncer;"))
    }
  }

  @Test(arguments: families) func aTypeThatCannotBeDecodedIsNamed(_ family: AirflowSchema.Family) throws {
    var findings = findings(family)
    findings.tables["xcom"]?.columns["value"] = "text"
    let error = try #require(throws: AirflowSourceError.self) { try findings.schema(instance: "i") }
    #expect(error.kind == .unexpectedType)
    #expect(error.description.contains("xcom.value is of type text"))
  }

  @Test func allProblemsAreToldAtOnce() throws {
    var findings = findings(.airflow2)
    findings.tables["xcom"]?.columns["key"] = nil
    findings.tables["dag"] = nil
    let error = try #require(throws: AirflowSourceError.self) { try findings.schema(instance: "i") }
    #expect(error.problems.count == 2)
  }

  @Test func anOldAirflowIsCalledOld() throws {
    var findings = findings(.airflow2)
    findings.tables["task_instance"]?.columns["map_index"] = nil
    let error = try #require(throws: AirflowSourceError.self) { try findings.schema(instance: "i") }
    #expect(error.description.contains("task_instance.map_index"))
    #expect(error.description.contains("older than 2.4"))
  }

  @Test func tablesOfLaterVersionsMayBeAbsent() throws {
    var findings = findings(.airflow2)
    for table in AirflowTable.all where !table.isRequired { findings.tables[table.name] = nil }
    let schema = try findings.schema(instance: "i")
    #expect(schema.tryNumbering == .whenStarted)
    #expect(!schema.has("task_instance_history"))
  }

  @Test func onlyWhatCanBeLockedIsLocked() throws {
    var findings = findings(.airflow3)
    #expect(try findings.schema(instance: "i").lockable == AirflowTable.names)
    findings.tables["dag"]?.isLockable = false
    findings.tables["dag_tag"] = nil
    #expect(
      try findings.schema(instance: "i").lockable == AirflowTable.names.filter { !$0.hasPrefix("dag_t") && $0 != "dag" }
    )
  }

  @Test func anUnknownHeadIsAWarningOnly() throws {
    var findings = findings(.airflow3)
    findings.alembicHead = "0123456789ab"
    let schema = try findings.schema(instance: "i")
    #expect(schema.version == nil)
    #expect(schema.warnings.contains { $0.contains("0123456789ab") })
  }

  @Test func aRoleThatMayDoMoreThanReadIsAWarning() throws {
    var findings = findings(.airflow3)
    findings.canWrite = true
    #expect(try findings.schema(instance: "i").warnings.contains { $0.contains("may write") })
    findings.isSuperuser = true
    #expect(try findings.schema(instance: "i").warnings.contains { $0.contains("superuser") })
  }

  @Test func tablesInAnotherSchemaAreFound() throws {
    var findings = findings(.airflow3)
    findings.tables = [:]
    findings.elsewhere = [.init(schema: "af", isUsable: true)]
    let hidden = try #require(throws: AirflowSourceError.self) { try findings.schema(instance: "i") }
    #expect(hidden.kind == .notAirflow)
    #expect(hidden.description.contains("ALTER ROLE syncer IN DATABASE airflow SET search_path = af;"))
    findings.elsewhere = [.init(schema: "af", isUsable: false)]
    let closed = try #require(throws: AirflowSourceError.self) { try findings.schema(instance: "i") }
    #expect(closed.description.contains("GRANT USAGE ON SCHEMA af TO syncer;"))
  }
}
