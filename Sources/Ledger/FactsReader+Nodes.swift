import ExecutionModel
import Records
import Storage

extension FactsReader {
  /// A node as one step of a dbt run built or tested it; nil when the ledger no longer has its results.
  mutating func execution(of node: OutboxItem.Node, in dbtRun: Int64, of run: DbtRun) throws -> DbtNodeExecution? {
    guard let step = run.steps.first(where: { $0.index == node.step }) else { return nil }
    let rows = try database.prepare(node.part == .tests ? Self.selectTests : Self.selectResult).binding {
      $0(dbtRun)
      $0(node.step)
      $0(node.uniqueID)
    }.rows { row -> (result: DbtNodeResult, inputs: [Int64], node: Int64) in
      var columns = Columns(row)
      let (result, inputs) = DbtResultRow.read(&columns)
      return (result, inputs, columns.integer())
    }
    var results: [DbtNodeExecution.Result] = []
    var inputs: [DbtNode] = []
    var seen: Set<Int64> = []
    for row in rows where !(node.part == .tests && NodeRules.isSkipped(NodeRules.Outcome(row.result))) {
      guard let known = try self.node(row.node) else { continue }
      var result = row.result
      for id in row.inputs {
        guard let input = try self.node(id) else { continue }
        result.inputs.append(input.uniqueID)
        if seen.insert(id).inserted { inputs.append(input) }
      }
      results.append(.init(result: result, node: known))
    }
    guard let first = results.first else { return nil }
    let subject =
      switch node.part {
      case .run: first.node
      case .tests:
        try inputs.first { $0.uniqueID == node.uniqueID } ?? builtNode(node, in: dbtRun)
          ?? DbtNode(uniqueID: node.uniqueID)
      }
    var execution = DbtNodeExecution(step: step, node: subject, part: node.part, results: results, inputs: inputs)
    execution.connection = try connection(of: run)
    return execution
  }

  // From the node, of which there are few, to its result by the index of both.
  static let selectResult = SQL(
    """
    SELECT \(DbtResultRow.selected), n.id FROM dbt_node n CROSS JOIN dbt_result r ON r.node = n.id AND r.dbt_run = ?1 AND r.step_index = ?2
    WHERE n.unique_id = ?3 ORDER BY r.position LIMIT 1
    """)
  static let selectTests = SQL(
    """
    SELECT \(DbtResultRow.selected), n.id FROM dbt_node n CROSS JOIN dbt_result r ON r.node = n.id AND r.dbt_run = ?1 AND r.step_index = ?2
    WHERE n.attached_node = ?3 AND substr(n.unique_id, 1, 5) = 'test.'
    ORDER BY r.position
    """)
  private static let selectBuilt = SQL(
    """
    SELECT n.id FROM dbt_node n CROSS JOIN dbt_result r ON r.node = n.id AND r.dbt_run = ?1 AND r.step_index = ?2
    WHERE n.unique_id = ?3 LIMIT 1
    """)

  private mutating func builtNode(_ node: OutboxItem.Node, in dbtRun: Int64) throws -> DbtNode? {
    let id = try database.prepare(Self.selectBuilt).binding {
      $0(dbtRun)
      $0(node.step)
      $0(node.uniqueID)
    }.firstRow { $0.integer(0) }
    return try id.flatMap { try self.node($0) }
  }

  /// Kept: a START and its end stand together, and siblings read the same nodes.
  private mutating func node(_ id: Int64) throws -> DbtNode? {
    if let known = nodes[id] { return known }
    let node = try database.prepare(Self.selectNode).binding { $0(id) }.firstRow { row in
      var columns = Columns(row)
      return DbtNodeRow.read(&columns)
    }
    if nodes.count >= Self.nodesToKeep { nodes.removeAll(keepingCapacity: true) }
    nodes[id] = node
    return node
  }

  private static let nodesToKeep = 256
  private static let selectNode = SQL("SELECT \(DbtNodeRow.columns) FROM dbt_node WHERE id = ?")

  private func connection(of run: DbtRun) throws -> DbtConnection? {
    guard let account = run.account, let project = run.projectID else { return nil }
    return try database.prepare(Self.selectConnection).binding {
      $0(account)
      $0(project)
    }.firstRow { row in
      var columns = Columns(row)
      return DbtConnection(
        name: columns.optionalText(), type: columns.optionalText(),
        details: ConnectionDetails.read(columns.optionalText() ?? "{}"))
    }
  }

  private static let selectConnection = SQL(
    """
    SELECT name, type, details FROM dbt_project
    WHERE account = ? AND project_id = ? AND (type IS NOT NULL OR details IS NOT NULL)
    """)
}
