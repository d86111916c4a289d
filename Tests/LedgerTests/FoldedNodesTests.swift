import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct FoldedNodesTests {
  let task = attempt("success", end: 30)

  private func complete(_ id: Int64 = 71, models: Int = 1, isComplete: Bool = true) -> DbtRun {
    var run = dbtRun(id, isComplete: isComplete)
    run.steps = [step(models: models)]
    return run
  }

  private func bench(_ emissions: Set<SinkRegistration.Emission>, history: Bool = true) async throws -> Bench {
    let sink = SinkRegistration(name: "lineage", type: "openlineage", kind: .events(emissions), history: history)
    let bench = try await Bench(sinks: [sink])
    try await bench.apply(run("success", end: 40), [task], links: [proposal(task, 71)])
    return bench
  }

  @Test func nodesComeBetweenTheStartAndTheEndOfTheirRun() async throws {
    let bench = try await bench([.dbtRuns, .dbtNodes])
    try await bench.answer(complete())
    let told = try await bench.told()
    #expect(told.first == "dbt 1 START 23" && told.last == "dbt 1 COMPLETE 32")
    #expect(told.count == 8)
    var open: Set<Substring> = []
    for text in told.dropFirst().dropLast() {
      let words = text.split(separator: " ")
      let subject = text.dropLast(words.suffix(2).joined(separator: " ").count)
      if words[2] == "START" { #expect(open.insert(subject).inserted) } else { #expect(open.remove(subject) != nil) }
    }
    #expect(open.isEmpty)
  }

  @Test func oneRowStandsForThemUntilDeliveryComesNear() async throws {
    let bench = try await bench([.dbtRuns, .dbtNodes])
    try await bench.answer(complete(models: 500))
    // A model and its test each, the test of its own, the START and the end.
    let count = 500 * 4 + 2 + 2
    #expect(try bench.query("SELECT count(*) FROM outbox") == ["2"])
    #expect(try await bench.ledger.pendingCount(ofSink: "lineage") == count)
    #expect(try await bench.pending(limit: 1).map(Bench.text) == ["dbt 1 START 23"])
    #expect(try bench.query("SELECT count(*) FROM outbox") == ["2"])
  }

  @Test func theyAreTakenOutSliceBySliceAndAllOfThem() async throws {
    let bench = try await bench([.dbtRuns, .dbtNodes])
    try await bench.answer(complete(models: 1500))
    let count = 1500 * 4 + 2 + 2
    var told: [String] = []
    while true {
      let items = try await bench.pending(limit: 256)
      if items.isEmpty { break }
      #expect(Int(try bench.query("SELECT count(*) FROM outbox")[0]).map { $0 <= 3000 } == true)
      told += items.map(Bench.text)
      try await bench.deliver(items, "lineage")
      #expect(try await bench.ledger.pendingCount(ofSink: "lineage") == count - told.count)
    }
    #expect(told.count == count && Set(told).count == count)
    #expect(told.last == "dbt 1 COMPLETE 32")
  }

  @Test func theyWaitForAStartThatWasNotDelivered() async throws {
    let bench = try await bench([.dbtRuns, .dbtNodes])
    try await bench.answer(complete())
    let start = try await bench.pending(limit: 1)
    var report = Ledger.DeliveryReport()
    report.retried = [(id: start[0].id, notBefore: 5_000)]
    try await bench.ledger.note(report, ofSink: try await bench.ledger.progress(ofSink: "lineage").id)
    #expect(try await bench.pending(now: 2_000).isEmpty)
    #expect(try await bench.pending(now: 6_000).map(Bench.text) == ["dbt 1 START 23"])
    try await bench.deliver(start, "lineage")
    #expect(try await bench.pending(now: 6_000).count == 7)
  }

  @Test func aSinkThatComesLaterIsToldTheSame() async throws {
    let bench = try await bench([.dbtRuns, .dbtNodes])
    try await bench.answer(complete())
    var late = events
    late.name = "late"
    try await bench.ledger.register(sinks: [late])
    #expect(try await bench.ledger.pendingCount(ofSink: "late") == 12)
    let told = try await bench.told("late")
    #expect(told.count == 12)
    #expect(told.contains("model.shop.m1 tests COMPLETE 27") && told.contains("test.shop.single run FAIL 31"))
  }

  @Test func aBackendIsProbedWithANodeWhenNothingElseWaits() async throws {
    let bench = try await bench([.dbtNodes])
    try await bench.answer(complete())
    let sink = try await bench.ledger.progress(ofSink: "lineage").id
    let item = try #require(try await bench.ledger.probingItem(ofSink: sink, now: .max))
    #expect(Bench.text(item) == "model.shop.m1 run START 24")
  }

  @Test func aRunThatIsKeptAnewIsNotToldTwice() async throws {
    let bench = try await Bench(sinks: [events])
    var run = complete()
    run.key = .core(name: "shop", invocationID: "b8513ee2-6c1f-44ed-a13d-3fc35ef81004")
    try await bench.ledger.keepComplete(core: run)
    let told = try await bench.told()
    #expect(told.count == 8)
    try await bench.ledger.keepComplete(core: run)
    #expect(try await bench.told() == told)
  }
}
