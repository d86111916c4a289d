import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerOutboxTests {
  private func bench() async throws -> Bench {
    let bench = try await Bench(sinks: [events])
    try await bench.apply(run("success", end: 40), [attempt("success", end: 30)])
    try await bench.apply(run("r2", "success", source: 2, end: 40, logical: 1))
    return bench
  }

  private func note(
    _ bench: Bench, _ change: (inout Ledger.DeliveryReport) -> Void
  ) async throws {
    var report = Ledger.DeliveryReport()
    change(&report)
    try await bench.ledger.note(report, ofSink: try await bench.ledger.progress(ofSink: "lineage").id)
  }

  @Test func itemsComeInTheOrderInWhichTheyWereMade() async throws {
    let bench = try await bench()
    #expect(
      try await bench.told() == [
        "run c0 START 10", "a.1 START 20", "a.1 COMPLETE 30", "run c0 COMPLETE 40", "run c0 START 10",
        "run c0 COMPLETE 40",
      ])
    #expect(try await bench.pending(limit: 2).map(Bench.text) == ["run c0 START 10", "a.1 START 20"])
  }

  @Test func anItemThatWaitsHoldsBackItsOwnRecordAlone() async throws {
    let bench = try await bench()
    let items = try await bench.pending()
    try await note(bench) { $0.retried = [(id: items[1].id, notBefore: 500)] }
    #expect(try await bench.pending(now: 499).map(\.id) == [items[0].id, items[4].id, items[5].id])
    #expect(try await bench.ledger.nextRetry(ofSink: 1) == 500)
    #expect(try await bench.pending(now: 500).map(\.id) == items.map(\.id))
    #expect(try await bench.pending(now: 500)[1].tries == 1)
  }

  @Test func dbtRunsWithoutARecordDoNotWaitForEachOther() async throws {
    let bench = try await Bench(sinks: [events])
    let sensor = attempt("sensor", "success", end: 30)
    try await bench.apply(
      run("queued", start: nil), [sensor],
      links: [71, 72].map { proposal(sensor, $0, confidence: .strong, relation: .waitedFor) })
    try await bench.answer(dbtRun(71, isComplete: true))
    try await bench.answer(dbtRun(72, isComplete: true))
    let items = try await bench.pending().filter { $0.kind == .dbtRun }
    try await note(bench) { $0.retried = [(id: items[0].id, notBefore: 500)] }
    #expect(try await bench.pending(now: 1).filter { $0.kind == .dbtRun }.map(\.id) == [items[2].id, items[3].id])
  }

  @Test func aParkedStartDoesNotBlockItsEndNorAnybodyElse() async throws {
    let bench = try await bench()
    let items = try await bench.pending()
    try await note(bench) {
      $0.parked = [.init(id: items[0].id, reason: "413", status: 413, answer: "too large")]
    }
    #expect(try await bench.pending().map(\.id) == items.dropFirst().map(\.id))
    #expect(
      try bench.query("SELECT reason || answer_status || answer || parked_at FROM outbox WHERE parked_at > 0")
        == ["413413too large1000"])
    let sink = try #require(try await bench.ledger.status().sinks.first)
    #expect(sink.parked == 1 && sink.pending == 5 && sink.newestReason == "413")
  }

  @Test func whatWasDeliveredIsCountedAndGone() async throws {
    let bench = try await bench()
    try await bench.deliver(try await bench.pending(limit: 4), "lineage")
    #expect(try await bench.pending().count == 2)
    #expect(try await bench.ledger.status().sinks.map(\.delivered) == [4])
  }

  @Test func aNumberIsNeverUsedTwice() async throws {
    let bench = try await bench()
    let last = try #require(try await bench.pending().last).id
    try await bench.deliver(try await bench.pending(), "lineage")
    try await bench.apply(run("r3", "running", source: 3, logical: 2))
    #expect(try await bench.pending().allSatisfy { $0.id > last })
  }

  @Test func bytesThatWereFixedAreKeptUntilTheAnswer() async throws {
    let bench = try await bench()
    let items = try await bench.pending()
    try await bench.ledger.fix(bodies: [(items[0].id, [1, 2, 3]), (items[1].id, [])])
    #expect(try await bench.pending().prefix(3).map(\.body) == [[1, 2, 3], [], nil])
    try await note(bench) { $0.retried = [(id: items[0].id, notBefore: 5)] }
    await bench.ledger.close()
    #expect(try await bench.pending()[0].body == [1, 2, 3])
  }

  @Test func anOutageIsKeptFromItsBeginningToItsEnd() async throws {
    let bench = try await bench()
    try await note(bench) { $0.outage = SinkOutage(error: "away", retryAt: 70) }
    try await note(bench) { $0.outage = SinkOutage(error: "still away", retryAt: 90) }
    let progress = try await bench.ledger.progress(ofSink: "lineage")
    #expect(progress.failures == 2 && progress.notBefore == 90)
    #expect(try await bench.ledger.status().sinks.map(\.error) == ["still away"])
    try await note(bench) { $0.outage = .some(nil) }
    #expect(try await bench.ledger.progress(ofSink: "lineage").failures == 0)
    #expect(try await bench.ledger.status().sinks.map(\.error) == [nil])
  }

  @Test func aSinkThatIsNotRegisteredIsAnError() async throws {
    let bench = try await bench()
    await #expect(throws: LedgerError.self) { try await bench.ledger.progress(ofSink: "none") }
  }
}
