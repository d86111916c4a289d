import Glibc
import Synchronization

/// What the server's threads share.
final class LoopbackState: Sendable {
  /// Bytes that the body of a request may have.
  static let maximumBodyBytes = 256 << 20

  let handler: @Sendable (LoopbackRequest) -> LoopbackResponse
  let connections = Atomic<Int>(0)
  let requests = Atomic<Int>(0)
  private let stopReader: Int32
  private let stopWriter: Int32

  init(handler: @escaping @Sendable (LoopbackRequest) -> LoopbackResponse) throws {
    self.handler = handler
    var ends: (Int32, Int32) = (-1, -1)
    let result = withUnsafeMutableBytes(of: &ends) { pipe($0.baseAddress?.assumingMemoryBound(to: Int32.self)) }
    guard result == 0 else {
      throw LoopbackError(description: "no pipe could be made: \(String(cString: strerror(errno)))")
    }
    (stopReader, stopWriter) = ends
  }

  deinit {
    close(stopReader)
    close(stopWriter)
  }

  /// Waits on the calling thread; less long when the server stops.
  func wait(_ seconds: Double) {
    guard seconds > 0 else { return }
    // The byte that `stopWaiting` writes is never read, so it ends every wait from then on.
    var descriptor = pollfd(fd: stopReader, events: Int16(POLLIN), revents: 0)
    poll(&descriptor, 1, Int32(min(seconds * 1000, 1e9)))
  }

  func stopWaiting() {
    var byte: UInt8 = 0
    _ = write(stopWriter, &byte, 1)
  }
}
