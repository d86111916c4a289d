import Platform
import Synchronization

/// Spaces requests evenly, over all connections of a sink: `sinks[].requests_per_second`.
final class RequestPace: Sendable {
  private let interval: Double
  private let clock: @Sendable () -> Double
  private let sleep: @Sendable (Double) async throws -> Void
  /// When the next request may be sent.
  private let next = Mutex(-Double.infinity)

  /// - Parameters:
  ///   - clock: seconds that never go back.
  ///   - sleep: waits for so many seconds; throws when the task is cancelled.
  init(
    requestsPerSecond: Double, clock: @escaping @Sendable () -> Double = monotonicSeconds,
    sleep: @escaping @Sendable (Double) async throws -> Void = { try await Task.sleep(for: .seconds($0)) }
  ) {
    interval = 1 / requestsPerSecond
    self.clock = clock
    self.sleep = sleep
  }

  /// Waits for this request's turn.
  func wait() async throws {
    let now = clock()
    let turn = next.withLock { next in
      let turn = max(now, next)
      next = turn + interval
      return turn
    }
    if turn > now { try await sleep(turn - now) }
  }
}
