import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct FactsReaderTests {
  @Test func anEventIsMadeOfWhatItSpeaksOf() async throws {
    let bench = try await Bench(sinks: [events])
    let task = attempt("success", end: 30)
    let other = attempt("b", "failed", start: 21, end: 30)
    var dag = Dag(dagID: "daily", owners: ["ann"])
    dag.schedule = "@daily"
    try await bench.apply(run("failed", end: 40), [task, other], links: [proposal(task, 71)], dags: [dag])
    var complete = dbtRun(71, isComplete: true)
    complete.steps = [DbtStep(index: 1)]
    try await bench.answer(complete)
    try await bench.ledger.noteSchema(of: "prod", version: "3.0", alembicHead: "x")
    let items = try await bench.pending()
    let facts = try await bench.ledger.facts(for: items)
    for (item, facts) in zip(items, facts) {
      #expect(facts.run == run("failed", end: 40) && facts.dag == dag && facts.airflowVersion == "3.0")
      switch item.kind {
      case .dagRun:
        let isEnd = item.transition != .start
        #expect(Set(facts.currentAttempts.map(\.key)) == (isEnd ? [task.key, other.key] : []))
      case .attempt:
        #expect(facts.attempt?.key == item.attempt)
        #expect(facts.triggered == (item.attempt == task.key ? [dbtRun(71).key] : []))
      case .dbtRun:
        #expect(facts.attempt?.key == task.key && facts.dbtRun == complete)
      case .dbtNode, .dbtNodes: Issue.record("the step has no results")
      case .record: Issue.record("no sink wants records")
      }
    }
    #expect(Set(items.map(\.kind)) == [.dagRun, .attempt, .dbtRun])
  }

  @Test func manyItemsAtOnceHaveTheFactsOfEachAlone() async throws {
    let bench = try await Bench(sinks: [events])
    for number in 1...3 {
      // More of one DAG run than are looked for at once, and the same names in each.
      let mapped = (0..<70).map { attempt("t\($0 % 7)", try: $0 % 3 + 1, "success", end: 30, map: $0) }
      let links = [proposal(mapped[4], 100 * Int64(number)), proposal(mapped[4], 100 * Int64(number) + 1)]
      let later = run("r\(number)", "success", source: Int64(number), end: 40, logical: number)
      try await bench.apply(later, mapped, links: links)
    }
    let items = try await bench.pending()
    let together = try await bench.ledger.facts(for: items)
    var triggered = 0
    for (item, facts) in zip(items, together) {
      let alone = try #require(try await bench.ledger.facts(for: [item]).first)
      #expect(facts.run == alone.run && facts.attempt == alone.attempt && facts.triggered == alone.triggered)
      if item.kind == .attempt { #expect(facts.attempt?.key == item.attempt && facts.run?.sourceID != nil) }
      triggered += facts.triggered.count
    }
    #expect(items.filter { $0.kind == .attempt }.count == 3 * 2 * 70 && triggered == 3 * 2 * 2)
  }
}
