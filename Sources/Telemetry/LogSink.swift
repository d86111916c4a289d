import Glibc
import Synchronization

/// What reads the lines, as far as their form depends on it.
public enum LogDestination: Sendable, Hashable {
  /// systemd's journal: lines bear a priority and no time.
  case journal
  /// A terminal, a file or a pipe.
  case stream
  /// Nothing: lines are not even made.
  case nowhere
}

/// Takes log lines, one call a line. Calls do not overlap.
public protocol LogSink: Sendable {
  var destination: LogDestination { get }
  /// - Parameter line: UTF-8 with its line break. Must not throw or stop the program: a log that cannot be written is no
  ///   reason to stop the work.
  func write(_ line: [UInt8])
}

/// The standard error, which systemd connects to the journal.
public struct StandardError: LogSink {
  public let destination: LogDestination

  public init() {
    destination =
      journalReads(STDERR_FILENO, getenv("JOURNAL_STREAM").map { String(cString: $0) })
      ? .journal : .stream
  }

  public func write(_ line: [UInt8]) { writeAll(line, to: STDERR_FILENO) }
}

/// Lines kept in memory, for tests.
public final class LogMemory: LogSink {
  public let destination: LogDestination
  private let kept = Mutex<[String]>([])

  public init(destination: LogDestination = .journal) { self.destination = destination }

  public func write(_ line: [UInt8]) { kept.withLock { $0.append(String(decoding: line.dropLast(), as: UTF8.self)) } }

  /// Every line so far, without line breaks.
  public var lines: [String] { kept.withLock { $0 } }
}

struct NoLog: LogSink {
  var destination: LogDestination { .nowhere }
  func write(_ line: [UInt8]) {}
}

/// Whether the journal reads a descriptor: `JOURNAL_STREAM` is `device:inode` of the stream that systemd made
/// (systemd.exec(5)); after a redirection it no longer matches.
func journalReads(_ descriptor: Int32, _ journalStream: String?) -> Bool {
  guard let parts = journalStream?.split(separator: ":"), parts.count == 2, let device = UInt64(parts[0]),
    let inode = UInt64(parts[1])
  else { return false }
  var status = stat()
  return fstat(descriptor, &status) == 0 && UInt64(status.st_dev) == device && UInt64(status.st_ino) == inode
}

/// Writes all bytes. What cannot be written is given up: there is nobody left to tell.
///
/// - Parameter patience: milliseconds to wait for the reader of a descriptor that somebody made nonblocking.
func writeAll(_ bytes: [UInt8], to descriptor: Int32, patience: Int32 = 1000) {
  var rest = bytes[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    if count < 0, errno == EINTR { continue }
    if count < 0, errno == EAGAIN {
      var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      if poll(&waiting, 1, patience) > 0 { continue }
    }
    guard count > 0 else { return }
    rest = rest.dropFirst(count)
  }
}
