import ExecutionModel
import Storage

/// The nodes of a step as they stand in the ledger, by unique_id.
typealias KeptNodes = [String: DbtNodeWriter.Kept]

/// Nodes that are in the ledger already, before the run that they belong to.
public struct KeptDbtNodes: Sendable {
  var nodes: KeptNodes = [:]

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

  let database: any Database
  private let witness: NodeWitness
  private var digest = NodeDigest()
  /// Whether the node before this one was new.
  private var isNew = false

  init(database: any Database, witness: NodeWitness = NodeWitness()) {
    self.database = database
    self.witness = witness
  }

  mutating func keep(_ node: DbtNode) throws -> Kept {
    let (columns, meta) = (DbtNodeRow.text(node.columns), DbtNodeRow.text(node.meta))
    guard let digest = digest.digest(of: node, columns: columns, meta: meta) else {
      throw LedgerError(.other, path: database.name, detail: "libcrypto does not compute SHA-256")
    }
    func find() throws -> Int64? {
      try database.prepare(Self.select).binding { $0(bytes: digest) }.firstRow { $0.integer(0) }
    }
    // The nodes of a project are either mostly known or mostly new.
    var id = isNew ? nil : try find()
    if id == nil {
      id = try database.prepare(Self.insert).binding {
        $0(bytes: digest)
        DbtNodeRow.bind(node, columns: columns, meta: meta, to: &$0)
      }.insertUnlessKnown()
      isNew = id != nil
    }
    guard let id = try id ?? find() else { throw NothingInserted() }
    witness.note(id)
    return Kept(id: id, relation: node.relation)
  }

  mutating func keep(_ nodes: [DbtNode]) throws -> KeptNodes {
    var kept: KeptNodes = [:]
    kept.reserveCapacity(nodes.count)
    for node in nodes { kept[node.uniqueID] = try keep(node) }
    return kept
  }

  private static let select = SQL("SELECT id FROM dbt_node WHERE digest = ?")
  private static let insert = SQL(
    "INSERT INTO dbt_node (digest, \(DbtNodeRow.columns)) VALUES (\(placeholders(1 + DbtNodeRow.count))) ON CONFLICT (digest) DO NOTHING"
  )

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
