import DbtArtifacts
import ExecutionModel
import OpenLineage
import Records

/// Steps as real artifacts tell of them.
enum RealSteps {
  /// - Parameter folder: below `Tests/Fixtures`, with manifest.json and run_results.json.
  static func step(_ folder: String, catalog: String? = nil) throws -> DbtStep {
    let results = try RunResults(path: fixturePath("\(folder)/run_results.json"))
    let manifest = try Manifest(
      path: fixturePath("\(folder)/manifest.json"), keeping: results.uniqueIDs, keepsSQL: true)
    var step = DbtStep(index: 4)
    _ = step.fill(results, manifest: manifest)
    if let catalog { step.add(try Catalog(path: fixturePath(catalog), keeping: Set(step.nodes.keys))) }
    step.startedAt = instant("2026-11-21T00:00:00Z")
    step.finishedAt = instant("2026-11-21T00:30:00Z")
    return step
  }

  static let connection = DbtConnection(
    name: "postgres-connection", type: "postgres", details: ["host": "127.0.0.1", "port": "55433"])

  static func run(_ step: DbtStep, id: Int64 = 7) -> DbtRun {
    var run = DbtRun(
      key: .cloud(host: "h.example", accountID: 11_111, runID: id), status: "error", isComplete: true, steps: [step])
    (run.accountID, run.runID, run.jobID, run.projectID) = (11_111, id, 9, 5)
    run.createdAt = instant("2026-11-20T23:59:00Z")
    return run
  }

  /// What an event of a node is made of, from the step itself.
  static func execution(_ told: NodeRules.Told, in step: DbtStep) -> DbtNodeExecution {
    let own = step.results.filter { result in
      switch told.part {
      case .run: result.uniqueID == told.uniqueID
      case .tests:
        NodeRules.testedNode(NodeRules.Outcome(result)) == told.uniqueID && !NodeRules.isSkipped(.init(result))
      }
    }
    let results = own.map { result in
      DbtNodeExecution.Result(result: result, node: step.nodes[result.uniqueID] ?? DbtNode(uniqueID: result.uniqueID))
    }
    var seen: Set<String> = []
    let inputs = own.flatMap(\.inputs).filter { seen.insert($0).inserted }.compactMap { step.nodes[$0] }
    var bare = step
    (bare.results, bare.nodes) = ([], [:])
    var execution = DbtNodeExecution(
      step: bare, node: step.nodes[told.uniqueID] ?? DbtNode(uniqueID: told.uniqueID), part: told.part,
      results: results, inputs: inputs)
    execution.connection = connection
    return execution
  }

  static func events(_ step: DbtStep, id: Int64 = 7, encoder: LineageEncoder) throws -> [[UInt8]] {
    let run = run(step, id: id)
    let told = NodeRules.told(
      of: step.results.map { NodeRules.Outcome($0) }, command: step.command, NodeRules.StepTimes(step, of: run))
    return try told.flatMap { told in
      let execution = execution(told, in: step)
      return try told.events(of: run.key, step: step.index).map {
        try encoder.encode($0, node: execution, of: run, parent: nil)
      }
    }
  }
}
