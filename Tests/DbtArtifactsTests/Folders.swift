import ExecutionModel
import JSONText
import TestServers

@testable import DbtArtifacts

/// The folders of captured artifacts, as `<dbt version>-<adapter>/<command>`.
enum Folders {
  static let all = [
    "1.12-duckdb/03_run", "1.12-postgres/03_run", "1.12-postgres/05_test", "1.12-postgres/07_build",
    "1.12-postgres/08_docs_generate", "1.12-postgres/09_source_freshness", "1.12-postgres/14_build_failfast",
    "1.12-postgres/19_retry", "1.12-postgres/20_no_match", "1.3-postgres/05_test", "1.3-postgres/07_build",
    "1.7-postgres/03_run", "1.7-postgres/05_test", "1.7-postgres/07_build", "1.7-postgres/08_docs_generate",
    "1.7-postgres/09_source_freshness", "1.7-postgres/14_build_failfast", "1.7-postgres/19_retry",
    "1.7-postgres/20_no_match",
  ]
  static let withoutResults: Set = ["1.12-postgres/09_source_freshness", "1.7-postgres/09_source_freshness"]
  static let withCatalog: Set = ["1.12-postgres/08_docs_generate", "1.7-postgres/08_docs_generate"]
  static let withResults = all.filter { !withoutResults.contains($0) }

  static func path(_ folder: String, _ name: ArtifactName) -> String {
    Fixtures.path("dbt/\(folder)/\(name.rawValue)")
  }

  /// Results joined with their nodes, whatever wrote them.
  static func joined(_ folder: String) throws -> [DbtNodeResult] {
    let results = try RunResults(path: path(folder, .runResults))
    let manifest = try Manifest(path: path(folder, .manifest), keeping: results.uniqueIDs)
    return results.results.map { result in
      var result = result
      if let node = manifest.nodes[result.uniqueID] {
        result.join(node)
        result.inputs = manifest.inputs(of: node)
      }
      return result
    }
  }
}

/// A document of a test's own in a file.
struct Document {
  let folder: TemporaryFolder
  let path: String

  init(_ text: String, _ name: ArtifactName) throws {
    folder = try TemporaryFolder()
    path = try folder.write(text, to: name.rawValue)
  }
}

func results(_ text: String) throws -> RunResults {
  let document = try Document(text, .runResults)
  return try RunResults(path: document.path)
}

func manifest(_ text: String, keeping wanted: Set<String>) throws -> Manifest {
  let document = try Document(text, .manifest)
  return try Manifest(path: document.path, keeping: wanted)
}

func freshness(_ text: String) throws -> SourceFreshness {
  let document = try Document(text, .sources)
  return try SourceFreshness(path: document.path)
}

/// SplitMix64: the same seed gives the same numbers everywhere.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
