import JSONText

/// The part of `manifest.json` that some results need (schema v7 of dbt 1.3 to v12 of 1.8 and later).
///
/// The file is streamed: manifests of hundreds of megabytes hold some SQL of each node, of which nothing is read.
public struct Manifest: Sendable {
  /// Which invocation wrote the file.
  public var metadata = ArtifactMetadata()
  /// By unique_id; only those that were asked for.
  public var nodes: [String: ManifestNode] = [:]

  /// - Parameter wanted: the unique_ids whose nodes are kept.
  /// - Throws: ``ArtifactError`` when the file is no JSON or a section with wanted nodes is no object.
  public init(path: String, keeping wanted: Set<String>) throws(ArtifactError) {
    let name = ArtifactName.manifest.rawValue
    let sections = Set(wanted.map { Self.section(ofNode: $0) })
    var read = Manifest()
    var pool = StringPool()
    try ArtifactError.reading(path, as: name) { cursor, place in
      try cursor.object { key, value in
        place = ReadingPlace(section: "")
        if key == "metadata" {
          place.section = "metadata"
          read.metadata = try ArtifactMetadata(reading: &value)
          return
        }
        guard let section = sections.first(where: { $0 == key.string }) else { return }
        place.section = section
        guard value.isObject else {
          throw ArtifactError(kind: .unexpectedShape, artifact: name, place: section, message: "an object was expected")
        }
        try value.object { key, value in
          let uniqueID = key.string
          guard wanted.contains(uniqueID) else { return }
          place.member = uniqueID
          guard value.isObject else {
            throw ArtifactError(
              kind: .unexpectedShape, artifact: name, place: place.text, message: "an object was expected")
          }
          let type = uniqueID.split(separator: ".", maxSplits: 1).first.map(String.init)
          read.nodes[uniqueID] = try ManifestNode(reading: &value, resourceType: type, &pool)
        }
        place.member = nil
      }
    }
    self = read
  }

  init() {}

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
