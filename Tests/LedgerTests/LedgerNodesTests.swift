import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerNodesTests {
  /// A source, a model with three tests, and a model that was skipped because of them, through an ephemeral one.
  static func step() -> DbtStep {
    var step = DbtStep(index: 1)
    func add(
      _ id: String, _ status: String?, reads: [String] = [], inputs: [String] = [],
      _ change: (inout DbtNode) -> Void = { _ in }
    ) {
      var node = DbtNode(uniqueID: id)
      node.name = id.split(separator: ".").last.map(String.init)
      node.resourceType = id.split(separator: ".").first.map(String.init)
      node.dependsOn = reads
      change(&node)
      step.nodes[id] = node
      guard let status else { return }
      var result = DbtNodeResult(uniqueID: id, status: status)
      (result.resourceType, result.dependsOn, result.inputs) = (node.resourceType, reads, inputs)
      result.completedAt = at(25)
      if status == "fail" { (result.failures, result.message) = (4, "Got 4 results") }
      step.results.append(result)
    }
    add("source.shop.raw.orders", nil) { $0.relation = "db.raw.orders" }
    add("model.shop.orders", "success", reads: ["source.shop.raw.orders"], inputs: ["source.shop.raw.orders"]) {
      $0.relation = "db.mart.orders"
      $0.owner = "ann"
    }
    add("test.shop.not_null_orders_id", "fail", reads: ["model.shop.orders"]) {
      ($0.attachedNode, $0.column, $0.severity) = ("model.shop.orders", "id", "error")
    }
    add("test.shop.warns_orders", "warn", reads: ["model.shop.orders"]) { $0.attachedNode = "model.shop.orders" }
    add("test.shop.unique_orders_id", "pass", reads: ["model.shop.orders"]) { $0.attachedNode = "model.shop.orders" }
    // Its input through an ephemeral model, which has no result.
    add("model.shop.revenue", "skipped", reads: ["model.shop.ephemeral"], inputs: ["model.shop.orders"])
    return step
  }

  private func bench() async throws -> Bench {
    let bench = try await Bench()
    let task = attempt("failed", end: 30)
    try await bench.apply(run("failed", end: 40), [task], links: [proposal(task, 71)])
    var linked = dbtRun(71, "error", isComplete: true)
    linked.steps = [Self.step()]
    try await bench.answer(linked)
    for number in 0..<7 {
      var core = DbtRun(key: .core(name: "ci", invocationID: "i\(number)"), status: "success", isComplete: true)
      core.startedAt = at(-1000 + number)
      core.steps = [Self.step()]
      try await bench.ledger.keepComplete(core: core)
    }
    return bench
  }

  @Test(arguments: [
    ("model.shop.orders", ["model.shop.orders"]), ("revenue", ["model.shop.revenue"]),
    ("orders", ["model.shop.orders", "source.shop.raw.orders"]), (#""DB"."mart"."orders""#, ["model.shop.orders"]),
    ("db.raw.orders", ["source.shop.raw.orders"]), ("reve", ["model.shop.revenue"]),
    ("not_null", ["test.shop.not_null_orders_id"]), ("mart.ord", ["model.shop.orders"]), ("nowhere", []), ("100%", []),
  ])
  func aNodeIsFoundByItsNamesAndPartsOfThem(_ name: String, _ expected: [String]) async throws {
    #expect(try await bench().ledger.nodes(named: name).map(\.uniqueID) == expected)
  }

  @Test func theStoryOfAModelHasWhatIsAroundIt() async throws {
    let story = try #require(try await bench().ledger.story(ofNode: "model.shop.orders", runs: 5))
    #expect(story.node.relation == "db.mart.orders" && story.node.owner == "ann")
    #expect(story.runs.count == 5 && story.runs[0].run.runID == 71 && story.runs[1].run.key.description == "core/ci/i6")
    let run = story.runs[0]
    #expect(run.results.map(\.result.status) == ["success"] && run.attempts.map(\.attempt.taskID) == ["a"])
    #expect(run.upstream.isEmpty)
    #expect(run.downstream.map(\.uniqueID) == ["test.shop.not_null_orders_id", "model.shop.revenue"])
    // One check in each of the two places where the newest runs were.
    #expect(Set(story.checks.map(\.scope)) == ["one/-/-", "core/ci"] && story.checks.count == 6)
  }

  /// Facts that come back are those of a row that is older than others.
  @Test func theFactsAreThoseOfTheNewestRun() async throws {
    let bench = try await Bench()
    for (number, owner) in ["ann", "bob", "ann"].enumerated() {
      var core = DbtRun(key: .core(name: "ci", invocationID: "i\(number)"), status: "success", isComplete: true)
      core.startedAt = at(number)
      core.steps = [Self.step()]
      core.steps[0].nodes["model.shop.orders"]?.owner = owner
      try await bench.ledger.keepComplete(core: core)
    }
    let story = try #require(try await bench.ledger.story(ofNode: "model.shop.orders", runs: 5))
    #expect(story.node.owner == "ann" && story.runs.count == 3)
  }

  @Test func whatWasSkippedIsExplainedByTheTestsAboveIt() async throws {
    let story = try #require(try await bench().ledger.story(ofNode: "model.shop.revenue", runs: 1))
    #expect(story.runs.map { $0.upstream.map(\.uniqueID) } == [["test.shop.not_null_orders_id"]])
    #expect(story.runs[0].upstream[0].failures == 4)
  }

  @Test func aSourceWithoutResultsHasTheRunsOfItsReaders() async throws {
    let bench = try await bench()
    let story = try #require(try await bench.ledger.story(ofNode: "source.shop.raw.orders", runs: 2))
    #expect(story.runs.count == 2 && story.runs[0].results.isEmpty)
    #expect(story.runs[0].downstream.map(\.uniqueID) == ["test.shop.not_null_orders_id", "model.shop.revenue"])
    #expect(try await bench.ledger.story(ofNode: "model.shop.none", runs: 2) == nil)
  }
}
