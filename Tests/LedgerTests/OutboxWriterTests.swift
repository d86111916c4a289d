import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct OutboxWriterTests {
  let task = attempt("success", end: 30)

  @Test(arguments: SinkRegistration.Emission.allCases)
  func aSinkGetsTheKindsItAsksForAlone(_ emission: SinkRegistration.Emission) async throws {
    let sink = SinkRegistration(name: "some", type: "openlineage", kind: .events([emission]), history: true)
    let bench = try await Bench(sinks: [sink])
    try await bench.apply(run("success", end: 40), [task], links: [proposal(task, 71)])
    var complete = dbtRun(71, isComplete: true)
    complete.steps = [step()]
    try await bench.answer(complete)
    let expected: [String] =
      switch emission {
      case .dagRuns: ["run c0 START 10", "run c0 COMPLETE 40"]
      case .attempts: ["a.1 START 20", "a.1 COMPLETE 30"]
      case .dbtRuns: ["dbt 1 START 23", "dbt 1 COMPLETE 32"]
      case .dbtNodes:
        [
          "model.shop.m1 run START 24", "model.shop.m1 run COMPLETE 25", "test.shop.single run START 31",
          "test.shop.single run FAIL 31", "model.shop.m1 tests START 26", "model.shop.m1 tests COMPLETE 27",
        ]
      }
    #expect(try await bench.told("some") == expected)
  }

  @Test func historyDoesNotGoToASinkThatDoesNotWantIt() async throws {
    var quiet = events
    quiet.history = false
    var quietRecords = records
    quietRecords.history = false
    let bench = try await Bench(sinks: [quiet, quietRecords])
    try await bench.apply(run("success", end: 40), [task], history: true)
    #expect(try await bench.told().isEmpty)
    #expect(try await bench.told("archive").isEmpty)
    // What is open at first contact is no history.
    try await bench.apply(run("r2", "running", source: 2, logical: 1), [task], history: true)
    #expect(try await bench.told() == ["run c0 START 10", "a.1 START 20", "a.1 COMPLETE 30"])
    // Nor is what happens to an old run now.
    try await bench.apply(run("running", clear: 1, start: 50), [])
    #expect(try await bench.told().last == "run c1 START 50")
  }

  @Test func aRecordIsALineWhenTheRunEndsAndNotBefore() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running"), [task])
    #expect(try await bench.told("archive").isEmpty)
    try await bench.apply(run("success", end: 40), [task])
    #expect(try await bench.told("archive") == ["record 1"])
  }

  @Test func pendingLinesOfOneRecordAreOne() async throws {
    let bench = try await Bench()
    try await bench.apply(run("success", end: 40), [task])
    try await bench.apply(run("failed", end: 41), [task])
    try await bench.apply(run("success", end: 42), [task])
    #expect(try await bench.told("archive") == ["record 1"])
  }

  @Test func aChangeWhileALineIsUnderWayIsANewLine() async throws {
    let bench = try await Bench()
    try await bench.apply(run("success", end: 40), [task])
    let underWay = try await bench.pending("archive")
    try await bench.apply(run("failed", end: 41), [task])
    try await bench.deliver(underWay, "archive")
    #expect(try await bench.told("archive") == ["record 1"])
    try await bench.deliver(try await bench.pending("archive"), "archive")
    #expect(try await bench.told("archive").isEmpty)
  }

  @Test func aRecordThatNoSinkWantsCostsNothing() async throws {
    let bench = try await Bench(sinks: [])
    try await bench.apply(run("success", end: 40), [task])
    #expect(try bench.query("SELECT count(*) FROM outbox") == ["0"])
  }
}
