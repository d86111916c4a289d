import ExecutionModel
import Records
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerWantedRunsTests {
  private func texts(_ bench: Bench) async throws -> [String] { try await bench.ledger.runs(RunFilter()).map(\.key) }

  private func complete(_ id: Int64, _ bench: Bench) async throws {
    var run = dbtRun(id, isComplete: true)
    run.steps = [LedgerNodesTests.step()]
    try await bench.answer(run)
  }

  @Test func aListedRunIsFetchedThoughNoLinkNamesIt() async throws {
    let bench = try await Bench()
    var running = dbtRun(71, "running")
    running.statusCode = 3
    #expect(try await bench.ledger.keepWanted([running, dbtRun(72)], of: one, isHistory: false) == 2)
    #expect(try await bench.ledger.keepWanted([running], of: one, isHistory: false) == 0)
    #expect(try await bench.ledger.dueDbtRuns(of: "one", now: .max, limit: 9).map(\.runID) == [71, 72])
    #expect(try await bench.ledger.dbtRunsUnderWay(of: "one") == 1)
    #expect(try await bench.ledger.nextDbtCallDue(of: "one") == 0)
    try await complete(72, bench)
    #expect(try await bench.ledger.dueDbtRuns(of: "one", now: .max, limit: 9).map(\.runID) == [71])
    #expect(try await bench.ledger.wantedRuns(of: "one") == (2, 1))
    // What is complete stays so, however often it is listed.
    try await bench.ledger.keepWanted([dbtRun(72, "error")], of: one, isHistory: false)
    #expect(try await bench.ledger.runs(RunFilter()).map(\.state) == ["success", "running"])
  }

  @Test func historyWaitsBehindWhatALinkNames() async throws {
    let bench = try await Bench()
    try await bench.ledger.keepWanted([dbtRun(70), dbtRun(71)], of: one, isHistory: true)
    try await bench.ledger.keepWanted([dbtRun(72)], of: one, isHistory: false)
    let task = attempt("success", end: 30)
    try await bench.apply(run("success", end: 40), [task], links: [proposal(task, 71)])
    let (first, later) = (
      try await bench.ledger.dueDbtRuns(of: "one", now: .max, backlog: false, limit: 9),
      try await bench.ledger.dueDbtRuns(of: "one", now: .max, backlog: true, limit: 9)
    )
    #expect(first.map(\.runID) == [71, 72] && later.map(\.runID) == [70])
  }

  @Test func howFarListingHasComeIsKeptWithTheRuns() async throws {
    let bench = try await Bench(accounts: [one, two])
    #expect(try await bench.ledger.listedRuns(of: one) == ListedRuns())
    var progress = ListedRuns(cursor: 90, backfillBelow: 40)
    try await bench.ledger.keepWanted([dbtRun(71)], of: one, isHistory: false, progress: progress)
    #expect(try await bench.ledger.listedRuns(of: one) == progress)
    progress.isBackfillDone = true
    try await bench.ledger.keepWanted([], of: one, isHistory: true, progress: progress)
    #expect(try await bench.ledger.listedRuns(of: one) == progress)
    #expect(try await bench.ledger.listedRuns(of: two) == ListedRuns())
  }

  @Test func aRunWithoutAnAttemptIsARecordOfItsOwn() async throws {
    let bench = try await Bench()
    try await bench.ledger.keepWanted([dbtRun(71)], of: one, isHistory: false)
    try await complete(71, bench)
    let found = try await bench.ledger.runs(named: "cloud/one.dbt.com/4433/71")
    #expect(found.count == 1 && found[0].id == .dbtRun(1) && found[0].dagRun == nil)
    let record = try #require(try await bench.ledger.record(found[0].id, RecordContext()))
    #expect(record.header.kind == .dbtRun && record.attempts.isEmpty && record.header.revision > 1)
    #expect(record.dbtRuns.map(\.runID) == [71] && record.dbtRuns[0].steps[0].results.count == 5)
    #expect(try await bench.told("archive") == ["record 0"])
    let told = try await bench.told()
    #expect(told.filter { $0.hasPrefix("dbt 1 ") } == ["dbt 1 START 23", "dbt 1 COMPLETE 32"])
    #expect(told.contains("model.shop.orders run START 25") && told.last == "dbt 1 COMPLETE 32", "\(told)")
    var filter = RunFilter()
    filter.dbtRunID = 71
    #expect(try await bench.ledger.runs(filter).count == 1)
    filter.instances = ["prod"]
    #expect(try await bench.ledger.runs(filter).isEmpty)
    await bench.ledger.consider(sinks: [records])
    #expect(try await bench.ledger.deliveries(of: found[0].id).map(\.made) == [1])
  }

  @Test(arguments: ["running", "success"])
  func itMovesUnderItsDagRunWhenALinkTurnsUp(_ state: String) async throws {
    let bench = try await Bench()
    try await bench.ledger.keepWanted([dbtRun(71)], of: one, isHistory: false)
    try await complete(71, bench)
    try await bench.deliver(try await bench.pending("archive"), "archive")
    let task = attempt("success", end: 30)
    try await bench.apply(run(state, end: state == "success" ? 40 : nil), [task], links: [proposal(task, 71)])
    #expect(try await texts(bench) == [key("r1").description])
    #expect(try await bench.told("archive") == ["record 1"])
    #expect(try await bench.record().dbtRuns.map(\.runID) == [71])
    #expect(try await bench.ledger.record(.dbtRun(1), RecordContext()) == nil)
  }

  @Test func aRunOfDbtCoreIsARecordThatIsFoundByItsInvocation() async throws {
    let bench = try await Bench()
    var run = DbtRun(key: .core(name: "local", invocationID: "5f2c-1"), status: "success", isComplete: true)
    run.startedAt = at(5)
    run.steps = [LedgerNodesTests.step()]
    for _ in 0..<2 { try await bench.ledger.keepComplete(core: run) }
    #expect(try await texts(bench) == ["core/local/5f2c-1"])
    for name in ["core/local/5f2c-1", "5f2c-1", "core/lo"] {
      #expect(try await bench.ledger.runs(named: name).map(\.key) == ["core/local/5f2c-1"], "\(name)")
    }
    #expect(try await bench.told("archive") == ["record 0"])
    #expect(try bench.query("SELECT count(*) FROM dbt_check_outcome") == ["3"])
  }

  @Test func historyGoesToTheSinksThatWantIt() async throws {
    let bench = try await Bench(sinks: [
      SinkRegistration(name: "live", type: "file", kind: .records, history: false),
      SinkRegistration(name: "all", type: "file", kind: .records, history: true),
    ])
    try await bench.ledger.keepWanted([dbtRun(71)], of: one, isHistory: true)
    try await complete(71, bench)
    #expect(try await bench.told("live") == [])
    #expect(try await bench.told("all") == ["record 0"])
    // A sink that comes later gets what it would have got.
    let late = SinkRegistration(name: "late", type: "file", kind: .records, history: true)
    try await bench.ledger.register(sinks: [late])
    #expect(try await bench.told("late") == ["record 0"])
  }
}
