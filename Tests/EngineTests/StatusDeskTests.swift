import Ledger
import Synchronization
import TestServers
import Testing

@testable import Engine

@Suite(.timeLimit(.minutes(1))) struct StatusDeskTests {
  private final class Count: Sendable {
    let readings = Mutex(0)
  }

  private static let live = LiveState(
    version: "1", processID: 1, startedAt: .init(microseconds: 0), uptime: 1, configurationPath: "x", outages: [],
    stages: [])

  private static func write(_ question: String, _ outcome: StatusReading.Outcome, _ live: LiveState) -> [UInt8] {
    if case .failed(let reason) = outcome { return Array("\(question): \(reason)".utf8) }
    return Array(question.utf8)
  }

  @Test func whoComesTogetherSharesAReading() async throws {
    let count = Count()
    let (gate, opener) = AsyncStream.makeStream(of: Void.self)
    let desk = StatusDesk(
      reading: {
        count.readings.withLock { $0 += 1 }
        for await _ in gate { break }
        throw LedgerError(.busy, path: "x")
      }, live: { Self.live }, patience: 50, writing: Self.write)
    let first = Task { await desk.answer("first") }
    try await eventually("the first reading") { count.readings.withLock { $0 } == 1 }
    let others = (0..<20).map { number in Task { await desk.answer("\(number)") } }
    opener.finish()
    for other in others { _ = await other.value }
    #expect(String(decoding: await first.value, as: UTF8.self).contains("locked"))
    // Those who came during the first got one of their own, which began after they had asked.
    #expect(count.readings.withLock { $0 } <= 4)
    #expect(count.readings.withLock { $0 } >= 2)
  }

  /// The server that it is on did not answer for long.
  @Test func aLedgerThatHasComeBackIsSoonLookedAtAgain() async {
    let clock = Mutex(0.0)
    let desk = StatusDesk(
      reading: {
        clock.withLock { $0 += 90 }
        throw LedgerError(.busy, path: "x")
      }, live: { Self.live }, patience: 3600, longestRest: 0.05, now: { clock.withLock { $0 } }, writing: Self.write)
    for _ in 0..<2 { #expect(String(decoding: await desk.answer("status"), as: UTF8.self).contains("locked")) }
    #expect(clock.withLock { $0 } == 180)
  }

  @Test func aLedgerThatHangsIsNotWaitedFor() async {
    let (gate, opener) = AsyncStream.makeStream(of: Void.self)
    let desk = StatusDesk(
      reading: {
        for await _ in gate { break }
        throw LedgerError(.busy, path: "x")
      }, live: { Self.live }, patience: 0.01, writing: Self.write)
    for _ in 0..<3 {
      #expect(String(decoding: await desk.answer("status"), as: UTF8.self) == "status: the ledger does not answer")
    }
    opener.finish()
  }
}
