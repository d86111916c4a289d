import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerChecksTests {
  /// A linked run with a failing, a warning and a passing test, and a run of dbt Core.
  private func bench() async throws -> Bench {
    let bench = try await Bench()
    let task = attempt("failed", end: 30)
    var dag = Dag(dagID: "daily", owners: ["finance"], tags: [])
    dag.isPaused = false
    try await bench.apply(run("failed", end: 40), [task], links: [proposal(task, 71)], dags: [dag])
    var linked = dbtRun(71, "error", isComplete: true)
    (linked.projectID, linked.environmentID) = (5, 6)
    linked.steps = [LedgerNodesTests.step()]
    try await bench.answer(linked)
    var core = DbtRun(key: .core(name: "ci", invocationID: "x"), status: "success", isComplete: true)
    core.finishedAt = at(90)
    core.steps = [LedgerNodesTests.step()]
    core.steps[0].results = core.steps[0].results.filter { $0.uniqueID == "test.shop.unique_orders_id" }
    try await bench.ledger.keepComplete(core: core)
    return bench
  }

  private func names(_ bench: Bench, _ change: (inout CheckFilter) -> Void) async throws -> [String] {
    var filter = CheckFilter()
    change(&filter)
    return try await bench.ledger.checks(filter).map { "\($0.scope) \($0.name ?? "-")" }
  }

  @Test func failingChecksComeFirst() async throws {
    let bench = try await bench()
    let all = [
      "one/5/6 not_null_orders_id", "one/5/6 warns_orders", "core/ci unique_orders_id", "one/5/6 unique_orders_id",
    ]
    #expect(try await names(bench) { _ in } == all)
    #expect(try await names(bench) { $0.limit = 2 } == Array(all.prefix(2)))
    #expect(try await names(bench) { $0.failingOnly = true } == [all[0]])
    #expect(try await names(bench) { $0.accounts = ["ci"] } == [all[2]])
    #expect(try await names(bench) { $0.accounts = ["one"] }.count == 3)
    #expect(try await names(bench) { $0.dagPatterns = ["da*y"] }.count == 3)
    #expect(try await names(bench) { $0.dagPatterns = ["weekly"] } == [])
  }

  @Test func aCheckSaysWhatItIsOn() async throws {
    let check = try #require(try await bench().ledger.checks().first)
    #expect(check.node == "model.shop.orders" && check.column == "id" && check.relation == "db.mart.orders")
    #expect(check.owner == "ann" && check.severity == "error" && check.outcome == .fail)
  }

  @Test(arguments: [
    ("one/5/6/test.shop.unique_orders_id", 1), ("unique_orders_id", 2), ("test.shop.unique_orders_id", 2),
    ("core/ci", 1), ("NOT_NULL", 1), ("nothing", 0), ("", 4), ("orders", 4),
  ])
  func aCheckIsFoundByItsNamesAndPartsOfThem(_ name: String, _ count: Int) async throws {
    #expect(try await bench().ledger.checks(named: name).count == count)
  }

  @Test func theHistoryHasTheAttemptsBehindIt() async throws {
    let bench = try await bench()
    let check = try #require(try await bench.ledger.checks().first)
    let history = try await bench.ledger.history(ofCheck: check.id, limit: 5)
    #expect(history.map(\.failures) == [4] && history.map(\.message) == ["Got 4 results"])
    let attempt = try #require(history.first?.attempts.first)
    #expect(attempt.run == key("r1") && attempt.attempt.taskID == "a" && attempt.state == "failed")
    #expect(attempt.owners == ["finance"] && attempt.relation == .triggered && attempt.confidence == .exact)
    #expect(history.first?.run.runID == 71)
  }
}
