import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerDeliveryOrdersTests {
  private func park(_ items: [OutboxItem], _ bench: Bench, _ sink: String = "lineage") async throws {
    var report = Ledger.DeliveryReport()
    report.parked = items.map { .init(id: $0.id, reason: "HTTP 400", status: 400, answer: "no") }
    try await bench.ledger.note(report, ofSink: try await bench.ledger.progress(ofSink: sink).id)
  }

  private func filter(_ change: (inout DeliveryFilter) -> Void) -> DeliveryFilter {
    var filter = DeliveryFilter()
    change(&filter)
    return filter
  }

  /// As the command does it: beside the syncer, with a connection of its own.
  private func beside(_ bench: Bench) async throws -> Ledger {
    let ledger = Ledger(at: bench.place, purpose: .correcting, clock: { 5_000 })
    try await ledger.open()
    return ledger
  }

  @Test func whatIsRetriedIsPendingWithItsBytes() async throws {
    let bench = try await Bench(sinks: [events])
    try await bench.apply(run("success", end: 40), [attempt("success", end: 30)])
    let items = try await bench.pending()
    try await bench.ledger.fix(bodies: [(items[0].id, [1, 2, 3])])
    try await park([items[0], items[2]], bench)
    let beside = try await beside(bench)
    #expect(try await beside.retry(filter { $0.items = [items[0].id] }) == 1)
    let pending = try await bench.pending()
    #expect(pending.map(\.id) == [items[0].id, items[1].id, items[3].id])
    #expect(pending[0].body == [1, 2, 3] && pending[0].tries == 0)
    #expect(try await beside.retry(filter { $0.reason = "400" }) == 1)
    #expect(try await bench.pending().count == 4)
    #expect(try await beside.retry(filter { $0.sinks = ["lineage"] }) == 0)
  }

  @Test func whatWaitsForItsNextTryIsDueAtOnce() async throws {
    let bench = try await Bench(sinks: [events])
    try await bench.apply(run("success", end: 40), [])
    let item = try #require(try await bench.pending().first)
    var report = Ledger.DeliveryReport()
    report.retried = [(item.id, 1_000_000)]
    let sink = try await bench.ledger.progress(ofSink: "lineage").id
    try await bench.ledger.note(report, ofSink: sink)
    #expect(try await bench.pending(now: 2_000).isEmpty)
    #expect(try await beside(bench).retry(filter { $0.states = [.retrying] }) == 1)
    #expect(try await bench.pending(now: 2_000).first?.id == item.id)
  }

  @Test func aSinkThatIsLeftAloneIsAskedAtOnce() async throws {
    let bench = try await Bench(sinks: [events, records])
    try await bench.apply(run("success", end: 40), [])
    let item = try #require(try await bench.pending().first)
    for name in ["lineage", "archive"] {
      var report = Ledger.DeliveryReport()
      if name == "lineage" { report.retried = [(item.id, 1_000_000)] }
      report.outage = SinkOutage(error: "HTTP 503", retryAt: 1_000_000)
      try await bench.ledger.note(report, ofSink: try await bench.ledger.progress(ofSink: name).id)
    }
    #expect(try await beside(bench).retry(filter { $0.sinks = ["lineage"] }) == 1)
    #expect(try await bench.ledger.progress(ofSink: "lineage").notBefore == 0)
    #expect(try await bench.ledger.progress(ofSink: "archive").notBefore == 1_000_000)
  }

  @Test func aLineThatANewerOneHasOvertakenIsNotSentAgain() async throws {
    let bench = try await Bench(sinks: [records])
    try await bench.apply(run("success", end: 40), [])
    try await park(try await bench.pending("archive"), bench, "archive")
    try await bench.apply(run("failed", end: 50), [])
    #expect(try await beside(bench).retry(filter { $0.states = [.parked] }) == 1)
    #expect(try await bench.pending("archive").count == 1)
    #expect(try await bench.ledger.status().sinks.first?.parked == 0)
  }

  @Test func whatIsDiscardedLeavesATrace() async throws {
    let bench = try await Bench(sinks: [events])
    try await bench.apply(run("success", end: 40), [attempt("success", end: 30)])
    let items = try await bench.pending()
    try await park([items[1]], bench)
    let beside = try await beside(bench)
    #expect(try await beside.discard(filter { $0.states = [.parked] }, by: "ann", because: "a bad name") == 1)
    #expect(try await bench.pending().count == 3)
    let trace = try #require(try await beside.deliveryItems(DeliveryFilter(), .discarded, limit: 9).first)
    #expect(trace.id == items[1].id && trace.state == .discarded && trace.subject == "a try 1")
    #expect(trace.reason == "HTTP 400" && trace.answer == "no" && trace.bytes == nil)
    #expect(
      trace.discarding == .init(at: Instant(microseconds: 5_000), by: "ann", reason: "a bad name"))
    #expect(try await beside.deliveryItem(items[1].id)?.item == trace)
    #expect(try await bench.ledger.status().sinks.first?.parked == 0)
  }

  @Test func historyThatWaitsCanBeDiscardedAsAWhole() async throws {
    let bench = try await Bench(sinks: [events])
    for number in 1...3 {
      try await bench.apply(
        run("r\(number)", "success", source: Int64(number), end: 40, logical: number), [], history: true)
    }
    let row = try await bench.row("r2")
    let beside = try await beside(bench)
    #expect(try await beside.discard(filter { $0.record = .dagRun(row) }, by: "ann", because: nil) == 1)
    #expect(try await bench.ledger.pendingCount(ofSink: "lineage") == 4)
    let traces = try await beside.deliveryItems(DeliveryFilter(), .discarded, limit: 9)
    #expect(traces.map { "\($0.kind) \($0.events) \($0.dagRun?.runID ?? "")" } == ["history 2 r2"])
  }

  @Test func thousandsAreDoneInSlices() async throws {
    let bench = try await Bench(sinks: [events])
    try await bench.apply(
      run("success", end: 40), (0..<700).map { attempt("t\($0)", "success", end: 30) })
    try await park(try await bench.pending(), bench)
    let beside = try await beside(bench)
    #expect(try await beside.retry(filter { $0.states = [.parked] }) == 1402)
    #expect(try await beside.discard(filter { $0.sinks = ["lineage"] }, by: "ann", because: nil) == 1402)
    #expect(try await bench.pending().isEmpty)
  }

  @Test func aLedgerThatIsNotThereIsNotMade() async throws {
    let bench = try await Bench(sinks: [events])
    guard bench.place.isFile else { return }
    let ledger = Ledger(path: bench.folder.file("none.db"), purpose: .correcting)
    await #expect(throws: LedgerError.self) { try await ledger.open() }
  }
}
