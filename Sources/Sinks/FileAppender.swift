import Glibc

/// Appends lines to one file. A line is there whole or not at all: what a crash has torn is cut off before the next one
/// is written. The file is opened anew when it was moved away (logrotate) or removed. It is locked (`flock`) while it is
/// open, so that nobody else cuts or mixes lines.
/// Used from one thread at a time.
final class FileAppender {
  let path: String
  /// What every line begins with. A torn end of the file that does not is not ours, and is not cut.
  private let lineBeginning: [UInt8]
  private let synchronise: @Sendable (Int32) -> Int32
  private var descriptor: Int32 = -1
  private var identity: (device: UInt64, inode: UInt64) = (0, 0)
  private var isRegular = false
  /// Part of a line is left that could not be cut.
  private var isTorn = false

  /// - Parameter synchronise: makes what was written to a descriptor survive a power cut; sets `errno` and gives -1 when
  ///   it cannot.
  init(
    path: String, lineBeginning: String, synchronise: @escaping @Sendable (Int32) -> Int32 = { fdatasync($0) }
  ) {
    self.path = path
    self.lineBeginning = Array(lineBeginning.utf8)
    self.synchronise = synchronise
  }

  deinit { closeFile() }

  /// Closes the file, so that another process may write it.
  func close() { closeFile() }

  /// Opens the file when it is not open, or is another one than the one under that name.
  /// - Throws: ``FileSinkError``
  func open() throws {
    var named = stat()
    let exists = stat(path, &named) == 0
    if descriptor >= 0, !isTorn, exists, identity == (UInt64(named.st_dev), UInt64(named.st_ino)) { return }
    closeFile()
    // Not blocking: a pipe without a reader must not hold anybody up before it is refused.
    descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0o640)
    guard descriptor >= 0 else { throw failure("open it") }
    do {
      try look()
      if !exists { synchroniseFolder() }
    } catch {
      closeFile()
      throw error
    }
  }

  /// Writes one line, given in pieces by `body`, which ends it with a line feed. On any error the file is as it was.
  func line(_ body: ((borrowing [UInt8]) throws -> Void) throws -> Void) throws {
    let start = lseek(descriptor, 0, SEEK_END)
    do {
      try body { bytes in try write(bytes) }
    } catch {
      if isRegular { cut(to: start) }
      throw error
    }
  }

  /// Makes sure that what was written survives a power cut.
  func sync() throws {
    // A device has nothing to sync.
    guard synchronise(descriptor) == 0 || (!isRegular && errno == EINVAL) else { throw failure("sync it") }
  }

  private func look() throws {
    var opened = stat()
    guard fstat(descriptor, &opened) == 0 else { throw failure("look at it") }
    identity = (UInt64(opened.st_dev), UInt64(opened.st_ino))
    isRegular = opened.st_mode & S_IFMT == S_IFREG
    guard isRegular || opened.st_mode & S_IFMT == S_IFCHR else { throw failure("append to it", ESPIPE) }
    guard isRegular else { return }
    // A file system without locks is no reason to write nothing.
    if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK { throw failure("lock it", EBUSY) }
    try mendEnd(size: opened.st_size)
  }

  private func cut(to start: off_t) {
    var now = stat()
    guard start >= 0, fstat(descriptor, &now) == 0 else { return isTorn = true }
    // It may have been emptied (logrotate's copytruncate) meanwhile: cutting must not make it longer.
    if now.st_size > start, ftruncate(descriptor, start) != 0 { isTorn = true }
  }

  private func write(_ bytes: borrowing [UInt8]) throws {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress.map { $0 + written }, $0.count - written)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw failure("write to it", count == 0 ? EIO : errno) }
      written += count
    }
  }

  // MARK: What a crash has left

  private func mendEnd(size: off_t) throws {
    let whole = try endOfWholeLines(size: size)
    guard whole < size else { return }
    var head = [UInt8](repeating: 0, count: min(lineBeginning.count, Int(size - whole)))
    guard pread(descriptor, &head, head.count, whole) == head.count else { throw failure("read its end") }
    // After a power cut, zeros may stand where the bytes have not come to the disk.
    if lineBeginning.starts(with: head.prefix { $0 != 0 }) {
      guard ftruncate(descriptor, whole) == 0 else { throw failure("cut a torn line off it") }
    } else {
      try line { write in try write([0x0A]) }
    }
  }

  private func endOfWholeLines(size: off_t) throws -> off_t {
    var end = size
    var block = [UInt8](repeating: 0, count: 65_536)
    while end > 0 {
      let start = max(0, end - off_t(block.count))
      let count = Int(end - start)
      guard pread(descriptor, &block, count, start) == count else { throw failure("read its end") }
      if let lineFeed = block[..<count].lastIndex(of: 0x0A) { return start + off_t(lineFeed) + 1 }
      end = start
    }
    return 0
  }

  /// The name of a new file is to survive a power cut too.
  private func synchroniseFolder() {
    let end = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    let folder = end.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    Glibc.close(descriptor)
  }

  private func closeFile() {
    if descriptor >= 0 {
      // A child that is just being started has the descriptor too, and would keep the lock until it runs.
      flock(descriptor, LOCK_UN)
      Glibc.close(descriptor)
    }
    descriptor = -1
    isTorn = false
  }

  private func failure(_ operation: String, _ code: Int32? = nil) -> FileSinkError {
    let code = code ?? errno
    return FileSinkError(path: path, operation: operation, code: code)
  }
}
