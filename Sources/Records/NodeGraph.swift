import ExecutionModel

/// What the results of one dbt run say of each other: who reads whom.
public struct NodeGraph: Sendable {
  /// A result, as far as it matters to the others.
  public struct Node: Hashable, Sendable {
    public var uniqueID: String
    public var name: String?
    public var status: String
    public var failures: Int64?
    public var message: String?
    /// What it reads, through ephemeral models too.
    public var reads: Set<String>
    public var attachedNode: String?

    public init(uniqueID: String, status: String) {
      self.uniqueID = uniqueID
      self.status = status
      reads = []
    }

    var isTest: Bool { uniqueID.hasPrefix("test.") || uniqueID.hasPrefix("unit_test.") }
    /// Failed, could not be done, or was skipped because of others.
    var isInTrouble: Bool { status == "skipped" || !RecordOptions.passedStatuses.contains(status) }
  }

  private var nodes: [String: Node] = [:]
  private var readers: [String: [String]] = [:]

  /// - Parameter results: in the run's order; of a node that comes twice, the last counts.
  public init(_ results: [Node]) {
    for node in results { nodes[node.uniqueID] = node }
    for node in nodes.values { for read in node.reads { readers[read, default: []].append(node.uniqueID) } }
  }

  /// The tests of a node: attached to it, or reading it where they are attached to none.
  public func tests(of uniqueID: String) -> Set<String> {
    Set(
      (readers[uniqueID] ?? []).filter { id in
        guard let node = nodes[id], node.isTest else { return false }
        return node.attachedNode.map { $0 == uniqueID } ?? true
      })
  }

  /// What failed or was skipped of all that a node is made from, and of the tests of that.
  public func troubleUpstream(of uniqueID: String) -> [Node] {
    let above = reached(from: uniqueID) { nodes[$0].map { Array($0.reads) } ?? [] }
    let tests = above.reduce(into: Set<String>()) { $0.formUnion(self.tests(of: $1)) }
    // A test that reads something else too says nothing of these alone.
    let telling = tests.filter { id in nodes[id].map { $0.attachedNode != nil || $0.reads.isSubset(of: above) } ?? false
    }
    return trouble(above.union(telling), except: uniqueID)
  }

  /// What failed or was skipped of all that is made from a node, and of the tests of it and of that.
  public func troubleDownstream(of uniqueID: String) -> [Node] {
    trouble(reached(from: uniqueID) { readers[$0] ?? [] }, except: uniqueID)
  }

  private func trouble(_ ids: Set<String>, except uniqueID: String) -> [Node] {
    ids.filter { $0 != uniqueID }.compactMap { nodes[$0] }.filter(\.isInTrouble).sorted { left, right in
      // What failed is the cause, what was skipped the consequence.
      let ranks = (left.status == "skipped" ? 1 : 0, right.status == "skipped" ? 1 : 0)
      return ranks.0 != ranks.1 ? ranks.0 < ranks.1 : left.uniqueID < right.uniqueID
    }
  }

  private func reached(from uniqueID: String, _ next: (String) -> [String]) -> Set<String> {
    var reached: Set<String> = []
    var waiting = next(uniqueID)
    while let id = waiting.popLast() {
      if reached.insert(id).inserted { waiting += next(id) }
    }
    return reached
  }
}
