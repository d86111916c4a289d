import Glibc
import Platform
import Synchronization

/// Why a wait ended before what it waited for.
enum Interruption: Error {
  case deadline, cancelled
}

/// One use of a connection: its deadline and whether its caller still wants it.
///
/// The flag belongs to the operation and only the wake-up to the connection, so that a cancellation that comes late
/// wakes the next operation for nothing but never stops it.
struct Operation: Sendable {
  private final class Flag: Sendable {
    let isRaised = Atomic<Bool>(false)
  }

  /// On ``monotonicSeconds()``.
  private(set) var deadline: Double
  private let wakeUp: WakeUp
  private let flag = Flag()

  init(seconds: Double, wakeUp: WakeUp) {
    deadline = monotonicSeconds() + seconds
    self.wakeUp = wakeUp
  }

  /// The same operation, with at most `seconds` left from now on.
  func limited(toSeconds seconds: Double) -> Operation {
    var operation = self
    operation.deadline = min(deadline, monotonicSeconds() + seconds)
    return operation
  }

  var secondsLeft: Double { max(0, deadline - monotonicSeconds()) }

  /// From any thread.
  func cancel() {
    flag.isRaised.store(true, ordering: .releasing)
    wakeUp.fire()
  }

  /// Wakes a wait so that it looks at its condition again. From any thread.
  func wake() { wakeUp.fire() }

  /// - Throws: when there is no time left or the caller wants no answer any more.
  func check() throws(Interruption) {
    if flag.isRaised.load(ordering: .acquiring) { throw .cancelled }
    if monotonicSeconds() >= deadline { throw .deadline }
  }

  /// Waits until the descriptor is ready for `events` (`POLLIN`, `POLLOUT`).
  func wait(for descriptor: Int32, _ events: Int32) throws(Interruption) {
    while true {
      try check()
      if try poll(descriptor, events) { return }
    }
  }

  /// Waits until `condition` holds; whoever makes it hold calls ``wake()`` afterwards.
  func wait(until condition: () -> Bool) throws(Interruption) {
    while !condition() {
      try check()
      _ = try poll(-1, 0)
    }
  }

  // True when the descriptor is ready, false when it is worth looking again.
  private func poll(_ descriptor: Int32, _ events: Int32) throws(Interruption) -> Bool {
    let milliseconds = Int32(max(0, min((deadline - monotonicSeconds()) * 1000, 60_000)).rounded(.up))
    var descriptors = [
      pollfd(fd: descriptor, events: Int16(events), revents: 0),
      pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0),
    ]
    let ready = Glibc.poll(&descriptors, 2, milliseconds)
    // Any error but EINTR: libpq finds out what is wrong with its socket.
    if ready < 0 { return errno != EINTR }
    if descriptors[1].revents != 0 {
      // Not cleared when cancelled: the thread that opens a connection waits on the same descriptor.
      try check()
      wakeUp.clear()
    }
    return descriptors[0].revents != 0
  }
}
