import ExecutionModel
import Glibc
import Ledger
import Platform

/// Keeps made-up dbt runs in a new ledger: one of a large project, twice, and many of a small one; then asks `why`.
struct ResultsBenchmark {
  private let models: Int
  private let runs: Int

  /// `[MODELS [RUNS]]`
  init(_ arguments: [String]) throws {
    guard arguments.count <= 2, let models = arguments.first.map({ Int($0) }) ?? 20_000, models > 0,
      let runs = arguments.dropFirst().first.map({ Int($0) }) ?? 1_000, runs > 0
    else { throw WrongUsage() }
    (self.models, self.runs) = (models, runs)
  }

  func run() async throws {
    let folder = try BenchmarkFolder()
    defer { folder.remove() }
    let ledger = Ledger(path: folder.ledger, purpose: .syncing)
    try await ledger.open()
    for number in 0..<3 {
      let run = madeUpRun("large", number, models: models)
      try await measure("\(run.steps[0].results.count) results, time \(number + 1)") {
        try await ledger.keepComplete(core: run)
      }
    }
    let before = ResourceUsage.now
    for number in 0..<runs { try await ledger.keepComplete(core: madeUpRun("small", number, models: 300)) }
    let kept = ResourceUsage.now
    let seconds = fixed(kept.seconds - before.seconds)
    try StandardOutput.write(
      "\(runs) runs of 300 models and 300 tests: \(seconds) s, processor \(fixed(kept.processorSeconds - before.processorSeconds)) s (made up in it)\n"
    )
    try await measure("names like `small_m299`") { _ = try await ledger.nodes(named: "small_m299") }
    try await measure("why, 5 runs of 600") { _ = try await ledger.story(ofNode: "model.shop.small_m299", runs: 5) }
    try await measure("why, large project") { _ = try await ledger.story(ofNode: "model.shop.large_m9", runs: 3) }
    try await measure("20 checks") {
      var filter = CheckFilter()
      filter.limit = 20
      _ = try await ledger.checks(filter)
    }
    await ledger.close()
  }

  private func measure(_ what: String, _ body: () async throws -> Void) async throws {
    let begin = ResourceUsage.now
    try await body()
    let end = ResourceUsage.now
    try StandardOutput.write(
      "\(what): \(fixed(end.seconds - begin.seconds)) s, processor \(fixed(end.processorSeconds - begin.processorSeconds)) s\n"
    )
  }

  /// Each model reads the one before, has 25 columns, and about as many tests as real projects have.
  private func madeUpRun(_ name: String, _ number: Int, models: Int) -> DbtRun {
    var run = DbtRun(key: .core(name: name, invocationID: "i\(number)"), status: "success", isComplete: true)
    run.startedAt = Instant(microseconds: Int64(number) * 60_000_000)
    var step = DbtStep(index: 1)
    let tests = name == "large" ? models * 17 / 10 : models
    for index in 0..<models {
      var node = DbtNode(uniqueID: "model.shop.\(name)_m\(index)")
      (node.name, node.resourceType, node.relation) = ("\(name)_m\(index)", "model", "db.mart.\(name)_m\(index)")
      (node.path, node.package, node.materialized) = ("models/mart/\(name)_m\(index).sql", "shop", "table")
      node.description = "The model number \(index) of a project that was made up to be measured"
      node.columns = (0..<25).map {
        DbtColumn(name: "column_\($0)", type: "character varying", description: "What stands in column \($0)")
      }
      if index > 0 { node.dependsOn = ["model.shop.\(name)_m\(index - 1)"] }
      add(node, "success", to: &step, at: number, index)
    }
    for index in 0..<tests {
      let model = "model.shop.\(name)_m\(index % models)"
      var node = DbtNode(uniqueID: "test.shop.not_null_\(name)_m\(index % models)_column_\(index / models).0123456789")
      (node.name, node.resourceType) = ("not_null_\(name)_m\(index % models)_column_\(index / models)", "test")
      (node.attachedNode, node.column, node.test, node.severity) = (
        model, "column_\(index / models)", "not_null", "error"
      )
      node.dependsOn = [model]
      add(node, index % 97 == number % 97 ? "fail" : "pass", to: &step, at: number, models + index)
    }
    run.steps = [step]
    return run
  }

  private func add(_ node: DbtNode, _ status: String, to step: inout DbtStep, at number: Int, _ index: Int) {
    step.nodes[node.uniqueID] = node
    var result = DbtNodeResult(uniqueID: node.uniqueID, status: status)
    (result.resourceType, result.relation, result.dependsOn) = (node.resourceType, node.relation, node.dependsOn)
    result.inputs = node.dependsOn
    result.completedAt = Instant(microseconds: Int64(number) * 60_000_000 + Int64(index))
    (result.executionTime, result.thread, result.message) = (0.25, "Thread-1 (worker)", "SELECT 1")
    step.results.append(result)
  }
}
