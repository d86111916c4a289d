import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerSweepTests {
  private func batch(_ run: DagRun, fingerprint: Int64?, history: Bool = false) -> CaptureBatch {
    var batch = CaptureBatch(instance: "prod", readAt: at(0), isHistory: history)
    batch.snapshots = [DagRunSnapshot(run: run, attempts: [])]
    if let fingerprint { batch.fingerprints = [run.sourceID: fingerprint] }
    return batch
  }

  private func kept(_ bench: Bench) async throws -> [KeptRun] {
    try await bench.ledger.keptRuns(of: try await bench.ledger.progress(of: "prod").id, after: 0, through: nil)
  }

  @Test func aFingerprintIsKeptWithTheRunItIsOf() async throws {
    let bench = try await Bench()
    _ = try await bench.ledger.apply(batch(run("success", source: 4, end: 40), fingerprint: -7)) { _, _ in [] }
    #expect(try await kept(bench).map(\.fingerprint) == [-7])
    _ = try await bench.ledger.apply(batch(run("success", source: 4, end: 50), fingerprint: 8)) { _, _ in [] }
    #expect(try await kept(bench).map(\.fingerprint) == [8])
  }

  @Test func aRunThatIsOpenAgainHasNone() async throws {
    let bench = try await Bench()
    _ = try await bench.ledger.apply(batch(run("success", source: 4, end: 40), fingerprint: -7)) { _, _ in [] }
    _ = try await bench.ledger.apply(batch(run("running", source: 4), fingerprint: nil)) { _, _ in [] }
    let run = try #require(try await kept(bench).first)
    #expect(run.fingerprint == nil && run.isOpen)
  }

  @Test func runsAreFoundByIDBetweenTwoBounds() async throws {
    let bench = try await Bench()
    for id in 1...5 { try await bench.apply(run("r\(id)", "success", source: Int64(id), end: 40, logical: id)) }
    let instance = try await bench.ledger.progress(of: "prod").id
    #expect(try await bench.ledger.keptRuns(of: instance, after: 1, through: 4).map(\.sourceID) == [2, 3, 4])
    #expect(try await bench.ledger.keptRuns(of: instance, after: 3, through: nil).map(\.sourceID) == [4, 5])
    #expect(try await bench.ledger.keptRuns(of: instance, ids: [5, 9, 2]).map(\.sourceID) == [5, 2])
  }

  @Test func runsFromBeforeTheLookBackAreLeftOut() async throws {
    let bench = try await Bench()
    for id in 1...5 {
      try await bench.apply(run("r\(id)", "success", source: Int64(id), end: 40 + id, logical: id))
    }
    let instance = try await bench.ledger.progress(of: "prod").id
    let recent = try await bench.ledger.keptRuns(of: instance, after: 1, through: nil, since: at(44))
    #expect(recent.map(\.sourceID) == [4, 5])
  }

  @Test func theLastMomentOfARunIsTheLatestOfItsTimes() async throws {
    let bench = try await Bench()
    try await bench.apply(run("r1", "success", source: 1, end: 40))
    try await bench.apply(run("r2", "running", source: 2, logical: 1))
    let moments = try await kept(bench).map(\.moment)
    #expect(moments[0] == at(40))
    #expect(moments[1] == at(10))
  }

  /// Nothing happened to it: it was old.
  @Test func anExpiredRunIsToldToNobody() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running", source: 4))
    let before = try await bench.ledger.status().sinks.map(\.pending)
    var batch = CaptureBatch(instance: "prod", readAt: at(500))
    batch.removed = [4: .expired]
    let outcome = try await bench.ledger.apply(batch) { _, _ in [] }
    #expect(outcome.removedRuns == 1)
    #expect(try await bench.ledger.status().sinks.map(\.pending) == before)
    let removed = try #require(try await bench.record().header.removed)
    #expect(removed.kind == .expired && removed.seenAt == at(500))
    #expect(try await bench.ledger.progress(of: "prod").openRuns.isEmpty)
  }

  @Test func whatASweepFoundIsInTheStatus() async throws {
    let bench = try await Bench()
    #expect(try await bench.ledger.status().airflow.first?.sweep == nil)
    try await bench.ledger.note(sweepError: "too slow", of: "prod")
    #expect(try await bench.ledger.status().airflow.first?.sweepError == "too slow")
    let summary = SweepSummary(
      startedAt: at(1), finishedAt: at(3), runs: 100, changed: 2, removed: 1, milliseconds: 12.5)
    try await bench.ledger.note(summary, of: "prod")
    let status = try #require(try await bench.ledger.status().airflow.first)
    #expect(status.sweep == summary && status.sweepError == nil)
  }
}
