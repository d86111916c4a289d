import DbtArtifacts
import ExecutionModel
import Platform

/// Parses downloaded artifacts on a thread of its own: a large manifest takes seconds.
actor ArtifactReader {
  private let executor = ThreadExecutor(name: "artifacts")
  private let keepsSQL: Bool
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// - Parameter keepsSQL: whether the compiled SQL of nodes is kept, for backends that want it.
  init(keepsSQL: Bool = false) { self.keepsSQL = keepsSQL }

  func runResults(_ path: String) throws -> RunResults { try RunResults(path: path) }

  func manifest(_ path: String, keeping wanted: Set<String>) throws -> Manifest {
    try Manifest(path: path, keeping: wanted, keepsSQL: keepsSQL)
  }

  func catalog(_ path: String, keeping wanted: Set<String>) throws -> Catalog {
    try Catalog(path: path, keeping: wanted)
  }

  func freshness(_ path: String) throws -> SourceFreshness { try SourceFreshness(path: path) }
}
