import ExecutionModel
import JSONText

/// One reading of a manifest, front to back.
struct ManifestReading {
  let document: JSONDocument
  let wanted: Set<String>
  let keepsSQL: Bool
  private var pool = StringPool()
  /// Where nodes that were not asked for stand in the file. A node may be read by one that comes before it.
  private var places: [String: Range<Int>] = [:]

  /// Sections that have what other nodes may read.
  private static let readableSections: Set = [
    "nodes", "sources", "functions", "metrics", "saved_queries", "semantic_models",
  ]
  private static let artifact = ArtifactName.manifest.rawValue

  init(document: JSONDocument, wanted: Set<String>, keepsSQL: Bool) {
    self.document = document
    self.wanted = wanted
    self.keepsSQL = keepsSQL
  }

  mutating func manifest(_ place: inout ReadingPlace) throws -> Manifest {
    let sectionsWanted = Set(wanted.map { Manifest.section(ofNode: $0) })
    let sections = sectionsWanted.union(wanted.isEmpty ? [] : Self.readableSections)
    var manifest = Manifest()
    manifest.nodes.reserveCapacity(wanted.count)
    try document.read { cursor in
      guard cursor.isObject else { throw ArtifactError.noObject(Self.artifact) }
      try cursor.object { key, value in
        place = ReadingPlace()
        if key == "metadata" {
          place.section = "metadata"
          manifest.metadata = try ArtifactMetadata(reading: &value)
          return
        }
        let section = key.string
        guard sections.contains(section) else { return }
        place.section = section
        guard value.isObject else {
          if sectionsWanted.contains(section) { throw noObject(at: place) }
          return
        }
        try readSection(&value, into: &manifest, &place)
      }
    }
    try readUpstream(into: &manifest, &place)
    return manifest
  }

  private mutating func readSection(
    _ section: inout JSONCursor, into manifest: inout Manifest, _ place: inout ReadingPlace
  ) throws {
    try section.object { key, value in
      let uniqueID = key.string
      guard wanted.contains(uniqueID) else {
        guard Self.mayBeRead(uniqueID) else { return }
        let start = value.byteOffset
        try value.skip()
        places[uniqueID] = start..<value.byteOffset
        return
      }
      place.member = uniqueID
      guard value.isObject else { throw noObject(at: place) }
      manifest.nodes[uniqueID] = try node(uniqueID, &value)
    }
    place.member = nil
  }

  /// Reads the nodes that those asked for read, through ephemeral models.
  private mutating func readUpstream(into manifest: inout Manifest, _ place: inout ReadingPlace) throws {
    var open: [String] = []
    for node in manifest.nodes.values { open += node.dependsOn }
    while let id = open.popLast() {
      guard let range = places.removeValue(forKey: id) else { continue }
      place = ReadingPlace(section: Manifest.section(ofNode: id), member: id)
      let node: DbtNode? = try document.read(bytes: range) { value in
        // One that nobody asked for may be anything, as long as it is JSON.
        value.isObject ? try self.node(id, &value) : nil
      }
      guard let node else { continue }
      if node.relation != nil {
        manifest.nodes[id] = node
      } else {
        manifest.pass(id, to: node.dependsOn)
        open += node.dependsOn
      }
    }
  }

  private mutating func node(_ uniqueID: String, _ value: inout JSONCursor) throws -> DbtNode {
    let type = uniqueID.split(separator: ".", maxSplits: 1).first.map(String.init)
    return try DbtNode(uniqueID, reading: &value, resourceType: type, keepsSQL: keepsSQL, &pool)
  }

  /// Nothing depends on a test, a hook, an analysis or an exposure.
  private static func mayBeRead(_ uniqueID: String) -> Bool {
    switch uniqueID.prefix(while: { $0 != "." }) {
    case "test", "unit_test", "operation", "analysis", "exposure", "macro": false
    default: true
    }
  }

  private func noObject(at place: ReadingPlace) -> ArtifactError {
    ArtifactError(
      kind: .unexpectedShape, artifact: Self.artifact, place: place.text, message: "an object was expected")
  }
}
