/// Which room uses which, three times: as Package.swift declares it, as the sources import it, and as
/// docs/ARCHITECTURE.md tells it.
enum Rooms {
  typealias Arrows = [String: Set<String>]

  /// Modules of the toolchain that any room may use.
  static let toolchain: Set<String> = ["Glibc", "Synchronization", "Dispatch", "_StringProcessing"]

  /// The targets of Package.swift that are no tests, with their dependencies.
  static func declared(in manifest: String) -> Arrows {
    var arrows: Arrows = [:]
    for opening in ["system(", "room(", ".target(", ".executableTarget("] {
      for range in manifest.ranges(of: opening) {
        let before = manifest[..<range.lowerBound]
        // Neither the definition of a helper nor what the helper itself makes.
        if before.hasSuffix("func ") || (before.last?.isLetter ?? false) { continue }
        let call = balanced(manifest[range.upperBound...])
        guard let name = call.quoted.first, name != "\\(name)", !call.contains("Tests/") else { continue }
        arrows[name] = Set(dependencies(in: call, isRoom: opening == "room("))
      }
    }
    return arrows
  }

  private static func dependencies(in call: String, isRoom: Bool) -> [String] {
    let label = isRoom ? "[" : "dependencies: ["
    guard let start = call.ranges(of: label).first else { return [] }
    let list = call[start.upperBound...].prefix { $0 != "]" }
    // A room without a list may still have resources.
    if isRoom, call[..<start.lowerBound].contains(":") { return [] }
    return String(list).quoted
  }

  /// `text` up to the parenthesis that closes the one before it.
  private static func balanced(_ text: Substring) -> String {
    var depth = 1
    for index in text.indices {
      if text[index] == "(" { depth += 1 }
      if text[index] == ")" { depth -= 1 }
      if depth == 0 { return String(text[..<index]) }
    }
    return String(text)
  }

  /// The modules that a source file imports.
  static func imports(of source: String) -> Set<String> {
    var found: Set<String> = []
    for line in source.split(separator: "\n") {
      // `@testable import X`, `public import X`, `import struct X.Y`
      var words = line.split(separator: " ").map(String.init)[...]
      while let first = words.first,
        first.hasPrefix("@") || ["public", "package", "internal", "private"].contains(first)
      {
        words = words.dropFirst()
      }
      guard words.first == "import", let last = words.last else { continue }
      found.insert(String(last.prefix { $0 != "." }))
    }
    return found
  }

  /// What a room's sources import of the project.
  static func imported(by room: String) throws -> Set<String> {
    var found: Set<String> = []
    for path in try Repository.swiftFiles(of: room) { found.formUnion(imports(of: try Repository.text(path))) }
    return found.subtracting(toolchain)
  }

  /// The table of docs/ARCHITECTURE.md: `| room | what lives there | may import |`.
  static func told(in document: String) -> Arrows {
    var arrows: Arrows = [:]
    var isTable = false
    for line in document.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("| room ") { isTable = true }
      guard line.hasPrefix("|") else {
        isTable = false
        continue
      }
      let cells = line.split(separator: "|").map(String.init)
      guard isTable, cells.count == 3 else { continue }
      for room in cells[0].codeSpans { arrows[room] = Set(cells[2].codeSpans) }
    }
    return arrows
  }

  /// Every room that can be come to from `room`.
  static func reachable(from room: String, _ arrows: Arrows) -> Set<String> {
    var found: Set<String> = []
    var open = [room]
    while let next = open.popLast() {
      for other in arrows[next] ?? [] where found.insert(other).inserted { open.append(other) }
    }
    return found
  }

  /// What breaks the rules that no table may change.
  static func forbidden(in arrows: Arrows) -> [String] {
    var faults: [String] = []
    for room in ["Sinks", "DbtCloud", "Ledger", "Records", "Correlation"] {
      let reached = reachable(from: room, arrows)
      if reached.contains("AirflowSource") { faults.append("\(room) reaches AirflowSource") }
    }
    let pure = ["ExecutionModel", "Correlation", "DbtArtifacts", "Records", "OpenLineage"]
    let means: Set = ["Postgres", "SQLite", "HTTPClient", "Platform", "CLibPQ", "CSQLite", "CCurl", "CPlatform"]
    for room in pure {
      let used = reachable(from: room, arrows).intersection(means)
      if !used.isEmpty { faults.append("\(room) is pure and reaches \(used.sorted())") }
    }
    let encoder = (arrows["OpenLineage"] ?? []).subtracting(["ExecutionModel", "JSONText", "CCrypto"])
    if !encoder.isEmpty { faults.append("the encoder OpenLineage uses \(encoder.sorted())") }
    for (room, used) in arrows.sorted(by: { $0.key < $1.key }) {
      if used.contains("Engine"), room != "airflow-syncer" { faults.append("\(room) uses Engine") }
      if reachable(from: room, arrows).contains(room) { faults.append("\(room) reaches itself") }
    }
    if let used = arrows["ExecutionModel"], !used.isEmpty { faults.append("ExecutionModel uses \(used.sorted())") }
    return faults
  }
}
