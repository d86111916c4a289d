import Glibc
import Synchronization

/// A file that is being written beside the path that it is meant for.
struct PartialFile: ~Copyable {
  private static let counter = Atomic<UInt64>(0)

  private let path: String
  private let temporary: String
  private let descriptor: Int32
  /// Whether the file stays where it is: in place, or to be gone on with.
  private var stays = false

  /// Makes the file, so that a folder that cannot be written to shows before anything is sent.
  init(path: String) throws(WriteFault) {
    self.path = path
    let number = Self.counter.add(1, ordering: .relaxed).newValue
    temporary = "\(path).\(getpid())-\(number).partial"
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw WriteFault("\(temporary) cannot be made", errno) }
  }

  /// Goes on with a file that was cut; nil when it is not there, or shorter than it was.
  init?(goingOnWith rest: HTTPPartialFile, path: String) {
    self.path = path
    temporary = rest.path
    let opened = open(temporary, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
    var status = stat()
    guard opened >= 0 else { return nil }
    guard fstat(opened, &status) == 0, status.st_size >= rest.bytes, ftruncate(opened, rest.bytes) == 0,
      lseek(opened, rest.bytes, SEEK_SET) == rest.bytes
    else {
      close(opened)
      return nil
    }
    descriptor = opened
  }

  deinit {
    if !stays { unlink(temporary) }
    close(descriptor)
  }

  func append(_ bytes: UnsafeRawBufferPointer) throws(WriteFault) {
    var rest = bytes
    while rest.count > 0 {
      let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw WriteFault("\(temporary) cannot be written", errno) }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// Puts the file under its own path.
  mutating func putInPlace() throws(WriteFault) {
    guard rename(temporary, path) == 0 else { throw WriteFault("\(temporary) cannot be renamed to \(path)", errno) }
    stays = true
  }

  /// Throws away what was written.
  func startAnew() throws(WriteFault) {
    guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
      throw WriteFault("\(temporary) cannot be emptied", errno)
    }
  }

  /// Leaves the file for later; returns where it is.
  mutating func keep() -> String {
    stays = true
    return temporary
  }
}

/// Why a body could not be written.
struct WriteFault: Error {
  let message: String

  init(_ what: String, _ number: Int32) { message = "\(what): \(String(cString: strerror(number)))" }
}
