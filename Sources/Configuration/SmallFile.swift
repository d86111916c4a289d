import Glibc

/// A small file read whole.
struct SmallFile {
  var bytes: [UInt8]
  /// Permission bits, such as 0o640.
  var permissions: UInt32

  /// Why a file could not be read.
  enum Problem: Error {
    /// The call that failed, by its errno.
    case system(Int32)
    case notARegularFile
    case tooLarge(limit: Int)

    var description: String {
      switch self {
      case .system(let code): String(cString: strerror(code))
      case .notARegularFile: "not a regular file"
      case .tooLarge(let limit): "larger than \(limit) bytes"
      }
    }
  }

  /// Reads at most `limit` bytes; a larger file, a directory, a pipe or a device is a ``Problem``.
  static func read(_ path: String, limit: Int) throws(Problem) -> SmallFile {
    // Opening a pipe must not wait for its writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .system(errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .system(errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .notARegularFile }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .system(errno) }
      if count == 0 { break }
      bytes.append(contentsOf: chunk[..<count])
      guard bytes.count <= limit else { throw .tooLarge(limit: limit) }
    }
    return SmallFile(bytes: bytes, permissions: status.st_mode & 0o7777)
  }
}
