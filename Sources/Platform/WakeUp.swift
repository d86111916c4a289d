import CPlatform
import Glibc

/// An eventfd: wakes a `poll(2)` loop from any thread.
public final class WakeUp: Sendable {
  /// The descriptor to poll for reading.
  public let descriptor: Int32

  public init() {
    descriptor = cplatform_eventfd()
    precondition(descriptor >= 0, "no eventfd could be created: errno \(errno)")
  }

  deinit { close(descriptor) }

  /// Makes the descriptor readable.
  public func fire() {
    var one: UInt64 = 1
    _ = write(descriptor, &one, 8)
  }

  /// Takes back every ``fire()`` so far.
  public func clear() {
    var count: UInt64 = 0
    _ = read(descriptor, &count, 8)
  }
}
