import ExecutionModel

/// When the next call of an account may be made: a bucket of tokens that fills evenly, and the silence that dbt Cloud
/// demands after a 429. Pure: the time is given with each question.
struct CallBudget: Sendable {
  /// dbt Cloud's Administrative API blocks an account for five minutes after too many calls and does not say so in a
  /// header.
  static let coolDownWithoutHeader: Double = 300

  private let microsecondsPerCall: Int64
  private let burst: Int64
  /// When the bucket is full again; in the past when it is.
  private var fullAt = Instant(microseconds: .min / 4)
  private(set) var coolingDownUntil: Instant?
  private(set) var lastCallAt: Instant?
  private var calls: [Instant] = []
  /// The time of the last question.
  private var asked: Instant?

  init(requestsPerSecond: Double, burst: Int) {
    microsecondsPerCall = max(1, Int64(min(1e6 / requestsPerSecond, 3600e6)))
    self.burst = Int64(burst)
  }

  /// A clock that is set back takes what was to wait for with it: nothing waits until the clock is there again.
  private mutating func mind(_ now: Instant) {
    if let before = asked, now < before {
      let step = before.microseconds - now.microseconds
      fullAt = Instant(microseconds: fullAt.microseconds - step)
      coolingDownUntil = coolingDownUntil.map { Instant(microseconds: $0.microseconds - step) }
      calls.removeAll { $0 > now }
    }
    asked = now
  }

  /// Takes a token and says how many seconds to wait before using it.
  mutating func take(at now: Instant) -> Double {
    mind(now)
    let full = max(fullAt, now)
    fullAt = Instant(microseconds: full.microseconds + microsecondsPerCall)
    let excess = fullAt.microseconds - now.microseconds - burst * microsecondsPerCall
    return excess <= 0 ? 0 : Double(excess) / 1e6
  }

  /// Notes a call that is made now.
  mutating func noteCall(at now: Instant) {
    lastCallAt = now
    calls.append(now)
    calls.removeAll { $0 <= now.advanced(bySeconds: -60) }
  }

  /// Notes a 429.
  mutating func coolDown(at now: Instant, seconds: Double?) {
    mind(now)
    let wait = min(max(seconds ?? Self.coolDownWithoutHeader, 1), 86_400)
    let until = Instant(microseconds: now.microseconds + Int64(wait * 1e6))
    coolingDownUntil = max(coolingDownUntil ?? until, until)
  }

  /// Seconds of silence that are left; nil when calls may be made.
  mutating func remainingCoolDown(at now: Instant) -> Double? {
    mind(now)
    guard let until = coolingDownUntil else { return nil }
    guard now < until else {
      coolingDownUntil = nil
      return nil
    }
    return until.seconds(since: now)
  }

  func calls(inLastMinuteBefore now: Instant) -> Int { calls.count { $0 > now.advanced(bySeconds: -60) } }
}
