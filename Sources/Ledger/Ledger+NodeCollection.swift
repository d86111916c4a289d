import ExecutionModel
import Storage

/// The search for nodes that nothing names any more, between two steps.
struct NodeCollection {
  var number: Int64
  /// Nodes that were there when it began.
  var newest: Int64
  /// The last result that was looked at; nil when all were.
  var result: (run: Int64, step: Int64, position: Int64)? = (0, Int64.min, Int64.min)
  /// Nodes that results name as their inputs.
  var read: Set<Int64> = []
  /// The last node that was looked at.
  var node: Int64 = 0
}

extension Ledger {
  private static let resultsOfSlice = 5000
  private static let nodesOfSlice = 500

  /// One step of deleting nodes that no result, check or list of inputs names any more, where dbt runs were deleted since
  /// the last time, or it did not come to its end then.
  public func collectNodes() throws -> (deleted: Int, isFinished: Bool) {
    guard var collection = nodeCollection else {
      guard try read({ try $0.integer("SELECT is_wanted + is_under_way FROM node_collection") ?? 0 }) > 0 else {
        return (0, true)
      }
      nodeCollection = try write(begin)
      return (0, false)
    }
    if collection.result != nil {
      try readInputs(&collection)
      nodeCollection = collection
      return (0, false)
    }
    // What fails, or finds that another began, begins anew.
    nodeCollection = nil
    let (deleted, isFinished) = try write { try deleteNodes(&collection, in: $0) }
    if !isFinished { nodeCollection = collection }
    return (deleted, isFinished)
  }

  /// From here on, who is handed a node says so.
  private func begin(in database: any Database) throws -> NodeCollection {
    try database.execute(
      "UPDATE node_collection SET number = number + 1, is_under_way = 1, is_wanted = 0; DELETE FROM node_handed_out")
    return NodeCollection(
      number: try database.integer("SELECT number FROM node_collection") ?? 0,
      newest: try database.integer("SELECT max(id) FROM dbt_node") ?? 0)
  }

  private func readInputs(_ collection: inout NodeCollection) throws {
    guard let from = collection.result else { return }
    var count = 0
    var last = from
    try read { database in
      try database.prepare(Self.selectInputs).binding {
        $0(from.run)
        $0(from.step)
        $0(from.position)
        $0(Self.resultsOfSlice)
      }.forEachRow { row in
        count += 1
        last = (row.integer(0), row.integer(1), row.integer(2))
        if let inputs = row.optionalText(3) { collection.read.formUnion(DbtResultRow.inputs(inputs)) }
      }
    }
    collection.result = count < Self.resultsOfSlice ? nil : last
  }

  private func deleteNodes(
    _ collection: inout NodeCollection, in database: any Database
  ) throws -> (deleted: Int, isFinished: Bool) {
    guard try database.integer("SELECT number FROM node_collection") == collection.number else { return (0, true) }
    let nodes = try database.prepare(Self.selectNodes).binding {
      $0(collection.node)
      $0(collection.newest)
      $0(Self.nodesOfSlice)
    }.rows { (id: $0.integer(0), isNamed: $0.bool(1)) }
    var deleted = 0
    for node in nodes {
      collection.node = node.id
      guard !node.isNamed, !collection.read.contains(node.id) else { continue }
      try database.prepare(Self.delete).binding { $0(node.id) }.run()
      deleted += 1
    }
    guard nodes.count < Self.nodesOfSlice else { return (deleted, false) }
    try database.execute("UPDATE node_collection SET is_under_way = 0; DELETE FROM node_handed_out")
    return (deleted, true)
  }

  private static let selectInputs = SQL(
    """
    SELECT dbt_run, step_index, position, inputs FROM dbt_result
    WHERE (dbt_run, step_index, position) > (?1, ?2, ?3) ORDER BY dbt_run, step_index, position LIMIT ?4
    """)
  private static let selectNodes = SQL(
    """
    SELECT n.id, EXISTS (SELECT 1 FROM dbt_result r WHERE r.node = n.id)
      OR EXISTS (SELECT 1 FROM dbt_check c WHERE c.node = n.id)
      OR EXISTS (SELECT 1 FROM node_handed_out h WHERE h.node = n.id)
    FROM dbt_node n WHERE n.id > ?1 AND n.id <= ?2 ORDER BY n.id LIMIT ?3
    """)
  private static let delete = SQL("DELETE FROM dbt_node WHERE id = ?")
}
