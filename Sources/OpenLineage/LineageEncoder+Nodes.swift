import ExecutionModel
import JSONText

extension LineageEncoder {
  /// An event of a node that a step of a dbt run has built or tested. Its START holds what its end does: the run was over
  /// before either was made.
  ///
  /// - Parameter parent: that of the dbt run (``encode(_:dbtRun:parent:)``); the node's parent is the dbt run itself.
  public func encode(
    _ event: ExecutionEvent, node execution: DbtNodeExecution, of run: DbtRun, parent: ParentReference?
  ) throws(LineageError) -> [UInt8] {
    let (step, node) = (execution.step, execution.node)
    guard event.subject == .dbtNode(run.key, step: step.index, uniqueID: node.uniqueID, execution.part) else {
      throw .wrongSubject(event.subject)
    }
    let id = try RunID.dbtNode(
      node.uniqueID, execution.part, step: step.index, of: run, namespace: dbtNamespace)
    let dbtRun = try reference(to: run)
    let shape = Shape(execution)
    let namespace = datasets.namespace(project: run.projectID, adapter: step.adapter, connection: execution.connection)
    return write(
      event, RunReference(runID: id, jobNamespace: dbtNamespace, jobName: shape.jobName),
      runFacets: { writer in
        self.parent(&writer, ParentReference(parent: dbtRun, root: parent?.root ?? dbtRun))
        dbtVersion(&writer, step, of: run)
        self.dbtRun(&writer, execution, of: run)
        if case .tests = execution.part {
        } else {
          externalQuery(&writer, execution.results.first?.result.queryID, in: namespace)
        }
        if !shape.testsDataset, shape.jobType == "TEST" {
          testRun(&writer, execution.results, hasInputs: !shape.inputs.isEmpty)
        }
        runTags(&writer, node)
        if event.transition == .fail, execution.part == .run {
          errorMessage(&writer, execution.results.first?.result.message)
        }
      },
      jobFacets: { writer in
        jobType(&writer, integration: "DBT", type: shape.jobType)
        dbtNode(&writer, node)
        if shape.jobType != "TEST" { sql(&writer, node.sql, dialect: step.adapter) }
      },
      inputs: { writer in
        if shape.testsDataset { return testedDataset(&writer, node, in: namespace, execution.results) }
        for input in shape.inputs {
          if shape.jobType == "TEST" {
            bareDataset(&writer, input, in: namespace)
          } else {
            dataset(&writer, input, in: namespace)
          }
        }
      },
      outputs: { writer in
        guard shape.jobType != "TEST", node.isDataset, let result = execution.results.first?.result else { return }
        // What failed has written nothing; some batches of a model may have been written.
        if event.transition == .fail, result.batches == nil, result.status != "partial success" { return }
        dataset(&writer, node, in: namespace, output: result)
      })
  }

  /// How a node's events are shaped, by its kind and what was done with it.
  private struct Shape {
    var jobName: String
    /// MODEL, SEED, SNAPSHOT, TEST
    var jobType: String
    /// The tests say something of the one dataset that the node is.
    var testsDataset: Bool
    var inputs: [DbtNode]

    init(_ execution: DbtNodeExecution) {
      let node = execution.node
      let isBuild = execution.step.command == "build"
      let kind = String(node.uniqueID.prefix { $0 != "." })
      let place = [node.database, node.schema].compactMap(\.self).filter { !$0.isEmpty }
      func name(without prefix: String, _ suffix: String) -> String {
        let id = node.uniqueID.hasPrefix(prefix) ? String(node.uniqueID.dropFirst(prefix.utf8.count)) : node.uniqueID
        return (place + [id]).joined(separator: ".") + suffix
      }
      inputs = execution.inputs.filter(\.isDataset)
      testsDataset = false
      switch (execution.part, kind) {
      case (.tests, _):
        jobName = name(without: "model.", isBuild ? ".build.test" : ".test")
        jobType = "TEST"
        testsDataset = node.isDataset
      case (.run, "seed"):
        (jobName, jobType) = (name(without: "seed.", isBuild ? ".build.seed" : ".seed"), "SEED")
      case (.run, "snapshot"):
        (jobName, jobType) = (name(without: "snapshot.", isBuild ? ".build.snapshot" : ".snapshot"), "SNAPSHOT")
      case (.run, "model"):
        let suffix = isBuild ? ".build.run" : execution.step.command == "clone" ? ".clone" : ""
        (jobName, jobType) = (name(without: "model.", suffix), "MODEL")
      case (.run, _):
        (jobName, jobType) = (node.uniqueID, "TEST")
        // It reads made-up rows.
        if kind == "unit_test" { inputs = [] }
      }
    }
  }
}
