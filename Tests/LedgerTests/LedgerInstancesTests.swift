import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerInstancesTests {
  @Test func howFarReadingHasComeIsRemembered() async throws {
    let bench = try await Bench()
    #expect(try await bench.ledger.progress(of: "prod").floor == nil)
    try await bench.ledger.noteFirstContact(with: "prod", floor: 7)
    try await bench.apply(run("running", source: 8))
    try await bench.apply(run("r2", "success", source: 9, end: 40, logical: 1))
    var batch = CaptureBatch(instance: "prod", readAt: at(0), isHistory: true)
    batch.cursor = 9
    batch.backfill = .init(below: 4, isDone: false, runs: 3, total: 6)
    _ = try await bench.ledger.apply(batch) { _, _ in [] }
    batch.backfill = .init(below: 1, isDone: true, runs: 3, total: nil)
    _ = try await bench.ledger.apply(batch) { _, _ in [] }
    await bench.ledger.close()
    let progress = try await bench.ledger.progress(of: "prod")
    #expect(progress.cursor == 9 && progress.floor == 7 && progress.backfillBelow == 1 && progress.isBackfillDone)
    #expect(progress.openRuns == [8])
    #expect(try await bench.ledger.runIDs(of: progress.id, above: 8) == [9])
    let airflow = try #require(try await bench.ledger.status().airflow.first)
    #expect(airflow.backfillRuns == 6 && airflow.backfillTotal == 6)
  }

  @Test func aRunWhoseDAGIsNotReadAnyMoreIsNotOpen() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running", source: 8))
    var batch = CaptureBatch(instance: "prod", readAt: at(0))
    batch.excluded = [8]
    _ = try await bench.ledger.apply(batch) { _, _ in [] }
    #expect(try await bench.ledger.progress(of: "prod").openRuns.isEmpty)
  }
}
