import Glibc

/// A folder for downloads that is removed with everything in it when the syncer stops. Under `TMPDIR`, else `/var/tmp`:
/// manifests are too large for a `/tmp` in memory.
final class WorkFolder: Sendable {
  let path: String

  /// - Throws: ``Unusable``
  init() throws {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp"
    Self.removeLeftovers(in: parent)
    var template = Array("\(parent)/\(Self.prefix)\(getpid())-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw Unusable(
        description:
          "no folder for downloads can be made in \(parent) (\(String(cString: strerror(errno)))): set TMPDIR")
    }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  struct Unusable: Error, CustomStringConvertible { let description: String }

  deinit { Self.remove(path) }

  private static let prefix = "airflow-syncer-"

  /// Removes the folders of syncers that were killed: their names tell their process.
  private static func removeLeftovers(in parent: String) {
    for name in names(in: parent) where name.hasPrefix(prefix) {
      let parts = name.dropFirst(prefix.count).split(separator: "-")
      guard parts.count == 2, let process = pid_t(parts[0]), kill(process, 0) != 0, errno == ESRCH else { continue }
      remove("\(parent)/\(name)")
    }
  }

  private static func remove(_ folder: String) {
    for name in names(in: folder) { unlink("\(folder)/\(name)") }
    rmdir(folder)
  }

  private static func names(in folder: String) -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }
}

/// Removes a file; that it is gone already does not matter.
func unlinkFile(_ path: String) { unlink(path) }
