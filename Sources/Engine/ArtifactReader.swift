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

  /// Whether a file was copied as it is: false when it changes meanwhile, or cannot be read.
  func copy(_ path: String, to copy: String) -> Bool { copyFile(path, to: copy) != nil }

  func remove(_ path: String) { unlinkFile(path) }

  func runResults(_ path: String) throws -> RunResults { try RunResults(path: path) }

  /// - Parameters:
  ///   - catalog: adds columns to the nodes.
  ///   - pieces: is given all nodes of a large manifest, many at a time, while others are read. What only they need is not
  ///     in the manifest then; see `Manifest`.
  func manifest(
    _ path: String, keeping wanted: Set<String>, catalog: Catalog? = nil,
    pieces: AsyncStream<[DbtNode]>.Continuation? = nil
  ) throws -> Manifest {
    guard let pieces, let stamp = FileStamp(path: path), stamp.bytes >= Self.bytesOfLargeManifest else {
      return try Manifest(path: path, keeping: wanted, keepsSQL: keepsSQL, catalog: catalog)
    }
    var piece: [DbtNode] = []
    let manifest = try Manifest(path: path, keeping: wanted, keepsSQL: keepsSQL, catalog: catalog) { node in
      piece.append(node)
      if piece.count == Self.nodesOfPiece {
        pieces.yield(piece)
        piece = []
      }
    }
    pieces.yield(piece)
    return manifest
  }

  private static let bytesOfLargeManifest: Int64 = 8 << 20
  /// Writing so many takes some tens of milliseconds.
  private static let nodesOfPiece = 4000

  /// - Parameter wanted: the unique_ids whose tables are kept; nil for all.
  func catalog(_ path: String, keeping wanted: Set<String>?) throws -> Catalog {
    try Catalog(path: path, keeping: wanted)
  }

  func freshness(_ path: String) throws -> SourceFreshness { try SourceFreshness(path: path) }
}
