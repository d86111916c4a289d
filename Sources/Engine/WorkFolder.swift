import Glibc

/// A folder for downloads that is removed with everything in it when the syncer stops. Under `TMPDIR`, else `/var/tmp`:
/// manifests are too large for a `/tmp` in memory.
final class WorkFolder: Sendable {
  let path: String

  /// - Throws: ``Unusable``
  init() throws {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp"
    var template = Array("\(parent)/airflow-syncer-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw Unusable(
        description:
          "no folder for downloads can be made in \(parent) (\(String(cString: strerror(errno)))): set TMPDIR")
    }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  struct Unusable: Error, CustomStringConvertible { let description: String }

  deinit {
    if let folder = opendir(path) {
      while let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { unlink("\(path)/\(name)") }
      }
      closedir(folder)
    }
    rmdir(path)
  }
}

/// Removes a file; that it is gone already does not matter.
func unlinkFile(_ path: String) { unlink(path) }
