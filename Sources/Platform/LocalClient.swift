import Glibc

/// Asks a ``LocalServer``, on a thread of its own.
public actor LocalClient {
  private let executor = ThreadExecutor(name: "local-client")
  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  private let path: String
  private static let longestAnswer = 16 << 20

  public init(path: String) { self.path = path }

  /// The answer to one line.
  /// - Parameter seconds: for all of it.
  /// - Throws: ``LocalSocketError``
  public func ask(_ question: String, seconds: Double) throws -> [UInt8] {
    let deadline = monotonicSeconds() + seconds
    let descriptor = try LocalSocket.make()
    defer { close(descriptor) }
    // A server whose queue is full is asked like one that does not answer.
    do { try LocalSocket.withAddress(of: path) { connect(descriptor, $0, $1) } } catch {
      throw error.kind == .system(EAGAIN) ? LocalSocketError(.silent) : error
    }
    let line = Array("\(question)\n".utf8)
    guard send(descriptor, line, line.count, Int32(MSG_NOSIGNAL)) == line.count else { throw LocalSocketError(errno) }
    var answer: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while answer.count < Self.longestAnswer {
      var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let left = deadline - monotonicSeconds()
      guard left > 0 else { break }
      guard poll(&entry, 1, Int32(left * 1000) + 1) > 0 else { continue }
      let count = recv(descriptor, &chunk, chunk.count, 0)
      if count > 0 {
        answer += chunk[..<count]
      } else if count == 0 {
        if answer.isEmpty { break }
        return answer
      } else if errno != EINTR, errno != EAGAIN {
        throw LocalSocketError(errno)
      }
    }
    throw LocalSocketError(.silent)
  }
}
