/// What one step of a dbt run did with one node: ran it, or tested it.
public enum DbtNodePart: String, Hashable, Sendable {
  /// A model, seed or snapshot was built; or a test ran that is attached to no node.
  case run
  /// The tests that are attached to the node ran.
  case tests
}

/// A node as one step of a dbt run built or tested it, with everything that an event tells of it.
public struct DbtNodeExecution: Hashable, Sendable {
  /// A result, with its node in the manifest of the same invocation.
  public struct Result: Hashable, Sendable {
    public var result: DbtNodeResult
    public var node: DbtNode

    public init(result: DbtNodeResult, node: DbtNode) {
      self.result = result
      self.node = node
    }
  }

  /// Without results and nodes.
  public var step: DbtStep
  public var node: DbtNode
  public var part: DbtNodePart
  /// The node's own result, or those of its tests.
  public var results: [Result]
  /// The nodes with a relation that were read.
  public var inputs: [DbtNode]
  /// How dbt Cloud reaches the project's warehouse, where that is known.
  public var connection: DbtConnection?

  public init(step: DbtStep, node: DbtNode, part: DbtNodePart, results: [Result], inputs: [DbtNode]) {
    self.step = step
    self.node = node
    self.part = part
    self.results = results
    self.inputs = inputs
  }
}
