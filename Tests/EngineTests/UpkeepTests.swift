import ExecutionModel
import Ledger
import Synchronization
import TestServers
import Testing

@testable import Engine

@Suite struct UpkeepTests {
  private static let day: Int64 = 86_400_000_000
  private static let start: Int64 = 1_795_132_800_000_000

  private final class Clock: Sendable {
    let time = Mutex(UpkeepTests.start)
    var now: Int64 { time.withLock { $0 } }
    func set(_ now: Int64) { time.withLock { $0 = now } }
  }

  private func run(_ number: Int64, endedAt end: Int64) -> DagRun {
    var run = DagRun(key: DagRunKey(instance: "prod", dagID: "daily", runID: "r\(number)"), sourceID: number)
    run.state = "success"
    run.logicalDate = Instant(microseconds: end - 2)
    (run.startDate, run.endDate) = (Instant(microseconds: end - 1), Instant(microseconds: end))
    return run
  }

  private func keep(_ run: DagRun, readAt: Int64, in ledger: Ledger) async throws {
    var batch = CaptureBatch(instance: "prod", readAt: Instant(microseconds: readAt))
    batch.snapshots = [DagRunSnapshot(run: run, attempts: [])]
    _ = try await ledger.apply(batch) { _, _ in [] }
  }

  /// Steps until nothing is left to be done now; gives what the passes deleted.
  private func tidy(_ upkeep: Upkeep) async throws -> Int {
    var deleted = 0
    for _ in 0..<100 {
      let outcome = try await upkeep.step()
      deleted += outcome.finished?.dagRuns ?? 0
      if !outcome.hasMore { return deleted }
    }
    throw TestServerError("it does not come to an end")
  }

  @Test func everyHourWhatHasBecomeOldGoes() async throws {
    let folder = try TemporaryFolder()
    let clock = Clock()
    let ledger = Ledger(path: folder.file("ledger.db"), purpose: .syncing, clock: { clock.now })
    try await ledger.keep(history: 10 * 86_400)
    _ = try await ledger.progress(of: "prod")
    let upkeep = Upkeep(ledger: ledger, expectsSources: true, clock: { clock.now })
    // Before any database has told the time nothing goes, whatever this machine's clock says.
    #expect(try await tidy(upkeep) == 0)
    try await keep(run(1, endedAt: Self.start - 9 * Self.day), readAt: Self.start, in: ledger)
    try await keep(run(2, endedAt: Self.start), readAt: Self.start, in: ledger)
    #expect(try await tidy(upkeep) == 0)
    clock.set(Self.start + 2 * Self.day)
    #expect(try await tidy(upkeep) == 0, "the clock of the database has not moved")
    try await keep(run(3, endedAt: Self.start + 2 * Self.day), readAt: Self.start + 2 * Self.day, in: ledger)
    clock.set(Self.start + 2 * Self.day + 1000)
    #expect(try await tidy(upkeep) == 0, "not again within the hour")
    clock.set(Self.start + 2 * Self.day + 3_700_000_000)
    #expect(try await tidy(upkeep) == 1)
    let retention = try #require(try await ledger.status().retention)
    #expect(retention.runs == 1 && retention.kept == 864_000)
  }

  @Test func whereAllIsKeptNothingGoes() async throws {
    let folder = try TemporaryFolder()
    let ledger = Ledger(path: folder.file("ledger.db"), purpose: .syncing, clock: { Self.start })
    _ = try await ledger.progress(of: "prod")
    try await keep(run(1, endedAt: 1000), readAt: Self.start, in: ledger)
    let upkeep = Upkeep(ledger: ledger, expectsSources: true, clock: { Self.start })
    #expect(try await tidy(upkeep) == 0)
    #expect(try await ledger.status().airflow[0].runs == 1)
  }
}
