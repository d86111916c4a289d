import ExecutionModel
import Storage

/// The nodes of a step as they stand in the ledger, by unique_id.
typealias KeptNodes = [String: DbtNodeWriter.Kept]

/// Nodes that are in the ledger already, before the run that they belong to.
public struct KeptDbtNodes: Sendable {
  var nodes: KeptNodes = [:]
  /// When the first of them was handed out; nil without any.
  var moment: NodeHandout.Moment?

  public init() {}
}

/// Keeps the nodes of dbt projects, each set of facts once, and gives their rows. Writing them again, or writing them
/// without the results that they belong to, changes nothing that anybody sees.
struct DbtNodeWriter {
  /// What a node has become: its row, and the relation that results need not repeat.
  struct Kept {
    var id: Int64
    var relation: String?
  }

  private let handout: NodeHandout
  private var digest = NodeDigest()
  /// Whether the nodes before were new.
  private var isNew = false

  init(_ handout: NodeHandout) { self.handout = handout }

  private var database: any Database { handout.database }

  mutating func keep(_ node: DbtNode) throws -> Kept { try keep(row(of: node)) }

  /// A node as it is kept.
  private struct Row {
    var node: DbtNode
    var digest: [UInt8]
    var columns, meta: String?

    func bind(to binder: inout Binder) {
      binder(bytes: digest)
      DbtNodeRow.bind(node, columns: columns, meta: meta, to: &binder)
    }
  }

  private mutating func row(of node: DbtNode) throws -> Row {
    let (columns, meta) = (DbtNodeRow.text(node.columns), DbtNodeRow.text(node.meta))
    guard let digest = digest.digest(of: node, columns: columns, meta: meta) else {
      throw LedgerError(.other, path: database.name, detail: "libcrypto does not compute SHA-256")
    }
    return Row(node: node, digest: digest, columns: columns, meta: meta)
  }

  private mutating func keep(_ row: Row) throws -> Kept {
    func find() throws -> Int64? {
      try database.prepare(Self.select).binding { $0(bytes: row.digest) }.firstRow { $0.integer(0) }
    }
    // The nodes of a project are either mostly known or mostly new.
    var id = isNew ? nil : try find()
    if id == nil {
      id = try database.prepare(Self.insert).binding { row.bind(to: &$0) }.insertUnlessKnown()
      isNew = id != nil
    }
    guard let id = try id ?? find() else { throw NothingInserted() }
    try handout.note(id)
    return Kept(id: id, relation: row.node.relation)
  }

  mutating func keep(_ nodes: [DbtNode]) throws -> KeptNodes {
    var kept: KeptNodes = [:]
    kept.reserveCapacity(nodes.count)
    try keep(nodes[...], in: &kept)
    return kept
  }

  mutating func keep(_ nodes: ArraySlice<DbtNode>, in kept: inout KeptNodes) throws {
    guard database.isServer else {
      for node in nodes { kept[node.uniqueID] = try keep(node) }
      return
    }
    for some in slices(of: nodes, Self.atOnce) { try keepSome(some, in: &kept) }
  }

  /// A server is asked once for all of them, and told once.
  private mutating func keepSome(_ nodes: ArraySlice<DbtNode>, in kept: inout KeptNodes) throws {
    let rows = try nodes.map { try row(of: $0) }
    var ids = isNew ? [:] : try find(rows)
    var missing = rows.filter { ids[$0.digest] == nil }
    if missing.count == Self.atOnce {
      let made = try insert(missing)
      isNew = !made.isEmpty
      ids.merge(made) { $1 }
      missing = rows.filter { ids[$0.digest] == nil }
      if !missing.isEmpty { ids.merge(try find(missing)) { $1 } }
    } else {
      isNew = true
      for row in missing { ids[row.digest] = try keep(row).id }
      isNew = missing.count * 2 > rows.count
    }
    for row in rows {
      guard let id = ids[row.digest] else { throw NothingInserted() }
      try handout.note(id)
      kept[row.node.uniqueID] = Kept(id: id, relation: row.node.relation)
    }
  }

  /// By digest.
  private func find(_ rows: [Row]) throws -> [[UInt8]: Int64] {
    try ids(
      database.prepare(Self.selectSome).binding {
        for row in rows { $0(bytes: row.digest) }
        for _ in rows.count..<Self.atOnce { $0(bytes: nil) }
      })
  }

  private func insert(_ rows: [Row]) throws -> [[UInt8]: Int64] {
    try ids(database.prepare(Self.insertSome).binding { for row in rows { row.bind(to: &$0) } })
  }

  private func ids(_ statement: any Statement) throws -> [[UInt8]: Int64] {
    var ids: [[UInt8]: Int64] = [:]
    try statement.forEachRow { ids[$0.optionalBytes(0) ?? []] = $0.integer(1) }
    return ids
  }

  /// So few that a statement stays small, so many that a thousand nodes take few of them.
  private static let atOnce = 32

  private static let select = SQL("SELECT id FROM dbt_node WHERE digest = ?")
  private static let selectSome = SQL("SELECT digest, id FROM dbt_node WHERE digest IN (\(placeholders(atOnce)))")
  private static let insert = SQL(
    "INSERT INTO dbt_node (digest, \(DbtNodeRow.columns)) VALUES \(placeholders(rows: 1, of: 1 + DbtNodeRow.count)) ON CONFLICT (digest) DO NOTHING"
  )
  private static let insertSome = SQL(
    """
    INSERT INTO dbt_node (digest, \(DbtNodeRow.columns))
    VALUES \(placeholders(rows: atOnce, of: 1 + DbtNodeRow.count))
    ON CONFLICT (digest) DO NOTHING RETURNING digest, id
    """)

  /// The nodes that a step speaks of, by unique_id and in its order: those of its manifest, else as much as its results
  /// say of them.
  /// - Parameter known: those of its manifest that are left out.
  static func nodes(of step: DbtStep, but known: KeptNodes = [:]) -> [DbtNode] {
    var nodes = step.nodes.keys.filter { !known.keys.contains($0) }.sorted().compactMap { step.nodes[$0] }
    var seen: Set<String> = []
    func isNew(_ uniqueID: String) -> Bool { !step.nodes.keys.contains(uniqueID) && seen.insert(uniqueID).inserted }
    // By their places: a copy of a result counts references of all its texts.
    for index in step.results.indices where isNew(step.results[index].uniqueID) {
      nodes.append(DbtNode(step.results[index]))
    }
    for freshness in step.freshness where isNew(freshness.uniqueID) {
      nodes.append(DbtNode(uniqueID: freshness.uniqueID))
    }
    for index in step.results.indices {
      for input in step.results[index].inputs where isNew(input) { nodes.append(DbtNode(uniqueID: input)) }
    }
    return nodes
  }
}

extension DbtNode {
  /// What a result says of its node.
  init(_ result: DbtNodeResult) {
    self.init(uniqueID: result.uniqueID)
    resourceType = result.resourceType
    name = result.name
    package = result.package
    path = result.path
    owner = result.owner
    group = result.group
    tags = result.tags
    relation = result.relation
    materialized = result.materialized
    dependsOn = result.dependsOn
    attachedNode = result.attachedNode
    column = result.column
    test = result.test
    severity = result.severity
  }
}
