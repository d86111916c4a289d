import ExecutionModel
import JSONText

/// The part of `manifest.json` that some results need (schema v7 of dbt 1.3 to v12 of 1.8 and later).
///
/// The file is mapped and read once, front to back. Of a node that was not asked for only its place in the file is
/// remembered; when one that was asked for turns out to read it, it is read from there. Manifests of hundreds of
/// megabytes hold some SQL of each node, of which nothing is read unless it is asked for.
public struct Manifest: Sendable {
  /// Which invocation wrote the file.
  public var metadata = ArtifactMetadata()
  /// By unique_id: those that were asked for, and those with a relation that they read, see ``inputs(of:)``.
  public var nodes: [String: DbtNode] = [:]
  /// What ephemeral models and others without a relation depend on, where something reads through them.
  private var dependenciesPassed: [String: [String]] = [:]

  /// - Parameters:
  ///   - wanted: the unique_ids whose nodes are kept, besides those that they read.
  ///   - keepsSQL: whether `compiled_code` is kept too.
  ///   - catalog: adds columns to the nodes.
  ///   - give: is given each node as soon as it was read, in no certain order; an error may still follow. The columns,
  ///     descriptions, `meta` and SQL of nodes, which are most of a large manifest, are not kept then.
  /// - Throws: ``ArtifactError`` when the file is no JSON or a section with wanted nodes is no object.
  public init(
    path: String, keeping wanted: Set<String>, keepsSQL: Bool = false, catalog: Catalog? = nil,
    giving give: ((DbtNode) -> Void)? = nil
  ) throws(ArtifactError) {
    let name = ArtifactName.manifest.rawValue
    self = try ArtifactError.naming(name) { place in
      var reading = ManifestReading(
        document: try JSONDocument(mappingFile: path), wanted: wanted, keepsSQL: keepsSQL, catalog: catalog)
      return try reading.manifest(&place, giving: give)
    }
  }

  init() {}

  /// The nodes with a relation of their own that a node reads: its `depends_on.nodes`, through ephemeral models (and
  /// whatever else has no relation: metrics, semantic models) to what those read. In the order of `depends_on`, each
  /// once.
  ///
  /// A node that the manifest has nowhere, such as a model of another project that this one has no copy of, stays in
  /// ``DbtNode/dependsOn`` and is no input: nothing tells whether it is a relation, and of which name.
  public func inputs(of node: DbtNode) -> [String] {
    if node.dependsOn.isEmpty { return [] }
    if node.dependsOn.count == 1, node.dependsOn[0] != node.uniqueID, isRelation(node.dependsOn[0]) {
      return node.dependsOn
    }
    var inputs: [String] = []
    var seen: Set = [node.uniqueID]
    // A stack of its own: chains of ephemeral models may be as long as whoever wrote the file likes.
    var open = Array(node.dependsOn.reversed())
    while let id = open.popLast() {
      guard seen.insert(id).inserted else { continue }
      if isRelation(id) {
        inputs.append(id)
      } else if let upstream = nodes[id] {
        open += upstream.dependsOn.reversed()
      } else if let passed = dependenciesPassed[id] {
        open += passed.reversed()
      }
    }
    return inputs
  }

  // A node that is looked up by its name is copied.
  private func isRelation(_ uniqueID: String) -> Bool {
    nodes.index(forKey: uniqueID).map { nodes.values[$0].relation != nil } ?? false
  }

  mutating func pass(_ uniqueID: String, to dependencies: [String]) { dependenciesPassed[uniqueID] = dependencies }

  /// The top-level member that has nodes of this kind. Models, tests, seeds, snapshots, analyses and hooks are all in
  /// `nodes`; `unit_tests` came with dbt 1.8, `functions` with 1.11.
  static func section(ofNode uniqueID: String) -> String {
    switch uniqueID.prefix(while: { $0 != "." }) {
    case "source": "sources"
    case "exposure": "exposures"
    case "unit_test": "unit_tests"
    case "function": "functions"
    case "macro": "macros"
    case "metric": "metrics"
    case "saved_query": "saved_queries"
    case "semantic_model": "semantic_models"
    default: "nodes"
    }
  }
}
