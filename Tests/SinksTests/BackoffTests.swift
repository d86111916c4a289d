import Testing

@testable import Sinks

struct BackoffTests {
  @Test func waitsDoubleUntilTheLongest() {
    let backoff = Backoff(first: 1, longest: 60)
    let waits = (1...8).map { backoff.seconds(failures: $0, random: 1) }
    #expect(waits == [1, 2, 4, 8, 16, 32, 60, 60])
  }

  @Test func randomnessSpreadsOverTheUpperHalf() {
    let backoff = Backoff(first: 8, longest: 60)
    #expect(backoff.seconds(failures: 1, random: 0) == 4)
    #expect(backoff.seconds(failures: 1, random: 0.5) == 6)
  }

  @Test(arguments: [Int.min, -1, 0, 31, 64, Int.max])
  func anyNumberOfFailuresGivesAWait(_ failures: Int) {
    let wait = Backoff().seconds(failures: failures, random: 0.5)
    #expect(wait > 0 && wait <= 300)
  }
}
