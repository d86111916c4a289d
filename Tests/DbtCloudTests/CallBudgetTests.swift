import ExecutionModel
import Testing

@testable import DbtCloud

@Suite struct CallBudgetTests {
  private let start = Instant(microseconds: 1_795_219_569_000_000)

  @Test func aBurstIsFreeAndThenCallsAreSpaced() {
    var budget = CallBudget(requestsPerSecond: 2, burst: 3)
    #expect((0..<3).map { _ in budget.take(at: start) } == [0, 0, 0])
    #expect((0..<3).map { _ in budget.take(at: start) } == [0.5, 1, 1.5])
  }

  @Test func theBucketFillsWithTimeButNotBeyondItsSize() {
    var budget = CallBudget(requestsPerSecond: 2, burst: 3)
    for _ in 0..<3 { _ = budget.take(at: start) }
    let later = start.advanced(bySeconds: 1)
    #expect((0..<3).map { _ in budget.take(at: later) } == [0, 0, 0.5])
    let muchLater = start.advanced(bySeconds: 1000)
    #expect((0..<4).map { _ in budget.take(at: muchLater) } == [0, 0, 0, 0.5])
  }

  /// Whatever the moments, no window of one second sees more than the burst and one second's share.
  @Test func neverMoreCallsThanPromised() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededRandom(seed: seed)
    var budget = CallBudget(requestsPerSecond: 5, burst: 4)
    var now = start.microseconds
    var calls: [Int64] = []
    for _ in 0..<2000 {
      now += Int64.random(in: 0...400_000, using: &random)
      calls.append(now + Int64(budget.take(at: Instant(microseconds: now)) * 1e6))
    }
    calls.sort()
    for (index, call) in calls.enumerated() where index + 10 < calls.count {
      #expect(calls[index + 10] - call >= 1_000_000, "seed \(seed)")
    }
  }

  private static let aSilenceLastsCases: [(Double?, Double)] = [
    (nil, 300), (17, 17), (0, 1), (-5, 1), (1e9, 86_400),
  ]
  @Test(arguments: aSilenceLastsCases)
  func aSilenceLasts(_ header: Double?, _ seconds: Double) {
    var budget = CallBudget(requestsPerSecond: 2, burst: 3)
    #expect(budget.remainingCoolDown(at: start) == nil)
    budget.coolDown(at: start, seconds: header)
    #expect(budget.remainingCoolDown(at: start) == seconds)
    #expect(budget.coolingDownUntil == start.advanced(bySeconds: Int64(seconds)))
    #expect(budget.remainingCoolDown(at: start.advanced(bySeconds: Int64(seconds))) == nil)
    #expect(budget.coolingDownUntil == nil)
  }

  @Test func aLaterAndShorterSilenceDoesNotShortenTheFirst() {
    var budget = CallBudget(requestsPerSecond: 2, burst: 3)
    budget.coolDown(at: start, seconds: 300)
    budget.coolDown(at: start, seconds: 5)
    #expect(budget.remainingCoolDown(at: start) == 300)
  }

  @Test func aClockThatIsSetBackByHoursLengthensNothing() {
    var budget = CallBudget(requestsPerSecond: 2, burst: 3)
    for _ in 0..<4 { _ = budget.take(at: start) }
    budget.coolDown(at: start, seconds: 300)
    let back = start.advanced(bySeconds: -7200)
    #expect(budget.remainingCoolDown(at: back) == 300)
    #expect(budget.take(at: back) <= 1)
    #expect(budget.remainingCoolDown(at: back.advanced(bySeconds: 301)) == nil)
  }

  @Test func callsOfTheLastMinuteAreCounted() {
    var budget = CallBudget(requestsPerSecond: 2, burst: 3)
    for second in [0, 10, 65] { budget.noteCall(at: start.advanced(bySeconds: Int64(second))) }
    #expect(budget.calls(inLastMinuteBefore: start.advanced(bySeconds: 65)) == 2)
    #expect(budget.calls(inLastMinuteBefore: start.advanced(bySeconds: 200)) == 0)
    #expect(budget.lastCallAt == start.advanced(bySeconds: 65))
  }
}

/// SplitMix64: the same seed gives the same numbers everywhere.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
