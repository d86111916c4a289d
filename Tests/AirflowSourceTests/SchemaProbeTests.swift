import Postgres
import TestServers
import Testing

@testable import AirflowSource

@Suite struct SchemaProbeTests {
  @Test func aDatabaseWithoutAirflowIsCalledThat() async throws {
    let database = PostgresServer.uniqueName("other")
    try await PostgresServer.shared.createDatabase(database)
    try await AirflowDatabase.execute("create table dag_run (id int, name text)", in: database)
    let reader = try await AirflowDatabase.reader(database)
    let error = try await #require(throws: AirflowSourceError.self) { try await reader.probe() }
    #expect(error.kind == .notAirflow)
    #expect(error.description.contains(database))
    #expect(error.description.contains("task_instance"))
    #expect(error.description.contains("sql_alchemy_conn"))
  }

  @Test(arguments: [
    ("2.4.3", "task_instance", "try_number"), ("2.11.2", "xcom", "timestamp"), ("3.3.2", "dag_run", "run_id"),
  ])
  func aRenamedColumnIsRefusedByName(_ version: String, _ table: String, _ column: String) async throws {
    let database = try await AirflowDatabase.empty(version)
    try await AirflowDatabase.execute("alter table \(table) rename \"\(column)\" to renamed", in: database)
    let reader = try await AirflowDatabase.reader(database)
    let error = try await #require(throws: AirflowSourceError.self) { try await reader.probe() }
    #expect(error.kind == .missingColumn)
    #expect(error.description.contains("column \(table).\(column) is missing"))
  }

  @Test func everyMissingGrantIsNamedAndMendsIt() async throws {
    let database = try await AirflowDatabase.empty("3.3.2")
    let role = PostgresServer.uniqueName("reader")
    try await AirflowDatabase.execute("create role \(role) login; grant select on dag_run to \(role)", in: database)
    let reader = try await AirflowDatabase.reader(database, user: role)
    let error = try await #require(throws: AirflowSourceError.self) { try await reader.probe() }
    #expect(error.kind == .missingGrant)
    #expect(error.problems.count == AirflowTable.all.count - 1)
    for problem in error.problems {
      let statement = try #require(problem.firstRange(of: "GRANT ").map { String(problem[$0.lowerBound...]) })
      try await AirflowDatabase.execute(statement, in: database)
    }
    #expect(try await reader.probe().role == role)
  }

  @Test func rightsOnColumnsAloneAreRefusedByName() async throws {
    let database = try await AirflowDatabase.empty("2.11.2")
    let role = PostgresServer.uniqueName("reader")
    let full = try await AirflowDatabase.reader(database).probe()
    let columns = (full.columns["xcom"] ?? []).map { "\"\($0)\"" }.sorted().joined(separator: ", ")
    let tables = AirflowTable.names.filter { full.has($0) && $0 != "xcom" }.joined(separator: ", ")
    try await AirflowDatabase.execute(
      "create role \(role) login; grant select on \(tables) to \(role); grant select (\(columns)) on xcom to \(role)",
      in: database)
    let reader = try await AirflowDatabase.reader(database, user: role)
    let error = try await #require(throws: AirflowSourceError.self) { try await reader.probe() }
    #expect(error.kind == .missingGrant)
    #expect(error.problems == ["role \(role) may not read table xcom: GRANT SELECT ON public.xcom TO \(role);"])
    try await AirflowDatabase.execute("grant select on xcom to \(role)", in: database)
    _ = try await reader.live(LiveRequest(cursor: 0), schema: try await reader.probe())
  }

  /// A view may be locked like a table, with what it shows; a materialized view not.
  @Test(arguments: [false, true]) func whatStandsInForATableIsRead(isMaterialized: Bool) async throws {
    let database = try await AirflowDatabase.empty("3.3.2")
    try await AirflowDatabase.execute(
      AirflowRows.runs("3.3.2", ids: 1...2, tasks: 3) + """
        create schema shown; create \(isMaterialized ? "materialized" : "") view shown.task_instance as select * from public.task_instance;
        alter database \(database) set search_path = shown, public;
        """, in: database)
    let reader = try await AirflowDatabase.reader(database)
    let schema = try await reader.probe()
    #expect(schema.lockable.contains("task_instance") == !isMaterialized)
    let batch = try await reader.live(LiveRequest(cursor: 0), schema: schema)
    #expect(batch.snapshots.map(\.attempts.count) == [3, 3])
  }

  @Test func tablesOutsideTheSearchPathAreFoundAndTheStatementMendsIt() async throws {
    let database = try await AirflowDatabase.empty("2.11.2")
    let role = PostgresServer.uniqueName("reader")
    try await AirflowDatabase.execute(
      "alter schema public rename to airflow; create role \(role) login; grant select on all tables in schema airflow to \(role)",
      in: database)
    let reader = { try await AirflowDatabase.reader(database, user: role) }
    let closed = try await #require(throws: AirflowSourceError.self) { try await reader().probe() }
    #expect(closed.kind == .notAirflow)
    try await AirflowDatabase.execute("GRANT USAGE ON SCHEMA airflow TO \(role);", in: database)
    let hidden = try await #require(throws: AirflowSourceError.self) { try await reader().probe() }
    let statement = try #require(
      hidden.description.firstRange(of: "ALTER ROLE").map { String(hidden.description[$0.lowerBound...]) })
    try await AirflowDatabase.execute(statement, in: database)
    #expect(try await reader().probe().schemaName == "airflow")
  }

  @Test func anUnknownHeadAndNoHeadAreWarningsOnly() async throws {
    let database = try await AirflowDatabase.empty("3.3.2")
    let reader = try await AirflowDatabase.reader(database)
    try await AirflowDatabase.execute("update alembic_version set version_num = 'ffffffffffff'", in: database)
    let unknown = try await reader.probe()
    #expect(unknown.version == nil)
    #expect(unknown.warnings.contains { $0.contains("ffffffffffff") })
    _ = try await reader.live(LiveRequest(cursor: 0), schema: unknown)
    try await AirflowDatabase.execute("drop table alembic_version", in: database)
    let none = try await reader.probe()
    #expect(none.alembicHead == nil)
    _ = try await reader.live(LiveRequest(cursor: 0), schema: none)
  }
}
