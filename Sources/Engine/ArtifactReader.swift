import DbtArtifacts
import ExecutionModel
import Platform

/// Parses downloaded artifacts on a thread of its own: a large manifest takes seconds.
actor ArtifactReader {
  private let executor = ThreadExecutor(name: "artifacts")
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  func runResults(_ path: String) throws -> RunResults { try RunResults(path: path) }

  func manifest(_ path: String, keeping wanted: Set<String>) throws -> Manifest {
    try Manifest(path: path, keeping: wanted)
  }

  func catalog(_ path: String, keeping wanted: Set<String>) throws -> Catalog {
    try Catalog(path: path, keeping: wanted)
  }

  func freshness(_ path: String) throws -> SourceFreshness { try SourceFreshness(path: path) }
}
