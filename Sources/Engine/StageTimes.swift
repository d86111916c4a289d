import Platform
import Synchronization

/// How long each of the daemon's jobs takes, and since when one is under way: what only the process knows.
public final class StageTimes: Sendable {
  /// One job for one partner: `poll` of an instance, `fetch` of an account, `deliver` of a sink.
  public struct Stage: Hashable, Sendable {
    public var name: String
    public var partner: String
    /// How often it came to its end, well or not.
    public var count: Int
    /// Seconds that it took the last time, and at most; nil before the first end.
    public var last: Double?
    public var longest: Double?
    /// Seconds for which it has been under way; nil while it waits for its turn.
    public var underWay: Double?
  }

  private struct Key: Hashable {
    var name: String
    var partner: String
  }

  private struct Times {
    var count = 0
    var last: Double?
    var longest: Double?
    var begins: [Double] = []
  }

  private let now: @Sendable () -> Double
  private let times = Mutex<[Key: Times]>([:])

  /// - Parameter now: seconds on a clock that is never set.
  public init(now: @escaping @Sendable () -> Double = monotonicSeconds) { self.now = now }

  /// Runs a job and notes how long it took.
  func measure<Result: Sendable>(
    _ name: String, _ partner: String, _ body: @Sendable () async throws -> Result
  ) async rethrows -> Result {
    let key = Key(name: name, partner: partner)
    let begin = now()
    times.withLock { $0[key, default: Times()].begins.append(begin) }
    defer {
      let seconds = now() - begin
      times.withLock { times in
        var stage = times[key] ?? Times()
        if let index = stage.begins.firstIndex(of: begin) { stage.begins.remove(at: index) }
        stage.count += 1
        stage.last = seconds
        stage.longest = max(stage.longest ?? 0, seconds)
        times[key] = stage
      }
    }
    return try await body()
  }

  /// All jobs so far, ordered by partner and name.
  public var current: [Stage] {
    let now = now()
    return times.withLock { $0 }.map { key, times in
      Stage(
        name: key.name, partner: key.partner, count: times.count, last: times.last, longest: times.longest,
        underWay: times.begins.min().map { now - $0 })
    }.sorted { ($0.partner, $0.name) < ($1.partner, $1.name) }
  }
}
