import ExecutionModel
import JSONText

/// One reading of a manifest, front to back.
struct ManifestReading {
  let document: JSONDocument
  let wanted: Set<String>
  let keepsSQL: Bool
  let catalog: Catalog?
  private var pool = TextPool.ofArtifact()
  /// Where nodes that were not asked for stand in the file. A node may be read by one that comes before it.
  private var places: [String: Range<Int>] = [:]

  /// Sections that have what other nodes may read.
  private static let readableSections: Set = [
    "nodes", "sources", "functions", "metrics", "saved_queries", "semantic_models",
  ]
  private static let artifact = ArtifactName.manifest.rawValue

  init(document: JSONDocument, wanted: Set<String>, keepsSQL: Bool, catalog: Catalog?) {
    self.document = document
    self.wanted = wanted
    self.keepsSQL = keepsSQL
    self.catalog = catalog
  }

  mutating func manifest(_ place: inout ReadingPlace, giving give: ((DbtNode) -> Void)?) throws -> Manifest {
    var sectionsWanted: Set<String> = []
    for uniqueID in wanted { sectionsWanted.insert(Manifest.section(ofNode: uniqueID)) }
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
        try readSection(&value, into: &manifest, &place, give)
      }
    }
    try readUpstream(into: &manifest, &place, give)
    return manifest
  }

  private mutating func readSection(
    _ section: inout JSONCursor, into manifest: inout Manifest, _ place: inout ReadingPlace,
    _ give: ((DbtNode) -> Void)?
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
      // Assigning through the subscript would copy the node.
      manifest.nodes.updateValue(Self.given(try node(uniqueID, &value), to: give), forKey: uniqueID)
    }
    place.member = nil
  }

  /// Reads the nodes that those asked for read, through ephemeral models.
  private mutating func readUpstream(
    into manifest: inout Manifest, _ place: inout ReadingPlace, _ give: ((DbtNode) -> Void)?
  ) throws {
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
        manifest.nodes.updateValue(Self.given(node, to: give), forKey: id)
      } else {
        manifest.pass(id, to: node.dependsOn)
        open += node.dependsOn
      }
    }
  }

  /// What is kept of a node that is given away.
  private static func given(_ node: DbtNode, to give: ((DbtNode) -> Void)?) -> DbtNode {
    guard let give else { return node }
    give(node)
    var rest = node
    (rest.columns, rest.meta, rest.description, rest.sql) = ([], [], nil, nil)
    return rest
  }

  private mutating func node(_ uniqueID: String, _ value: inout JSONCursor) throws -> DbtNode {
    let type = uniqueID.utf8.firstIndex(of: UInt8(ascii: ".")).map { String(uniqueID[..<$0]) }
    var node = try DbtNode(uniqueID, reading: &value, resourceType: type ?? uniqueID, keepsSQL: keepsSQL, &pool)
    if let table = catalog?.nodes[uniqueID] { node.join(table) }
    return node
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
