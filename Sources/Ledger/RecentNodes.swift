import ExecutionModel

/// Nodes of manifests that were kept lately. The next run of the same job mostly has the same, which then are neither
/// digested nor looked up.
struct RecentNodes {
  private var nodes: [String: (facts: DbtNode, kept: DbtNodeWriter.Kept)] = [:]

  /// Nodes that are remembered at most: some megabytes.
  private let limit: Int

  init(limit: Int = 2000) { self.limit = limit }

  /// Notes the nodes of a step's manifest.
  mutating func note(_ step: DbtStep, _ kept: KeptNodes) {
    guard step.nodes.count <= limit else { return }
    if nodes.count + step.nodes.count > limit { nodes = [:] }
    for (uniqueID, facts) in step.nodes { if let kept = kept[uniqueID] { nodes[uniqueID] = (facts, kept) } }
  }

  /// The nodes that a step speaks of; nil unless all of them are in its manifest and known with the same facts.
  func all(of step: DbtStep) -> KeptNodes? {
    guard !step.nodes.isEmpty, step.nodes.count <= nodes.count else { return nil }
    var kept: KeptNodes = [:]
    kept.reserveCapacity(step.nodes.count)
    for (uniqueID, facts) in step.nodes {
      guard let known = nodes[uniqueID], known.facts == facts else { return nil }
      kept[uniqueID] = known.kept
    }
    let areNamed = step.results.allSatisfy { kept[$0.uniqueID] != nil && $0.inputs.allSatisfy { kept[$0] != nil } }
    return areNamed && step.freshness.allSatisfy { kept[$0.uniqueID] != nil } ? kept : nil
  }
}
