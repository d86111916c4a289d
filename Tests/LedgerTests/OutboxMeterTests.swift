import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct OutboxMeterTests {
  private func amount(_ bench: Bench, _ sink: String = "lineage") async throws -> OutboxMeter.Amount {
    let meter = try #require(await bench.ledger.sinks.first { $0.name == sink }?.meter)
    return meter.amount
  }

  private func counted(_ bench: Bench, _ sink: String = "lineage") throws -> OutboxMeter.Amount {
    let of = "FROM outbox WHERE sink = (SELECT id FROM sink WHERE name = '\(sink)')"
    let items = try bench.query("SELECT count(*) \(of)")
    let bodies = try bench.query(
      "SELECT coalesce(sum(coalesce(length(body), 0) + coalesce(length(answer), 0)), 0) \(of)")
    return OutboxMeter.Amount(items: Int64(items[0]) ?? -1, bodies: Int64(bodies[0]) ?? -1)
  }

  /// What is put in, given a body, refused, replaced, unfolded and delivered: the meter says what counting would.
  @Test func whatIsCountedOnTheWayIsWhatIsThere() async throws {
    let bench = try await Bench()
    try await bench.apply(
      run("r1", "success", source: 1, end: 40, logical: 1), [attempt("success", end: 30)], history: true)
    for number in 2...5 {
      let id = Int64(number)
      try await bench.apply(
        run("r\(number)", "running", source: id, logical: number), [attempt("success", end: 30)], links: [])
      try await bench.apply(
        run("r\(number)", "success", source: id, end: 40, logical: number), [attempt("success", end: 30)])
    }
    #expect(try await amount(bench) == counted(bench))
    let items = try await bench.pending(limit: 100)
    #expect(try await amount(bench) == counted(bench))
    try await bench.ledger.fix(bodies: items.map { ($0.id, [UInt8](repeating: 7, count: 100)) })
    #expect(try await amount(bench).bodies == Int64(100 * items.count))
    var report = Ledger.DeliveryReport()
    report.delivered = items.dropFirst().map(\.id)
    report.parked = [.init(id: items[0].id, reason: "no", status: 400, answer: nil)]
    try await bench.ledger.note(report, ofSink: try await bench.ledger.progress(ofSink: "lineage").id)
    #expect(try await amount(bench) == counted(bench))
    #expect(try await amount(bench) == OutboxMeter.Amount(items: 1, bodies: 100))
    try await bench.deliver(try await bench.pending("archive"), "archive")
    #expect(try await amount(bench, "archive") == OutboxMeter.Amount())
  }

  @Test func whatATransactionThatFailsHadPutInDoesNotCount() async throws {
    let bench = try await Bench(sinks: [events])
    try bench.refuse("outbox", when: "new.kind = 'attempt'")
    await #expect(throws: LedgerError.self) { try await bench.apply(run("running"), [attempt("success", end: 30)]) }
    try bench.refuseNothing("outbox")
    #expect(try await amount(bench) == OutboxMeter.Amount())
    try await bench.apply(run("running"), [attempt("success", end: 30)])
    #expect(try await amount(bench) == counted(bench))
  }

  @Test func aLedgerThatIsOpenedAgainCountsWhatIsThere() async throws {
    let bench = try await Bench(sinks: [events])
    try await bench.apply(run("running"), [attempt("success", end: 30)])
    await bench.ledger.close()
    try await bench.ledger.register(sinks: [events])
    #expect(try await amount(bench).items == 3)
  }
}
