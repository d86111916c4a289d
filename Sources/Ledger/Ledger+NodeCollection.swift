import ExecutionModel
import Storage
import Synchronization

/// Who was handed a node lately: it may be about to be named.
final class NodeWitness: Sendable {
  private let seen = Mutex<Set<Int64>?>(nil)

  func begin() { seen.withLock { $0 = [] } }
  func end() { seen.withLock { $0 = nil } }
  func note(_ id: Int64) { seen.withLock { _ = $0?.insert(id) } }
  func hasSeen(_ id: Int64) -> Bool { seen.withLock { $0?.contains(id) ?? true } }
}

/// The search for nodes that nothing names any more, between two steps.
struct NodeCollection {
  var startedAt: Int64
  /// Nodes that were there when it began.
  var newest: Int64
  /// The last result that was looked at; nil when all were.
  var result: (run: Int64, step: Int64, position: Int64)? = (0, Int64.min, Int64.min)
  /// Nodes that results name as their inputs, and those of checks.
  var read: Set<Int64> = []
  /// The last node that was looked at.
  var node: Int64 = 0
}

extension Ledger {
  /// Microseconds after which whoever was handed a node before the search has named it.
  private static let nodeGrace: Int64 = 3_600_000_000
  private static let resultsOfSlice = 5000
  private static let nodesOfSlice = 500

  /// One step of deleting nodes that no result, check or list of inputs names any more. `isWaiting`: nothing can be done for a
  /// while.
  public func collectNodes() throws -> (deleted: Int, isFinished: Bool, isWaiting: Bool) {
    let now = now
    guard var collection = nodeCollection else {
      // Who hands out nodes from memory hands them out from the table from here on.
      recentNodes = RecentNodes()
      nodeWitness.begin()
      let newest = try read { try $0.integer("SELECT max(id) FROM dbt_node") ?? 0 }
      nodeCollection = NodeCollection(startedAt: now, newest: newest)
      return (0, false, true)
    }
    if now >= collection.startedAt, now < collection.startedAt + Self.nodeGrace { return (0, false, true) }
    if collection.result != nil {
      try readInputs(&collection)
      nodeCollection = collection
      return (0, false, false)
    }
    let before = collection.node
    let deleted = try write { try deleteNodes(&collection, in: $0) }
    nodeCollection = collection
    guard collection.node == before || collection.node >= collection.newest else { return (deleted, false, false) }
    nodeCollection = nil
    nodeWitness.end()
    return (deleted, true, false)
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
    guard collection.result == nil else { return }
    let checked = try read { try $0.prepare("SELECT DISTINCT node FROM dbt_check").rows { $0.integer(0) } }
    collection.read.formUnion(checked)
  }

  private func deleteNodes(_ collection: inout NodeCollection, in database: any Database) throws -> Int {
    let nodes = try database.prepare(Self.selectNodes).binding {
      $0(collection.node)
      $0(collection.newest)
      $0(Self.nodesOfSlice)
    }.rows { (id: $0.integer(0), isNamed: $0.bool(1)) }
    var deleted = 0
    for node in nodes {
      collection.node = node.id
      guard !node.isNamed, !collection.read.contains(node.id), !nodeWitness.hasSeen(node.id) else { continue }
      try database.prepare("DELETE FROM dbt_node WHERE id = ?").binding { $0(node.id) }.run()
      deleted += 1
    }
    return deleted
  }

  private static let selectInputs = SQL(
    """
    SELECT dbt_run, step_index, position, inputs FROM dbt_result
    WHERE (dbt_run, step_index, position) > (?1, ?2, ?3) ORDER BY dbt_run, step_index, position LIMIT ?4
    """)
  private static let selectNodes = SQL(
    """
    SELECT n.id, EXISTS (SELECT 1 FROM dbt_result r WHERE r.node = n.id)
    FROM dbt_node n WHERE n.id > ?1 AND n.id <= ?2 ORDER BY n.id LIMIT ?3
    """)
}
