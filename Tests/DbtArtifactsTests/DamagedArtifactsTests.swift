import ExecutionModel
import JSONText
import TestServers
import Testing

@testable import DbtArtifacts

/// Nothing that a file holds may end the process, or give anything but an ``ArtifactError``.
@Suite struct DamagedArtifactsTests {
  private static let files = Folders.all.flatMap { folder in
    let names: [ArtifactName] = Folders.withoutResults.contains(folder) ? [.sources] : [.runResults, .manifest]
    return (names + (Folders.withCatalog.contains(folder) ? [.catalog] : [])).map { (folder, $0) }
  }

  private static func read(_ name: ArtifactName, _ path: String) throws {
    switch name {
    case .runResults: _ = try RunResults(path: path)
    case .sources: _ = try SourceFreshness(path: path)
    case .manifest: _ = try Manifest(path: path, keeping: wanted, keepsSQL: true)
    case .catalog: _ = try Catalog(path: path, keeping: wanted)
    }
  }

  private static let wanted: Set = [
    "model.jaffle_ops.fct_orders", "seed.jaffle_ops.country_codes", "exposure.jaffle_ops.weekly_revenue_dashboard",
    "unit_test.jaffle_ops.doubled.test_doubled", "snapshot.jaffle_ops.orders_snapshot", "source.jaffle_ops.raw.orders",
    "test.jaffle_ops.unique_fct_orders_order_id.523ddb6ce5",
    "test.jaffle_ops.source_unique_raw_customers_id.9027d6b367",
  ]

  @Test(arguments: files)
  func aFileThatWasCutOffIsRefusedWhereverItEnds(_ folder: String, _ name: ArtifactName) throws {
    let text = try Fixtures.text("dbt/\(folder)/\(name.rawValue)")
    let bytes = Array(text.utf8)
    let folder = try TemporaryFolder()
    for percent in 0..<100 {
      let path = try folder.write(Array(bytes.prefix(bytes.count * percent / 100)), to: name.rawValue)
      let error = #expect(throws: ArtifactError.self, "\(percent) %") { try Self.read(name, path) }
      #expect(error?.kind == .notJSON, "\(percent) %: \(error?.description ?? "")")
      #expect(error?.artifact == name.rawValue)
    }
  }

  /// A few rows of each kind: small, so that every value in it can be replaced.
  private static func small(_ name: ArtifactName) throws -> JSONValue {
    let folder =
      switch name {
      case .sources: "1.7-postgres/09_source_freshness"
      case .catalog: "1.12-postgres/08_docs_generate"
      case .manifest, .runResults: "1.12-postgres/07_build"
      }
    let whole = try JSONValue(parsing: try Fixtures.text("dbt/\(folder)/\(name.rawValue)"))
    guard case .object(var members) = whole else { return whole }
    for index in members.indices {
      switch members[index].value {
      case .array(let rows): members[index].value = .array(Array(rows.prefix(3)))
      case .object(let nodes) where members[index].name != "metadata" && members[index].name != "args":
        members[index].value = .object(nodes.filter { wanted.contains($0.name) })
      default: break
      }
    }
    return .object(members)
  }

  @Test(arguments: ArtifactName.allCases)
  func aValueOfAnyOtherTypeAnywhereIsTakenOrRefused(_ name: ArtifactName) throws {
    let document = try Self.small(name)
    let others: [JSONValue] = [
      .null, .bool(true), .number("-7"), .number("1e400"), .string("x"), .array([.number("1")]),
      .object([.init("a", .null)]),
    ]
    let folder = try TemporaryFolder()
    var count = 0
    for position in 1..<document.count {
      for other in others {
        var remaining = position
        let mutated = document.replacing(&remaining, with: other)
        let path = try folder.write(mutated.rawJSON.text, to: name.rawValue)
        do {
          try Self.read(name, path)
        } catch let error as ArtifactError {
          #expect(error.kind == .unexpectedShape, "\(error)")
          #expect(error.artifact == name.rawValue)
          #expect(!error.place.isEmpty || error.message.contains("results"), "\(error)")
        }
        count += 1
      }
    }
    #expect(count > 400)
  }

  /// Values that are no damage to the grammar of JSON and yet nothing that dbt writes.
  private static let oddities: [(String, String)] = [
    ("200 levels deep", String(repeating: #"{"a":["#, count: 100) + String(repeating: "]}", count: 100)),
    ("duplicate keys", #"{"unique_id":"x","unique_id":"y","status":"z","status":"pass"}"#),
    ("a long number", String(repeating: "9", count: 100_000)),
    ("half a surrogate pair", #""\ud800 \udc00\ud800""#),
    ("a NUL", #""a\u0000b""#),
  ]
  @Test(arguments: ArtifactName.allCases, oddities)
  func anOddValueAnywhereIsTakenOrRefused(_ name: ArtifactName, _ oddity: (String, String)) throws {
    let document = try Self.small(name)
    let folder = try TemporaryFolder()
    let mark = "the odd value stands here"
    for position in 1..<document.count {
      var remaining = position
      let text = document.replacing(&remaining, with: .string(mark)).rawJSON.text
      let path = try folder.write(text.replacing("\"\(mark)\"", with: oddity.1), to: name.rawValue)
      do {
        try Self.read(name, path)
      } catch let error as ArtifactError {
        #expect(error.artifact == name.rawValue, "\(oddity.0): \(error)")
      }
    }
  }

  @Test(arguments: ArtifactName.allCases)
  func bytesThatAreNoTextAreKeptOrRefused(_ name: ArtifactName) throws {
    let folder = try TemporaryFolder()
    let original = Array(try Self.small(name).rawJSON.text.utf8)
    for place in stride(from: 0, to: original.count, by: max(1, original.count / 400)) {
      for odd: [UInt8] in [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0]] {
        var bytes = original
        bytes.insert(contentsOf: odd, at: place)
        let path = try folder.write(bytes, to: name.rawValue)
        do {
          try Self.read(name, path)
        } catch let error as ArtifactError {
          #expect(error.artifact == name.rawValue)
        }
      }
    }
  }

  /// One of 2 GB, and smaller ones: all are read by the same reader.
  @Test(arguments: [
    (ArtifactName.manifest, 1 << 31), (.runResults, 1 << 27), (.sources, 1 << 27), (.catalog, 1 << 27),
  ])
  func aStringThatNeverEndsIsRefusedWithoutBeingKept(_ name: ArtifactName, _ size: Int) throws {
    // It takes no room on the disk: the string has none but NUL bytes after its beginning.
    let folder = try TemporaryFolder()
    let path = folder.file(name.rawValue)
    try writeBytes(Array(#"{"metadata":{"invocation_id":"i"},"nodes":{"a":{"name":"never"#.utf8), path)
    try extendFile(path, to: size)
    let error = #expect(throws: ArtifactError.self) { try Self.read(name, path) }
    #expect(error?.kind == .notJSON)
    #expect(error?.artifact == name.rawValue)
  }

  @Test(arguments: ArtifactName.allCases)
  func damagedBytesAreTakenOrRefused(_ name: ArtifactName) throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededRandom(seed: seed)
    let original = Array(try Self.small(name).rawJSON.text.utf8)
    let folder = try TemporaryFolder()
    for round in 0..<1500 {
      var bytes = original
      for _ in 0...Int.random(in: 0...3, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...40, using: &random)))
        case 2: bytes.insert(contentsOf: Array(#"{}[]",:\\u0"#.utf8).shuffled(using: &random).prefix(2), at: place)
        default: bytes[place] = Array(#"{}[]",:-0e\"#.utf8).randomElement(using: &random) ?? 0
        }
        if bytes.isEmpty { bytes = [0] }
      }
      let path = try folder.write(bytes, to: name.rawValue)
      do {
        try Self.read(name, path)
      } catch {
        #expect(error is ArtifactError, "seed \(seed), round \(round): \(error)")
      }
    }
  }
}

extension JSONValue {
  /// How many values there are in it, itself included.
  fileprivate var count: Int {
    switch self {
    case .array(let values): 1 + values.reduce(0) { $0 + $1.count }
    case .object(let members): 1 + members.reduce(0) { $0 + $1.value.count }
    default: 1
    }
  }

  /// The same value with the one at a position, counted in document order from 0, replaced.
  fileprivate func replacing(_ position: inout Int, with other: JSONValue) -> JSONValue {
    if position == 0 {
      position -= 1
      return other
    }
    position -= 1
    switch self {
    case .array(let values):
      return .array(values.map { position < 0 ? $0 : $0.replacing(&position, with: other) })
    case .object(let members):
      return .object(
        members.map { member in
          position < 0 ? member : .init(member.name, member.value.replacing(&position, with: other))
        })
    default: return self
    }
  }
}

extension TemporaryFolder {
  fileprivate func write(_ bytes: [UInt8], to name: String) throws -> String {
    let path = file(name)
    try writeBytes(bytes, path)
    return path
  }
}
