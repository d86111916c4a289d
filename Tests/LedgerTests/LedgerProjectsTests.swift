import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerProjectsTests {
  @Test func aConnectionIsAskedForOncePerMoment() async throws {
    let bench = try await Bench(clock: { 1_000 })
    #expect(try await bench.ledger.wantsConnection(ofProject: 5, of: "one", askedBefore: 0))
    try await bench.ledger.keep(nil, ofProject: 5, of: "one")
    #expect(try await !bench.ledger.wantsConnection(ofProject: 5, of: "one", askedBefore: 1_000))
    #expect(try await bench.ledger.wantsConnection(ofProject: 5, of: "one", askedBefore: 1_001))
    #expect(try await bench.ledger.wantsConnection(ofProject: 6, of: "one", askedBefore: 0))
  }

  @Test func aProjectThatIsNoLongerShownKeepsItsConnection() async throws {
    let bench = try await Bench()
    let connection = DbtConnection(name: "wh", type: "snowflake", details: ["account": "acme-prod"])
    try await bench.ledger.keep(connection, ofProject: 5, of: "one")
    try await bench.ledger.keep(nil, ofProject: 5, of: "one")
    #expect(
      try bench.query("SELECT name || ' ' || type || ' ' || details FROM dbt_project")
        == [#"wh snowflake {"account":"acme-prod"}"#])
  }
}
