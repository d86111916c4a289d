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
    let health = InstanceHealth(airflowVersion: "3.0", alembicVersion: "x")
    try await bench.ledger.noteHealth(health, of: "prod")
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
}
