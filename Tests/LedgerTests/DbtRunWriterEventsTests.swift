import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct DbtRunWriterEventsTests {
  let task = attempt("success", end: 30)

  @Test func theEndIsToldWhenEverythingWasRead() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running"), [task], links: [proposal(task, 71)])
    try await bench.answer(dbtRun(71, "queued"))
    #expect(try await bench.told().filter { $0.hasPrefix("dbt") }.isEmpty)
    try await bench.answer(dbtRun(71, "running"))
    try await bench.answer(dbtRun(71, "success"))
    #expect(try await bench.told().filter { $0.hasPrefix("dbt") } == ["dbt 1 START 23"])
    #expect(try await bench.told("archive").isEmpty)
    try await bench.answer(dbtRun(71, "success", isComplete: true))
    #expect(try await bench.told().filter { $0.hasPrefix("dbt") } == ["dbt 1 START 23", "dbt 1 COMPLETE 32"])
    #expect(try await bench.told("archive") == ["record 1"])
  }

  @Test func theParentIsTheFirstAttemptThatTriggeredItAndStaysSo() async throws {
    let bench = try await Bench()
    let sensor = attempt("sensor", "success", start: 11, end: 39)
    try await bench.apply(
      run("success", end: 40), [task, sensor],
      links: [proposal(task, 71), proposal(sensor, 71, confidence: .strong, relation: .waitedFor)])
    try await bench.answer(dbtRun(71, "running"))
    // An earlier attempt shows up later.
    let early = attempt("early", "success", start: 12, end: 30)
    try await bench.apply(
      run("r2", "success", source: 2, end: 40, logical: 1), [early], links: [proposal(early, 71)])
    try await bench.answer(dbtRun(71, isComplete: true))
    let items = try await bench.pending().filter { $0.kind == .dbtRun }
    #expect(items.count == 2 && items.allSatisfy { $0.dagRun == 1 })
    #expect(try await bench.ledger.facts(for: items).map { $0.attempt?.key } == [task.key, task.key])
  }

  @Test func aRunThatAttemptsOnlyWaitedForHasNoParent() async throws {
    let bench = try await Bench()
    try await bench.apply(
      run("success", end: 40), [task], links: [proposal(task, 71, confidence: .strong, relation: .waitedFor)])
    try await bench.answer(dbtRun(71, isComplete: true))
    let items = try await bench.pending().filter { $0.kind == .dbtRun }
    #expect(items.map(\.dagRun) == [0, 0])
    let facts = try await bench.ledger.facts(for: items)
    #expect(facts.allSatisfy { $0.run == nil && $0.attempt == nil && $0.dbtRun?.runID == 71 })
  }

  @Test func everyRecordThatShowsTheRunIsANewLine() async throws {
    let bench = try await Bench()
    let other = attempt("b", "success", start: 31, end: 33)
    try await bench.apply(run("success", end: 40), [task], links: [proposal(task, 71)])
    try await bench.apply(
      run("r2", "success", source: 2, end: 40, logical: 1), [other], links: [proposal(other, 71)])
    try await bench.deliver(try await bench.pending("archive"), "archive")
    try await bench.answer(dbtRun(71, isComplete: true))
    #expect(try await bench.told("archive") == ["record 1", "record 2"])
  }

  @Test func aRunOfHistoryIsHistory() async throws {
    var quiet = events
    quiet.name = "quiet"
    quiet.history = false
    let bench = try await Bench(sinks: [events, quiet])
    try await bench.apply(run("success", end: 40), [task], links: [proposal(task, 71)], history: true)
    try await bench.answer(dbtRun(71, isComplete: true))
    #expect(try await bench.told().count == 6)
    #expect(try await bench.told("quiet").isEmpty)
  }
}
