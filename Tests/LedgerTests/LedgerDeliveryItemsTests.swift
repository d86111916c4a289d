import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerDeliveryItemsTests {
  private func bench() async throws -> Bench {
    let bench = try await Bench(sinks: [events])
    try await bench.apply(run("success", end: 40), [attempt("success", end: 30)])
    try await bench.apply(
      run("r2", "success", dag: "other", source: 2, end: 40, logical: 2), [attempt("success", end: 30)])
    let items = try await bench.pending()
    var report = Ledger.DeliveryReport()
    report.parked = [
      .init(id: items[0].id, reason: "HTTP 413", status: 413, answer: "too large"),
      .init(id: items[4].id, reason: "HTTP 400", status: 400, answer: nil),
    ]
    report.retried = [(items[1].id, 9_000)]
    try await bench.ledger.fix(bodies: [(items[0].id, Array("{}".utf8))])
    try await bench.ledger.note(report, ofSink: try await bench.ledger.progress(ofSink: "lineage").id)
    return bench
  }

  private func list(_ bench: Bench, _ state: DeliveryState, _ change: (inout DeliveryFilter) -> Void = { _ in })
    async throws -> [String]
  {
    var filter = DeliveryFilter()
    change(&filter)
    return try await bench.ledger.deliveryItems(filter, state, limit: 100).map {
      "\($0.dagRun?.dagID ?? "") \($0.subject ?? "run") \($0.transition?.rawValue ?? "") \($0.reason ?? "-")"
    }
  }

  @Test func itemsAreListedByHowTheyStand() async throws {
    let bench = try await bench()
    #expect(try await list(bench, .parked) == ["daily run START HTTP 413", "other run START HTTP 400"])
    #expect(try await list(bench, .retrying) == ["daily a try 1 START -"])
    #expect(try await list(bench, .pending).count == 5)
    #expect(try await list(bench, .discarded).isEmpty)
  }

  @Test func filtersNarrowDown() async throws {
    let bench = try await bench()
    #expect(try await list(bench, .parked) { $0.reason = "http 41" }.count == 1)
    #expect(try await list(bench, .parked) { $0.dagPatterns = ["o?her"] } == ["other run START HTTP 400"])
    #expect(try await list(bench, .parked) { $0.sinks = ["archive"] }.isEmpty)
    let row = try await bench.row()
    #expect(try await list(bench, .pending) { $0.record = .dagRun(row) }.count == 2)
    #expect(try await list(bench, .pending) { $0.since = Instant(microseconds: 1_001) }.isEmpty)
    #expect(try await list(bench, .pending) { $0.until = Instant(microseconds: 1_000) }.isEmpty)
    #expect(try await list(bench, .pending) { $0.since = Instant(microseconds: 1_000) }.count == 5)
  }

  /// What is told of a guessed dbt run has no DAG run as its parent.
  @Test func aGuessedDbtRunBelongsToItsDagRun() async throws {
    let bench = try await Bench(sinks: [events])
    try await bench.applyGuessed("daily", 71)
    try await bench.applyGuessed("other", 72, source: 2, begin: 1000)
    let row = try await bench.row("r2", dag: "other")
    #expect(try await list(bench, .pending) { $0.record = .dagRun(row) }.count == 6)
    #expect(try await list(bench, .pending) { $0.dagPatterns = ["oth*"] }.count == 6)
    #expect(try await list(bench, .pending) { $0.dagPatterns = ["none"] }.isEmpty)
    var filter = DeliveryFilter()
    filter.record = .dagRun(row)
    #expect(try await bench.ledger.deliveryCounts(filter).map(\.events) == [6])
    #expect(try await bench.ledger.deliveries(of: .dagRun(row)).map { [$0.made, $0.pending] } == [[6, 6]])
    #expect(try await bench.ledger.discard(filter, by: "ada", because: nil) == 6)
    #expect(try await list(bench, .discarded) { $0.record = .dagRun(row) }.count == 6)
    #expect(try await bench.told().count == 6)
  }

  @Test func aListGoesOnAfterAnItem() async throws {
    let bench = try await bench()
    var seen: [Int64] = []
    var last: DeliveryItem?
    while let next = try await bench.ledger.deliveryItems(DeliveryFilter(), .pending, after: last, limit: 2).last {
      seen.append(next.id ?? 0)
      last = next
    }
    #expect(seen.count == 3 && seen == seen.sorted())
  }

  @Test func oneItemIsShownWithItsBytesAndTheAnswer() async throws {
    let bench = try await bench()
    let parked = try #require(try await bench.ledger.deliveryItems(DeliveryFilter(), .parked, limit: 1).first)
    let shown = try #require(try await bench.ledger.deliveryItem(parked.id ?? 0))
    #expect(shown.item == parked && shown.body == Array("{}".utf8))
    #expect(parked.status == 413 && parked.answer == "too large" && parked.bytes == 2 && parked.tries == 1)
    #expect(try await bench.ledger.deliveryItem(999_999) == nil)
  }

  @Test func historyThatWaitsIsALineForEachRun() async throws {
    let bench = try await Bench(sinks: [events])
    for number in 1...3 {
      try await bench.apply(
        run("r\(number)", "success", source: Int64(number), end: 40, logical: number),
        [attempt("success", end: 30)], history: true)
    }
    let waiting = try await bench.ledger.waitingHistory(DeliveryFilter(), skipping: 1, limit: 5)
    #expect(waiting.map { "\($0.dagRun?.runID ?? "") \($0.events) \($0.kind)" } == ["r2 4 history", "r3 4 history"])
    let counts = try await bench.ledger.deliveryCounts(DeliveryFilter())
    #expect(counts.map { "\($0.state) \($0.items) \($0.events)" } == ["pending 3 12"])
    var filter = DeliveryFilter()
    filter.reason = "413"
    #expect(try await bench.ledger.waitingHistory(filter, limit: 5).isEmpty)
  }

  @Test func itemsAreCountedBySinkStateAndReason() async throws {
    let bench = try await bench()
    let counts = try await bench.ledger.deliveryCounts(DeliveryFilter())
    #expect(
      Set(counts.map { "\($0.state) \($0.reason ?? "-") \($0.items)" })
        == ["parked HTTP 413 1", "parked HTTP 400 1", "retrying - 1", "pending - 5"])
    let parked = try await bench.ledger.deliveryItems(DeliveryFilter(), .parked, limit: 9).compactMap(\.id)
    var filter = DeliveryFilter()
    filter.items = parked + [999_999]
    #expect(try await bench.ledger.deliveryCounts(filter).reduce(0) { $0 + $1.items } == 2)
  }
}
