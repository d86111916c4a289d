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
    nodes = [:]
    if let id = runResults.metadata.invocationID, earlier.contains(id) {
      // Not this step's: it is recorded as having none.
      self.runResults = .missing
      self.manifest = .notApplicable
      return .leftByEarlierStep
    }
    invocationID = runResults.metadata.invocationID
    command = runResults.which ?? command
    dbtVersion = runResults.metadata.dbtVersion
    isFullRefresh = runResults.isFullRefresh
    guard runResults.areResults else {
      self.manifest = .notApplicable
      return .noResults
    }
    results = runResults.results
    if results.isEmpty { self.manifest = .notApplicable }
    guard let manifest else { return .filled }
    guard join(manifest, of: runResults.metadata.invocationID) else { return .manifestOfAnotherInvocation }
    for index in results.indices {
      guard let node = manifest.nodes[results[index].uniqueID] else { continue }
      results[index].join(node)
      results[index].inputs = manifest.inputs(of: node)
    }
    return .filled
  }

  /// Puts the rows of sources.json into the step, and the nodes of the manifest of the same invocation.
  public mutating func fill(
    _ freshness: SourceFreshness, manifest: Manifest? = nil, earlier: Set<String> = []
  ) -> Filling {
    self.freshness = []
    nodes = [:]
    if let id = freshness.metadata.invocationID, earlier.contains(id) {
      sources = .missing
      return .leftByEarlierStep
    }
    sources = .fetched
    invocationID = freshness.metadata.invocationID
    dbtVersion = freshness.metadata.dbtVersion
    self.freshness = freshness.rows
    guard let manifest else { return .filled }
    return join(manifest, of: invocationID) ? .filled : .manifestOfAnotherInvocation
  }

  /// dbt writes the same invocation id into all artifacts; where one lacks it nothing speaks against the join.
  private mutating func join(_ manifest: Manifest, of invocation: String?) -> Bool {
    if let invocation, let theirs = manifest.metadata.invocationID, invocation != theirs {
      self.manifest = .invalid
      return false
    }
    self.manifest = .fetched
    adapter = manifest.metadata.adapterType
    projectName = manifest.metadata.projectName
    dbtVersion = dbtVersion ?? manifest.metadata.dbtVersion
    nodes = manifest.nodes
    return true
  }

  /// Adds what the catalog knows to the nodes and results in the step. It is of another invocation: dbt writes it for
  /// `docs generate`, which runs nothing.
  public mutating func add(_ catalog: Catalog) {
    for (id, table) in catalog.nodes { nodes[id]?.join(table) }
    addSizes(of: catalog)
  }

  /// As ``add(_:)``, where the nodes are those of a manifest that was read with the catalog.
  public mutating func addSizes(of catalog: Catalog) {
    self.catalog = .fetched
    for index in results.indices {
      guard let table = catalog.nodes[results[index].uniqueID], results[index].relation != nil else { continue }
      results[index].relationRows = table.rows
      results[index].relationBytes = table.bytes
    }
  }
}

extension DbtNode {
  /// The columns are those of the table, with its types; what the project says about them stays. Warehouses that fold
  /// case have their names in capitals, so names are compared without it.
  ///
  /// A column that the project documents and the table lacks is left out: it is not there.
  public mutating func join(_ table: CatalogNode) {
    guard relation != nil, !table.columns.isEmpty else { return }
    // Mostly all are documented, in their order: then nothing is copied.
    if columns.count == table.columns.count,
      columns.indices.allSatisfy({ columns[$0].name == table.columns[$0].name })
    {
      for index in columns.indices {
        if let type = table.columns[index].type { columns[index].type = type }
        if columns[index].description == nil { columns[index].description = table.columns[index].description }
      }
      return
    }
    let documented = DocumentedColumns(columns)
    var joined = table.columns
    for index in joined.indices {
      guard let ours = documented.index(of: joined[index].name, at: index) else { continue }
      if joined[index].type == nil { joined[index].type = columns[ours].type }
      if let description = columns[ours].description { joined[index].description = description }
    }
    columns = joined
  }
}

/// The columns that a project documents, by name.
private struct DocumentedColumns {
  private let columns: [DbtColumn]
  private let places: [String: Int]
  /// Up to so many are looked through faster than put in order.
  private static let few = 64

  init(_ columns: [DbtColumn]) {
    self.columns = columns
    places =
      columns.count <= Self.few
      ? [:]
      : Dictionary(
        columns.enumerated().map { ($0.element.name.lowercased(), $0.offset) }, uniquingKeysWith: { first, _ in first })
  }

  /// - Parameter index: of the column in its table: most projects document columns in their order.
  func index(of name: String, at index: Int) -> Int? {
    if index < columns.count, columns[index].name == name { return index }
    if columns.count > Self.few { return places[name.lowercased()] }
    return columns.firstIndex { $0.name.isSameWithoutCase(name) }
  }
}

extension DbtNodeResult {
  /// Adds what the manifest knows. A row of `nodes` says more than the parts of the unique_id.
  public mutating func join(_ node: DbtNode) {
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

extension String {
  /// Whether both are the same but for capitals.
  fileprivate func isSameWithoutCase(_ other: String) -> Bool {
    for (one, two) in zip(utf8, other.utf8) {
      if one | two >= 0x80 { return lowercased() == other.lowercased() }
      if one.lowercasedASCII != two.lowercasedASCII { return false }
    }
    return utf8.count == other.utf8.count
  }
}

extension UInt8 {
  fileprivate var lowercasedASCII: UInt8 { (0x41...0x5A).contains(self) ? self | 0x20 : self }
}
