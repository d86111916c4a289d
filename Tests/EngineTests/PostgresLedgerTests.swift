import Glibc
import JSONText
import TestServers
import Testing

/// The program with its ledger in Postgres.
struct PostgresLedgerTests {
  @Test func itTellsTheSameAsWithItsLedgerInAFile() async throws {
    let server = try await PostgresServer.shared
    let database = try await AirflowFixtures.dump("2.11.2")
    let name = PostgresServer.uniqueName("state")
    try await server.createDatabase(name)
    let url = "postgresql://postgres@127.0.0.1:\(server.port)/\(name)?sslmode=disable"
    let file = try await Lab(database: database, truth: "2.11.2")
    let lab = try await Lab(database: database, truth: "2.11.2", .init(ledgerURL: url))
    let first = try await lab.run(["validate"])
    #expect(first.status == 0 && first.text.contains("will be made"), "\(first.text)\(first.errorText)")
    #expect(try await lab.run(["status"]).status == 2)
    try await file.sync()
    try await lab.sync()
    for command in [["runs", "list", "--json"], ["checks", "list", "--json"], ["runs", "show", "dbt_matrix@latest"]] {
      let (expected, found) = (try await file.run(command), try await lab.run(command))
      #expect(found.text == expected.text && found.status == 0, "\(command) \(found.errorText)")
    }
    let status = try JSONValue(parsing: try await lab.run(["status", "--json"]).standardOutput)
    #expect(status["ledger"]?["path"]?.stringValue?.contains("dbname=\(name)") == true)
    #expect(status["sinks"]?.arrayValue?.allSatisfy { $0["pending"]?.integerValue == 0 } == true)
    #expect(try await lab.run(["validate"]).status == 0)
    let migrated = try await lab.run(["migrate"])
    #expect(migrated.status == 0 && migrated.text.contains("has schema "), "\(migrated.errorText)")
  }

  /// As with a file that is replaced: what it holds in memory belongs to the ledger that is gone.
  @Test(arguments: [false, true]) func aDaemonWhoseLedgerIsMadeAnewEndsAndTheNextGoesOn(_ isMigrated: Bool)
    async throws
  {
    let server = try await PostgresServer.shared
    let name = PostgresServer.uniqueName("state")
    try await server.createDatabase(name)
    let url = "postgresql://postgres@127.0.0.1:\(server.port)/\(name)?sslmode=disable"
    let lab = try await Lab(
      database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3", .init(hasFile: false, ledgerURL: url))
    let daemon = try lab.startDaemon()
    try await lab.waitUntilIdle()
    let records = try await lab.recordsWithoutRevision()
    try await server.dropDatabase(name)
    try await server.createDatabase(name)
    if isMigrated { #expect(try await lab.run(["migrate"]).status == 0) }
    let output = try await daemon.finish(within: 60)
    #expect(output.status == 74 && output.errorText.contains("removed or replaced"), "\(output.errorText)")
    let next = try lab.startDaemon()
    try await lab.waitUntilIdle()
    expectEqual(try await lab.recordsWithoutRevision(), records)
    next.signal(SIGTERM)
    #expect(try await next.finish(within: 20).status == 0)
  }

  @Test func validateNamesTheRightThatIsMissing() async throws {
    let server = try await PostgresServer.shared
    let name = PostgresServer.uniqueName("state")
    let role = PostgresServer.uniqueName("syncer")
    try await server.createDatabase(name)
    try await server.createRole(role)
    try await server.execute("GRANT CREATE ON DATABASE \(name) TO \(role)")
    let url = "postgresql://\(role)@127.0.0.1:\(server.port)/\(name)?sslmode=disable"
    let lab = try await Lab(
      database: try await AirflowFixtures.dump("2.6.3"), truth: nil, .init(hasLineage: false, ledgerURL: url))
    #expect(try await lab.run(["migrate"]).status == 0)
    try await server.execute("REVOKE UPDATE ON airflow_syncer.lease FROM \(role)", database: name)
    let denied = try await lab.run(["validate"])
    #expect(
      denied.text.contains("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA airflow_syncer"),
      "\(denied.text)")
    try await server.execute("REVOKE CONNECT ON DATABASE \(name) FROM PUBLIC")
    for command in ["validate", "migrate", "run"] {
      let refused = try await lab.run([command])
      #expect(refused.status != 0 && (refused.text + refused.errorText).contains("GRANT CONNECT ON DATABASE"))
    }
  }
}
