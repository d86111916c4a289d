import ExecutionModel
import Glibc

/// Time as the client sees it; injected so that no test waits.
public struct DbtCloudClock: Sendable {
  /// The time of day, which may be set back and forth.
  public var now: @Sendable () -> Instant
  /// Returns after that many seconds, or throws `CancellationError`.
  public var sleep: @Sendable (Double) async throws -> Void

  public init(now: @escaping @Sendable () -> Instant, sleep: @escaping @Sendable (Double) async throws -> Void) {
    self.now = now
    self.sleep = sleep
  }

  /// The machine's clock.
  public static let system = DbtCloudClock(
    now: {
      var time = timespec()
      clock_gettime(CLOCK_REALTIME, &time)
      return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    },
    sleep: { try await Task.sleep(for: .seconds($0)) })
}
