import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct WaitingHistoryTests {
  private let task = attempt("success", end: 30)
  private let whole = ["run c0 START 10", "a.1 START 20", "a.1 COMPLETE 30", "run c0 COMPLETE 40"]

  private func benchWithHistory(runs: Int = 1, sinks: [SinkRegistration] = [events]) async throws -> Bench {
    let bench = try await Bench(sinks: sinks)
    for number in 1...runs { try await add(number, to: bench) }
    return bench
  }

  private func add(_ number: Int, to bench: Bench) async throws {
    try await bench.apply(
      run("r\(number)", "success", source: Int64(number), end: 40, logical: number), [task], history: true)
  }

  private func rows(_ bench: Bench) throws -> (items: Int, waiting: Int) {
    let items = try bench.query("SELECT count(*) FROM outbox WHERE kind <> 'record'")
    return (Int(items[0]) ?? -1, Int(try bench.query("SELECT count(*) FROM outbox_history")[0]) ?? -1)
  }

  // MARK: One row for a run

  @Test func historyIsOneRowForEachRunAndCountsAsItsEvents() async throws {
    let bench = try await benchWithHistory(runs: 3, sinks: [events, records])
    #expect(try rows(bench) == (0, 3))
    #expect(try await bench.ledger.pendingCount(ofSink: "lineage") == 12)
    let status = try #require(try await bench.ledger.status().sinks.first { $0.name == "lineage" })
    #expect(status.pending == 12 && status.oldestPendingAt == Instant(microseconds: 1_000))
    #expect(
      try await bench.ledger.deliveries(of: .dagRun(try await bench.row())).map {
        "\($0.sink) \($0.made) \($0.pending)"
      }
        == ["lineage 4 4", "archive 1 1"])
    // The same when they are items.
    #expect(try await bench.told() == whole + whole + whole)
    #expect(try rows(bench) == (12, 0))
    #expect(try await bench.ledger.pendingCount(ofSink: "lineage") == 12)
    let later = try #require(try await bench.ledger.status().sinks.first { $0.name == "lineage" })
    #expect(later.pending == 12 && later.oldestPendingAt == Instant(microseconds: 1_000))
    #expect(try await bench.ledger.deliveries(of: .dagRun(try await bench.row())).map(\.pending) == [4, 1])
  }

  @Test(arguments: SinkRegistration.Emission.allCases)
  func aSinkWaitsForTheKindsItAsksForAlone(_ emission: SinkRegistration.Emission) async throws {
    let sink = SinkRegistration(name: "some", type: "openlineage", kind: .events([emission]), history: true)
    let bench = try await benchWithHistory(sinks: [sink])
    let expected = emission == .dagRuns || emission == .attempts ? 2 : 0
    #expect(try await bench.ledger.pendingCount(ofSink: "some") == expected)
    #expect(try rows(bench) == (0, expected == 0 ? 0 : 1))
    #expect(try await bench.told("some").count == expected)
  }

  @Test func aSinkThatComesLaterWaitsTheSameWay() async throws {
    let bench = try await benchWithHistory(runs: 2, sinks: [])
    try await bench.apply(run("r3", "running", source: 3, logical: 3), [attempt("running")])
    let sensor = attempt("sensor", "success", end: 30)
    try await bench.apply(
      run("r4", "queued", source: 4, start: nil, logical: 4), [sensor],
      links: [proposal(sensor, 72, confidence: .strong, relation: .waitedFor)])
    try await bench.answer(dbtRun(72, isComplete: true))
    try await bench.ledger.register(sinks: [events])
    #expect(try rows(bench) == (0, 5))
    let count = try await bench.ledger.pendingCount(ofSink: "lineage")
    let told = try await bench.told()
    #expect(told.count == count && count == 14)
    #expect(told.prefix(8) == ArraySlice(whole + whole))
    #expect(told.suffix(2) == ["dbt 1 START 23", "dbt 1 COMPLETE 32"])
  }

  // MARK: Order

  @Test func whatIsNewComesFirst() async throws {
    let bench = try await benchWithHistory(runs: 2)
    try await bench.apply(run("r9", "running", source: 9, logical: 9))
    #expect(try await bench.pending(limit: 1).map(Bench.text) == ["run c0 START 10"])
    #expect(try rows(bench) == (1, 2))
    #expect(try await bench.told() == ["run c0 START 10"] + whole + whole)
  }

  @Test func historyBecomesItemsLittleByLittle() async throws {
    let bench = try await benchWithHistory(runs: 600)
    #expect(try await bench.pending(limit: 256).count == 256)
    let (items, waiting) = try rows(bench)
    #expect(items < 2400 && items >= 256 && waiting > 0)
    #expect(try await bench.ledger.pendingCount(ofSink: "lineage") == 2400)
    // An item that is due is enough.
    _ = try await bench.pending(limit: 100)
    #expect(try rows(bench) == (items, waiting))
  }

  @Test func theItemThatProbesABackendMayBeHistory() async throws {
    let bench = try await benchWithHistory()
    let sink = try await bench.ledger.progress(ofSink: "lineage").id
    try await bench.apply(run("r9", "running", source: 9, logical: 9))
    let open = try #require(try await bench.ledger.probingItem(ofSink: sink, now: 5))
    #expect(try rows(bench) == (1, 1))
    var report = Ledger.DeliveryReport()
    report.retried = [(id: open.id, notBefore: 3)]
    try await bench.ledger.note(report, ofSink: sink)
    // What was not tried yet goes before what was tried in vain.
    let next = try #require(try await bench.ledger.probingItem(ofSink: sink, now: 5))
    #expect(next.dagRun != open.dagRun && next.tries == 0 && Bench.text(next) == "run c0 START 10")
  }

  // MARK: What happens while it waits

  @Test func whatHappensToARunComesAfterItsHistory() async throws {
    let bench = try await benchWithHistory(runs: 2)
    try await bench.apply(
      run("r1", "running", clear: 1, start: 50, logical: 1), [attempt(try: 2, "running", start: 51)])
    #expect(try rows(bench) == (6, 1))
    #expect(try await bench.told() == whole + ["run c1 START 50", "a.2 START 51"] + whole)
  }

  /// Without clear numbers nothing is told of the run again, but its attempts go on.
  @Test func aRunWithoutAClearNumberIsToldAsItWas() async throws {
    let bench = try await Bench(sinks: [events])
    try await bench.apply(run("success", clear: nil, end: 40), [task], history: true)
    try await bench.apply(run("running", clear: nil, start: 50), [attempt(try: 2, "running", start: 51)])
    let before = whole.map { $0.replacing("c0", with: "c-") }
    #expect(try await bench.told() == before + ["a.2 START 51"])
  }

  @Test func aLateChangeThatIsNotToldLeavesHistoryAsItWas() async throws {
    let bench = try await benchWithHistory()
    try await bench.apply(run("r1", "failed", end: 99, logical: 1), [attempt("failed", end: 98)])
    #expect(try await bench.told() == whole)
  }

  @Test func aDbtRunComesAfterTheHistoryOfItsDAGRun() async throws {
    let bench = try await Bench(sinks: [events])
    try await bench.apply(run("success", end: 40), [task], links: [proposal(task, 71)], history: true)
    #expect(try rows(bench) == (0, 1))
    try await bench.answer(dbtRun(71, isComplete: true))
    #expect(try rows(bench) == (6, 0))
    #expect(try await bench.told() == whole + ["dbt 1 START 23", "dbt 1 COMPLETE 32"])
  }

  @Test func aRunThatAirflowHasNoMoreIsStillTold() async throws {
    let bench = try await benchWithHistory()
    try await bench.apply(nil, missing: [1], readAt: 100)
    #expect(try await bench.told() == whole)
  }

  @Test func aPageThatIsReadAgainIsNotToldAgain() async throws {
    let bench = try await benchWithHistory()
    try await add(1, to: bench)
    #expect(try rows(bench) == (0, 1))
    #expect(try await bench.told() == whole)
    try await add(1, to: bench)
    #expect(try await bench.told() == whole)
  }

  @Test func aWithheldRunDoesNotWait() async throws {
    let bench = try await benchWithHistory()
    try await bench.apply(run("twin", "success", source: 2, end: 40, logical: 1), [task], history: true)
    #expect(try rows(bench) == (0, 1))
    #expect(try await bench.told() == whole)
  }

  @Test func itWaitsThroughAStop() async throws {
    let bench = try await benchWithHistory(runs: 600)
    let some = try await bench.pending(limit: 256)
    await bench.ledger.close()
    try await bench.ledger.open()
    try await bench.ledger.register(sinks: [events])
    #expect(try await bench.pending(limit: 256).map(\.id) == some.map(\.id))
    let all = try await bench.pending()
    #expect(all.count == 2400 && Set(all.map { "\($0.dagRun) \(Bench.text($0))" }).count == 2400)
  }

  @Test func aSinkThatWritesRecordsNowGetsThem() async throws {
    let bench = try await benchWithHistory(runs: 2)
    var sink = records
    sink.name = "lineage"
    try await bench.ledger.register(sinks: [sink])
    #expect(try await bench.told() == ["record 1", "record 2"])
  }

  // MARK: Whatever happens

  /// A sink that is always served at once and one that is served at the end are told the same.
  @Test(arguments: (1...40).map(UInt64.init)) func itMakesNoDifferenceWhenItIsDelivered(seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    var prompt = events
    prompt.name = "prompt"
    let bench = try await Bench(sinks: [events, prompt])
    var promptly: [String] = []
    var clears = [Int](repeating: 0, count: 6)
    for step in 1...60 {
      let number = Int.random(in: 1...5, using: &random)
      let isOpen = Int.random(in: 0..<3, using: &random) == 0
      if Int.random(in: 0..<4, using: &random) == 0 { clears[number] += 1 }
      let tries = (0...clears[number]).map { index in
        attempt(
          "t", try: index + 1, index < clears[number] || !isOpen ? "success" : "running", start: 20 + index,
          end: 30 + index, current: index == clears[number])
      }
      try await bench.apply(
        run(
          "r\(number)", isOpen ? "running" : "success", source: Int64(number), clear: clears[number], start: 10 + step,
          end: isOpen ? nil : 40 + step, logical: number),
        tries, links: [proposal(tries[0], Int64(70 + number))], history: Bool.random(using: &random))
      if Int.random(in: 0..<5, using: &random) == 0 {
        if try await bench.due(dbtRun(Int64(70 + number), isComplete: true)) != nil {
          try await bench.answer(dbtRun(Int64(70 + number), isComplete: true))
        }
      }
      let items = try await bench.pending("prompt")
      promptly += items.map { "\($0.dagRun) \(Bench.text($0))" }
      try await bench.deliver(items, "prompt")
    }
    let late = try await bench.pending().map { "\($0.dagRun) \(Bench.text($0))" }
    #expect(late.sorted() == promptly.sorted(), "seed \(seed)")
    #expect(Set(late).count == late.count, "seed \(seed)")
    for run in 1...5 {
      let mine = late.filter { $0.hasPrefix("\(run) ") }
      #expect(mine.first?.hasPrefix("\(run) run c") ?? true, "seed \(seed): \(mine)")
      for end in mine where end.contains("COMPLETE") {
        let start = end.split(separator: "COMPLETE")[0] + "START"
        let begin = mine.firstIndex { $0.hasPrefix(start) } ?? .max
        #expect(begin < mine.firstIndex(of: end) ?? 0, "seed \(seed): \(end)")
      }
    }
  }

  // MARK: Plans

  @Test func nothingIsSearchedFromEndToEnd() async throws {
    guard Driver.current == .sqlite else { return }
    let bench = try await benchWithHistory()
    for sql in [Ledger.selectDue.text, Ledger.selectUntried.text, Ledger.selectTried.text] {
      let plan = try bench.plan(of: sql)
      #expect(!plan.contains("SCAN"), "\(plan)")
      #expect(plan.contains("outbox_delayed"), "\(plan)")
    }
    #expect(try !bench.plan(of: Ledger.selectDue.text).contains("TEMP B-TREE"))
    #expect(try !bench.plan(of: Ledger.selectUntried.text).contains("TEMP B-TREE"))
    let count = try bench.plan(of: "SELECT \(Ledger.pendingOfSink) FROM sink s WHERE s.name = 'lineage'")
    #expect(count.contains("outbox_pending") && !count.contains("SCAN"), "\(count)")
    #expect(try !bench.plan(of: Ledger.enqueueWaiting).contains("SCAN attempt"))
  }
}

extension Bench {
  fileprivate func plan(of sql: String) throws -> String {
    let database = try connect()
    return try database.prepare("EXPLAIN QUERY PLAN " + sql).rows { $0.text(3) }.joined(separator: "; ")
  }
}
