import Glibc
import TestServers

extension TemporaryFolder {
  /// Writes a file and gives its path.
  func file(_ name: String, _ bytes: some Sequence<UInt8>, mode: mode_t = 0o600) -> String {
    let path = file(name)
    let bytes = Array(bytes)
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    precondition(descriptor >= 0 && Glibc.write(descriptor, bytes, bytes.count) == bytes.count, "cannot write \(path)")
    close(descriptor)
    chmod(path, mode)
    return path
  }
}
