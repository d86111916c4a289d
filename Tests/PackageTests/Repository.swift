import FoundationEssentials
import TestServers

/// The project's files, as they lie in the repository.
enum Repository {
  /// The text of a file, by its path from the root.
  static func text(_ path: String) throws -> String {
    guard let data = FileManager.default.contents(atPath: "\(Fixtures.repositoryRoot)/\(path)") else {
      throw TestServerError("no file \(path)")
    }
    return String(decoding: data, as: UTF8.self)
  }

  static func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(Fixtures.repositoryRoot)/\(path)")
  }

  static func isExecutable(_ path: String) -> Bool {
    FileManager.default.isExecutableFile(atPath: "\(Fixtures.repositoryRoot)/\(path)")
  }

  /// Names in a folder, ordered.
  static func names(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "\(Fixtures.repositoryRoot)/\(folder)").sorted()
  }

  /// Paths of all files from the root, but not of what is built or kept by git, nor of editors' own.
  static func files() throws -> [String] {
    let skipped: Set<String> = [".git", ".build", ".swiftpm", ".vscode", ".idea", "__pycache__"]
    var found: [String] = []
    var folders = [""]
    while let folder = folders.popLast() {
      for name in try names(in: folder) where !skipped.contains(name) && !name.hasSuffix(".swp") {
        let path = folder.isEmpty ? name : "\(folder)/\(name)"
        var isFolder = false
        _ = FileManager.default.fileExists(atPath: "\(Fixtures.repositoryRoot)/\(path)", isDirectory: &isFolder)
        if isFolder { folders.append(path) } else { found.append(path) }
      }
    }
    return found.sorted()
  }

  /// The Swift files of a room: those of `Sources/<room>`, or of the folder `Migrations`.
  static func swiftFiles(of room: String) throws -> [String] {
    let folder = room == "Migrations" ? room : "Sources/\(room)"
    return try names(in: folder).filter { $0.hasSuffix(".swift") }.map { "\(folder)/\($0)" }
  }
}

extension String {
  /// The text between double quotes, each time.
  var quoted: [String] {
    let parts = split(separator: "\"", omittingEmptySubsequences: false)
    return stride(from: 1, to: parts.count, by: 2).map { String(parts[$0]) }
  }

  /// The text between backticks on one line, each time.
  var codeSpans: [String] {
    split(separator: "\n", omittingEmptySubsequences: false).flatMap { line in
      let parts = line.split(separator: "`", omittingEmptySubsequences: false)
      return stride(from: 1, to: parts.count, by: 2).map { String(parts[$0]) }
    }
  }
}
