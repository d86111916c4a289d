import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct FactsReaderNodesTests {
  private func facts(models: Int = 1) async throws -> (bench: Bench, items: [OutboxItem], facts: [EventFacts]) {
    let sink = SinkRegistration(name: "lineage", type: "openlineage", kind: .events([.dbtNodes]), history: true)
    let bench = try await Bench(sinks: [sink])
    let task = attempt("success", end: 30)
    try await bench.apply(run("success", end: 40), [task], links: [proposal(task, 71)])
    var complete = dbtRun(71, isComplete: true)
    complete.projectID = 5
    complete.steps = [step(models: models)]
    try await bench.answer(complete)
    let connection = DbtConnection(name: "wh", type: "postgres", details: ["host": "h", "port": "1", "password": "p"])
    try await bench.ledger.keep(connection, ofProject: 5, of: one.name)
    let items = try await bench.pending()
    return (bench, items, try await bench.ledger.facts(for: items))
  }

  @Test func aNodeComesWithWhatItReadAndHowTheWarehouseIsReached() async throws {
    let (_, items, facts) = try await facts()
    let own = try #require(
      zip(items, facts).first { $0.0.node?.uniqueID == "model.shop.m1" && $0.0.node?.part == .run })
    let execution = try #require(own.1.dbtNode)
    #expect(execution.node.relation == "db.mart.m1" && execution.step.command == "build")
    #expect(execution.results.map(\.result.status) == ["success"])
    #expect(execution.inputs.map(\.relation) == ["db.raw.orders_v2"])
    #expect(execution.connection?.details == ["host": "h", "port": "1"])
    #expect(own.1.attempt?.key.taskID == "a" && own.1.run != nil)
  }

  @Test func testsComeWithTheNodeThatTheyAreAttachedTo() async throws {
    let (_, items, facts) = try await facts(models: 3)
    let groups = zip(items, facts).filter { $0.0.node?.part == .tests && $0.0.transition == .start }
    #expect(groups.map { $0.1.dbtNode?.node.relation } == ["db.mart.m1", "db.mart.m2", "db.mart.m3"])
    #expect(groups.map { $0.1.dbtNode?.results.map(\.node.uniqueID) } == (1...3).map { ["test.shop.not_null_m\($0)"] })
  }

  /// A step of 55,600 results must not be read anew for each of them.
  @Test(arguments: [FactsReader.selectResult.text, FactsReader.selectTests.text])
  func aNodeIsFoundThroughAnIndex(_ sql: String) async throws {
    guard Driver.current == .sqlite else { return }
    let bench = try await Bench()
    let database = try bench.connect()
    let plan = try database.prepare("EXPLAIN QUERY PLAN " + sql).rows { $0.text(3) }
    #expect(!plan.contains { $0.hasPrefix("SCAN") }, "\(plan)")
    #expect(plan.contains { $0.contains("dbt_result_node (node=? AND dbt_run=? AND step_index=?)") }, "\(plan)")
  }
}
