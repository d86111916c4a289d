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
}
