import Glibc

/// A folder with what one invocation of dbt left: manifest.json, run_results.json, sources.json, …, and, where they are
/// there, `command` (the command line) and `rc` (dbt's exit code).
public struct ArtifactFolder: Hashable, Sendable {
  /// Where it is.
  public var path: String
  /// `dbt build` and the like.
  public var command: String
  /// Whether dbt ended with an error; nil when the folder does not say.
  public var failed: Bool?
  /// Names of the artifacts in it.
  public var names: [String]

  /// Nil when there is no such folder.
  public init?(path: String) {
    guard let directory = opendir(path) else { return nil }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasSuffix(".json") { names.append(name) }
    }
    self.path = path
    self.names = names.sorted()
    failed = firstLine(ofFile: path + "/rc").flatMap { Int($0) }.map { $0 != 0 }
    command =
      firstLine(ofFile: path + "/command") ?? (names.contains("sources.json") ? "dbt source freshness" : "dbt build")
  }

  /// The file of that name, if the folder has it.
  func file(_ name: String) -> String? { names.contains(name) ? "\(path)/\(name)" : nil }
}

private func firstLine(ofFile path: String) -> String? {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var bytes = [UInt8](repeating: 0, count: 4096)
  let count = read(descriptor, &bytes, bytes.count)
  guard count > 0 else { return nil }
  let line = bytes[..<count].prefix { $0 != 0x0A && $0 != 0x0D }
  return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
}
