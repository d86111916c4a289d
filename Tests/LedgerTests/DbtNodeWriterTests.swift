import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct DbtNodeWriterTests {
  private func linked() async throws -> Bench {
    let bench = try await Bench()
    let task = attempt("success", end: 30)
    try await bench.apply(run("success", end: 40), [task], links: [proposal(task, 71), proposal(task, 72)])
    return bench
  }

  private func step(_ node: DbtNode) -> DbtStep {
    var step = DbtStep(index: 1)
    step.nodes = [node.uniqueID: node, "source.shop.raw.orders": DbtNode(uniqueID: "source.shop.raw.orders")]
    var result = DbtNodeResult(uniqueID: node.uniqueID, status: "success")
    result.inputs = ["source.shop.raw.orders"]
    result.relation = node.relation
    step.results = [result]
    return step
  }

  @Test func aNodeComesBackAsItWas() async throws {
    let bench = try await linked()
    let node = NodeDigestTests.fullNode()
    var run = dbtRun(71, isComplete: true)
    run.steps = [step(node)]
    try await bench.answer(run)
    let database = try bench.connect()
    let nodes = try database.snapshot { try RecordReader(database: database).nodes(of: 1, step: 1) }
    #expect(nodes == run.steps[0].nodes)
    let result = try #require(try await bench.record().dbtRuns.first?.steps.first?.results.first)
    #expect(result.name == "orders" && result.relation == "db.mart.orders" && result.materialized == "table")
    #expect(result.tags == node.tags && result.severity == "warn" && result.inputs == ["source.shop.raw.orders"])
  }

  @Test func theSameFactsAreKeptOnceAndOthersBesideThem() async throws {
    let bench = try await linked()
    var node = NodeDigestTests.fullNode()
    for id in [71, 72] as [Int64] {
      var run = dbtRun(id, isComplete: true)
      run.steps = [step(node), step(node)]
      run.steps[1].index = 2
      try await bench.answer(run)
    }
    #expect(try bench.query("SELECT count(*) FROM dbt_node") == ["2"])
    node.columns.append(DbtColumn(name: "new"))
    let id = try #require(try bench.query("SELECT id FROM dbt_run WHERE run_id = 72").first.flatMap { Int64($0) })
    var run = dbtRun(72, isComplete: true)
    run.steps = [step(node)]
    try await bench.ledger.keepComplete(run, id: id)
    #expect(try bench.query("SELECT count(*) FROM dbt_node") == ["3"])
    #expect(try bench.query("SELECT count(DISTINCT node) FROM dbt_result") == ["2"])
  }

  /// Nodes are asked for and told of many at a time.
  @Test func manyNodesKeepTheirRowsWhicheverOfThemAreNew() async throws {
    let bench = try await Bench()
    let database = try bench.connect()
    func node(_ number: Int) -> DbtNode {
      var node = DbtNode(uniqueID: "model.shop.m\(number)")
      node.relation = "mart.m\(number)"
      return node
    }
    func keep(_ numbers: [Int]) throws -> [String: Int64] {
      try database.transaction {
        var writer = DbtNodeWriter(try NodeHandout(database))
        return try writer.keep(numbers.map(node)).mapValues(\.id)
      }
    }
    #expect(try keep([]).isEmpty)
    var rows: [String: Int64] = [:]
    // New, known, both in one statement's worth, known after new ones, and the odd one.
    for numbers in [
      Array(0..<70), Array(0..<70), Array(60..<100), Array(100..<140) + Array(0..<100), [7], Array(130..<210),
    ] {
      let kept = try keep(numbers)
      #expect(kept.count == numbers.count)
      rows.merge(kept) { before, now in
        #expect(before == now)
        return now
      }
    }
    #expect(Set(rows.values).count == 210)
    #expect(try bench.query("SELECT count(*) FROM dbt_node") == ["210"])
    let id = try #require(rows["model.shop.m205"])
    #expect(try bench.query("SELECT relation FROM dbt_node WHERE id = \(id)") == ["mart.m205"])
  }

  @Test func aRelationThatOnlyTheResultNamesIsKept() async throws {
    let bench = try await linked()
    var node = NodeDigestTests.fullNode()
    node.relation = nil
    var run = dbtRun(71, isComplete: true)
    run.steps = [step(node)]
    run.steps[0].results[0].relation = "db.other.orders"
    try await bench.answer(run)
    #expect(try await bench.record().dbtRuns[0].steps[0].results[0].relation == "db.other.orders")
  }

  /// More than are written at once, in steps that share them.
  @Test func aLargeProjectIsKeptInPieces() async throws {
    let bench = try await linked()
    var step = DbtStep(index: 1)
    for number in 0..<9_001 {
      let id = "model.shop.m\(number)"
      step.nodes[id] = DbtNode(uniqueID: id)
      step.results.append(DbtNodeResult(uniqueID: id, status: "success"))
    }
    var run = dbtRun(71, isComplete: true)
    run.steps = [step, step]
    run.steps[1].index = 2
    try await bench.answer(run)
    #expect(try bench.query("SELECT count(*) FROM dbt_node") == ["9001"])
    let steps = try await bench.record().dbtRuns[0].steps
    #expect(steps.map(\.results) == run.steps.map(\.results))
  }
}
