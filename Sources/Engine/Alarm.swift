import Platform
import Synchronization

/// Wakes a service that waits for work: by a ring, or after a while. A ring while nobody waits is kept for the next
/// wait. One service waits at a time.
public final class Alarm: Sendable {
  private struct State {
    var isRung = false
    var waiting: CheckedContinuation<Void, Never>?
  }

  private let state = Mutex(State())

  public init() {}

  /// Ends the present wait, or the next one at once.
  public func ring() {
    let waiting = state.withLock { state in
      let waiting = state.waiting
      state.waiting = nil
      state.isRung = waiting == nil
      return waiting
    }
    waiting?.resume()
  }

  /// Waits for a ring, for at most `seconds`, or until the task is cancelled.
  public func wait(seconds: Double) async {
    let timer = Task { [weak self] in
      try? await Task.sleep(for: .seconds(max(0, seconds)))
      if !Task.isCancelled { self?.ring() }
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isDue = state.withLock { state in
          if state.isRung || Task.isCancelled {
            state.isRung = false
            return true
          }
          state.waiting = continuation
          return false
        }
        if isDue { continuation.resume() }
      }
    } onCancel: {
      ring()
    }
    timer.cancel()
  }
}
