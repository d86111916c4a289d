import ExecutionModel

/// Nodes of manifests that were kept lately. The next run of the same job mostly has the same, which then are neither
/// digested nor looked up.
struct RecentNodes {
  private var facts: [String: DbtNode] = [:]
  private var kept: KeptNodes = [:]
  private var moment: NodeHandout.Moment?

  /// Nodes that are remembered at most: some megabytes.
  private let limit: Int

  init(limit: Int = 2000) { self.limit = limit }

  /// Forgets what was handed out at another moment.
  mutating func follow(_ moment: NodeHandout.Moment) {
    if moment != self.moment { (facts, kept, self.moment) = ([:], [:], moment) }
  }

  /// Notes the nodes of a step's manifest.
  mutating func note(_ step: DbtStep, _ kept: KeptNodes) {
    guard step.nodes.count <= limit else { return }
    if facts.count + step.nodes.count > limit { (facts, self.kept) = ([:], [:]) }
    facts.merge(step.nodes) { $1 }
    for uniqueID in step.nodes.keys { self.kept[uniqueID] = kept[uniqueID] }
  }

  /// The nodes that a step speaks of, and others; nil unless all of them are in its manifest and known with the same facts.
  func all(of step: DbtStep) -> KeptNodes? {
    let names = step.nodes.keys
    guard !names.isEmpty, names.count <= facts.count else { return nil }
    for (uniqueID, node) in step.nodes where facts[uniqueID] != node { return nil }
    for index in step.results.indices {
      guard names.contains(step.results[index].uniqueID), step.results[index].inputs.allSatisfy(names.contains) else {
        return nil
      }
    }
    return step.freshness.allSatisfy { names.contains($0.uniqueID) } ? kept : nil
  }
}
