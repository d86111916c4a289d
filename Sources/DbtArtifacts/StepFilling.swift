import ExecutionModel

extension DbtStep {
  /// What became of the artifacts of a step.
  public enum Filling: Hashable, Sendable {
    /// Results or freshness are in the step now.
    case filled
    /// The file is of an invocation that an earlier step of the run has already: dbt ended before it wrote its own.
    case leftByEarlierStep
    /// The rows of `docs generate`, `compile` and the like are no results.
    case noResults
    /// Results are in the step, but the manifest is of another invocation and added nothing.
    case manifestOfAnotherInvocation
  }

  /// Puts the rows of run_results into the step, joined with the nodes of the manifest of the same invocation.
  ///
  /// - Parameters:
  ///   - runResults: what was read of run_results.json.
  ///   - manifest: what was read of manifest.json; nil when there is none. ``manifest`` (the state) is set by the caller
  ///     then.
  ///   - earlier: the invocation ids of the steps before this one: dbt Cloud keeps the target directory between steps.
  public mutating func fill(_ runResults: RunResults, manifest: Manifest?, earlier: Set<String> = []) -> Filling {
    self.runResults = .fetched
    results = []
    if let id = runResults.metadata.invocationID, earlier.contains(id) {
      // Not this step's: it is recorded as having none.
      self.runResults = .missing
      self.manifest = .notApplicable
      return .leftByEarlierStep
    }
    invocationID = runResults.metadata.invocationID
    command = runResults.which ?? command
    guard runResults.areResults else {
      self.manifest = .notApplicable
      return .noResults
    }
    results = runResults.results
    if results.isEmpty { self.manifest = .notApplicable }
    guard let manifest else { return .filled }
    // dbt writes the same invocation id into both; where one lacks it nothing speaks against the join.
    if let ours = runResults.metadata.invocationID, let theirs = manifest.metadata.invocationID, ours != theirs {
      self.manifest = .invalid
      return .manifestOfAnotherInvocation
    }
    self.manifest = .fetched
    for index in results.indices {
      if let node = manifest.nodes[results[index].uniqueID] { results[index].join(node) }
    }
    return .filled
  }

  /// Puts the rows of sources.json into the step.
  public mutating func fill(_ freshness: SourceFreshness, earlier: Set<String> = []) -> Filling {
    self.freshness = []
    if let id = freshness.metadata.invocationID, earlier.contains(id) {
      sources = .missing
      return .leftByEarlierStep
    }
    sources = .fetched
    invocationID = freshness.metadata.invocationID
    self.freshness = freshness.rows
    return .filled
  }
}

extension DbtNodeResult {
  /// Adds what the manifest knows. A row of `nodes` says more than the parts of the unique_id.
  public mutating func join(_ node: ManifestNode) {
    resourceType = node.resourceType ?? resourceType
    name = node.name
    package = node.package ?? package
    path = node.path
    owner = node.owner
    group = node.group
    tags = node.tags
    relation = node.relation
    dependsOn = node.dependsOn
    attachedNode = node.attachedNode
    column = node.column
    test = node.test
    severity = node.severity
  }
}
