import Glibc
import Platform

/// Why a file sink could not be written.
public struct FileSinkError: Error, Sendable, CustomStringConvertible {
  public let path: String
  public let operation: String
  public let code: Int32

  public var description: String {
    let advice =
      switch code {
      case ENOSPC, EDQUOT: "the file system is full: free some room; the record is written again then"
      case EACCES, EPERM: "this user may not write there: give the folder to the user airflow-syncer"
      case ENOENT: "its folder does not exist: create it"
      case EROFS: "the file system is read-only (systemd: add the folder to ReadWritePaths=)"
      case EISDIR: "it is a folder: set `path` to a file"
      default: String(cString: strerror(code))
      }
    return "\(path): cannot \(operation): \(advice)"
  }
}

/// Appends lines to one file. A line is there whole or not at all: what a crash has torn is cut off before the next one
/// is written. The file is opened anew when it was moved away (logrotate) or removed.
/// Used from one thread at a time.
public final class FileAppender {
  public let path: String
  private var descriptor: Int32 = -1
  private var identity: (device: UInt64, inode: UInt64) = (0, 0)
  /// Where the present line began.
  private var lineStart: off_t = 0

  public init(path: String) { self.path = path }

  deinit { closeFile() }

  /// Opens the file when it is not open, or is another one than the one under that name.
  /// - Throws: ``FileSinkError``
  public func open() throws {
    var named = stat()
    let exists = stat(path, &named) == 0
    if descriptor >= 0, exists, identity == (UInt64(named.st_dev), UInt64(named.st_ino)) { return }
    closeFile()
    descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
    guard descriptor >= 0 else { throw failure("open it") }
    var opened = stat()
    guard fstat(descriptor, &opened) == 0 else { throw failure("look at it") }
    identity = (UInt64(opened.st_dev), UInt64(opened.st_ino))
    // A pipe or a device has no end that could be torn.
    if opened.st_mode & S_IFMT == S_IFREG { try cutTornLine(size: opened.st_size) }
  }

  /// Writes one line, given in pieces by `body`, which ends it with a line feed. On any error the file is as it was.
  public func line(_ body: ((borrowing [UInt8]) throws -> Void) throws -> Void) throws {
    lineStart = lseek(descriptor, 0, SEEK_END)
    do {
      try body { bytes in try write(bytes) }
    } catch {
      if lineStart >= 0 { ftruncate(descriptor, lineStart) }
      throw error
    }
  }

  /// Makes sure that what was written survives a power cut.
  public func sync() throws {
    guard fdatasync(descriptor) == 0 || errno == EINVAL || errno == EROFS else { throw failure("sync it") }
  }

  private func write(_ bytes: borrowing [UInt8]) throws {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress.map { $0 + written }, $0.count - written)
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw failure("write to it")
      }
      written += count
    }
  }

  private func cutTornLine(size: off_t) throws {
    guard size > 0 else { return }
    var end = size
    var block = [UInt8](repeating: 0, count: 65_536)
    while end > 0 {
      let start = max(0, end - off_t(block.count))
      let count = block.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, Int(end - start), start) }
      guard count == Int(end - start) else { throw failure("read its end") }
      if let lineFeed = block[..<count].lastIndex(of: 0x0A) {
        let whole = start + off_t(lineFeed) + 1
        if whole < size, ftruncate(descriptor, whole) != 0 { throw failure("cut a torn line off it") }
        return
      }
      end = start
    }
    if ftruncate(descriptor, 0) != 0 { throw failure("cut a torn line off it") }
  }

  private func closeFile() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
  }

  private func failure(_ operation: String) -> FileSinkError {
    let code = errno
    return FileSinkError(path: path, operation: operation, code: code)
  }
}
