import Glibc

/// A folder of its own, removed with everything in it.
final class TemporaryFolder {
  let path: String

  init() {
    var template = Array("\(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")/syncer-config-XXXXXX".utf8CString)
    precondition(mkdtemp(&template) != nil, "no temporary folder: errno \(errno)")
    path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }  // not empty: it was a C string
  }

  deinit {
    guard let folder = opendir(path) else { return }
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      unlink("\(path)/\(name)")
    }
    closedir(folder)
    rmdir(path)
  }

  /// Writes a file and gives its path.
  func file(_ name: String, _ bytes: some Sequence<UInt8>, mode: mode_t = 0o600) -> String {
    let path = "\(path)/\(name)"
    let bytes = Array(bytes)
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    precondition(descriptor >= 0 && write(descriptor, bytes, bytes.count) == bytes.count, "cannot write \(path)")
    close(descriptor)
    chmod(path, mode)
    return path
  }
}
