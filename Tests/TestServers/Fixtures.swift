import FoundationEssentials

/// Captured files that tests read, wherever the repository lies.
public enum Fixtures {
  /// The repository's root.
  public static let repositoryRoot = parent(of: parent(of: parent(of: #filePath)))

  /// `Tests/Fixtures/<relative>`
  public static func path(_ relative: String) -> String { "\(repositoryRoot)/Tests/Fixtures/\(relative)" }

  /// The bytes of `Tests/Fixtures/<relative>`.
  public static func read(_ relative: String) throws -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: path(relative)) else {
      throw TestServerError("no fixture \(path(relative))")
    }
    return [UInt8](data)
  }

  /// The text of `Tests/Fixtures/<relative>`.
  public static func text(_ relative: String) throws -> String { String(decoding: try read(relative), as: UTF8.self) }

  private static func parent(of path: String) -> String {
    String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
  }
}
