import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerDeliveriesTests {
  @Test func deliveriesAreCountedBySink() async throws {
    let bench = try await Bench()
    let task = attempt("success", end: 30)
    try await bench.apply(run("running"), [task], links: [proposal(task, 71)])
    let id = try await bench.row()
    #expect(try await counts(bench, id) == ["lineage 3 3 0", "archive 0 0 0"])
    try await bench.apply(run("success", end: 40), [task], links: [proposal(task, 71)])
    try await bench.answer(dbtRun(71, isComplete: true))
    try await bench.apply(run("running", clear: 1, start: 50), [task], links: [proposal(task, 71)])
    #expect(try await counts(bench, id) == ["lineage 7 7 0", "archive 1 1 0"])
    try await bench.deliver(try await bench.pending(limit: 4), "lineage")
    try await bench.deliver(try await bench.pending("archive"), "archive")
    #expect(try await counts(bench, id) == ["lineage 7 3 0", "archive 1 0 0"])
  }

  @Test func aSinkThatDoesNotWantHistoryHasNoneOfIt() async throws {
    var quiet = events
    quiet.history = false
    let bench = try await Bench(sinks: [quiet])
    try await bench.apply(run("success", end: 40), history: true)
    #expect(try await bench.ledger.deliveries(of: .dagRun(try await bench.row())).isEmpty)
  }

  private func counts(_ bench: Bench, _ id: Int64) async throws -> [String] {
    try await bench.ledger.deliveries(of: .dagRun(id)).map { "\($0.sink) \($0.made) \($0.pending) \($0.parked)" }
  }
}
