import Synchronization
import Testing

@testable import Engine

@Suite struct StageTimesTests {
  private final class Clock: Sendable {
    let time = Mutex(0.0)
    func pass(_ seconds: Double) { time.withLock { $0 += seconds } }
  }

  @Test func timesAreMeasuredWellOrNot() async throws {
    struct Failure: Error {}
    let clock = Clock()
    let stages = StageTimes(now: { clock.time.withLock { $0 } })
    _ = await stages.measure("poll", "b") { clock.pass(3) }
    _ = await stages.measure("poll", "b") {
      clock.pass(1)
      #expect(stages.current.map(\.underWay) == [1])
    }
    await #expect(throws: Failure.self) {
      try await stages.measure("deliver", "a") {
        clock.pass(2)
        throw Failure()
      }
    }
    #expect(
      stages.current == [
        .init(name: "deliver", partner: "a", count: 1, last: 2, longest: 2, underWay: nil),
        .init(name: "poll", partner: "b", count: 2, last: 1, longest: 3, underWay: nil),
      ])
  }
}
