import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerCompleteRunsTests {
  /// A ledger that wants runs for their own sake.
  private func bench(_ runs: [DbtRun]) async throws -> Bench {
    let bench = try await Bench()
    try await bench.ledger.keepWanted(runs, of: one, isHistory: false)
    return bench
  }

  private func complete(_ runs: [DbtRun], in bench: Bench) async throws -> [CompleteDbtRun] {
    var complete: [CompleteDbtRun] = []
    for run in runs { complete.append(CompleteDbtRun(run, id: try #require(try await bench.due(run)).id)) }
    return complete
  }

  private func keep(_ runs: [DbtRun], in bench: Bench) async throws {
    var rest = try await complete(runs, in: bench)
    while !rest.isEmpty { rest.removeFirst(try await bench.ledger.keepComplete(firstOf: rest)) }
  }

  private func state(_ bench: Bench) async throws -> [String] {
    try await bench.ledger.checks().map { check in
      "\(check.key) \(check.outcome) since \(check.since?.microseconds ?? -1) \(check.failed)/\(check.recent) last "
        + "\(check.lastRun?.description ?? "-")"
    }.sorted()
  }

  /// Runs of two environments, the tests of which come out in various ways.
  private func runs(_ count: Int, using random: inout SeededGenerator) -> [DbtRun] {
    (1...count).map { number in
      var run = dbtRun(Int64(number), isComplete: true)
      run.projectID = 5
      run.environmentID = Int64.random(in: 1...2, using: &random)
      var one = step(models: 3)
      for index in one.results.indices where one.results[index].uniqueID.hasPrefix("test.") {
        one.results[index].status = ["pass", "fail", "skipped", "warn"].randomElement(using: &random) ?? "pass"
        one.results[index].completedAt = at(100 + Int.random(in: 0...count, using: &random))
      }
      // Now and then a project that has changed.
      if number.isMultiple(of: 4) { one.nodes["model.shop.m1"]?.description = "\(number)" }
      run.steps = [one]
      return run
    }
  }

  /// In whatever groups and order runs are kept, the ledger has the same.
  @Test(arguments: 0..<20 as Range<UInt64>) func runsThatAreKeptTogetherAreAsIfKeptOneByOne(_ seed: UInt64) async throws
  {
    guard Driver.current == .sqlite || seed < 5 else { return }
    var random = SeededGenerator(seed: seed)
    let runs = runs(12, using: &random)
    let (alone, together) = (try await bench(runs), try await bench(runs))
    for one in try await complete(runs, in: alone) { try await alone.ledger.keepComplete(one.run, id: one.id) }
    var rest = runs.shuffled(using: &random)[...]
    while !rest.isEmpty {
      let some = rest.prefix(Int.random(in: 1...5, using: &random))
      try await keep(Array(some), in: together)
      rest = rest.dropFirst(some.count)
    }
    #expect(try await state(together) == state(alone), "seed \(seed)")
    #expect(try await together.told("archive").count == 12, "seed \(seed)")
    let twice = "SELECT count(*) - count(DISTINCT scope || ' ' || unique_id) FROM dbt_check"
    #expect(try together.query(twice) == ["0"], "seed \(seed)")
    let results = """
      SELECT d.run_id || ' ' || r.position || ' ' || n.unique_id || ' ' || r.status || ' ' || coalesce(n.description, '')
      FROM dbt_result r JOIN dbt_node n ON n.id = r.node JOIN dbt_run d ON d.id = r.dbt_run ORDER BY 1
      """
    #expect(try together.query(results) == alone.query(results), "seed \(seed)")
  }

  @Test func aRunThatCannotBeKeptTakesNoOtherWithIt() async throws {
    var random = SeededGenerator(seed: 1)
    var runs = runs(3, using: &random)
    runs[1].steps[0].name = "broken"
    // What is new in the transaction that fails is new afterwards too.
    for index in 1...2 { runs[index].steps[0].nodes["model.shop.m2"]?.description = "new" }
    let bench = try await bench(runs)
    try bench.refuse("dbt_step", when: "new.name = 'broken'")
    var rest = try await complete(runs, in: bench)
    #expect(try await bench.ledger.keepComplete(firstOf: rest) == 1)
    rest.removeFirst()
    await #expect(throws: LedgerError.self) { _ = try await bench.ledger.keepComplete(firstOf: rest) }
    #expect(try await bench.ledger.keepComplete(firstOf: [rest[1]]) == 1)
    #expect(try bench.query("SELECT run_id FROM dbt_run WHERE is_complete = 1 ORDER BY run_id") == ["1", "3"])
    #expect(
      try bench.query(
        """
        SELECT n.description FROM dbt_result r JOIN dbt_node n ON n.id = r.node JOIN dbt_run d ON d.id = r.dbt_run
        WHERE d.run_id = 3 AND n.unique_id = 'model.shop.m2'
        """) == ["new"])
    try bench.refuseNothing("dbt_step")
    #expect(try await bench.ledger.keepComplete(firstOf: [rest[0]]) == 1)
    #expect(try bench.query("SELECT count(*) FROM dbt_result WHERE node NOT IN (SELECT id FROM dbt_node)") == ["0"])
  }

  @Test func aLargeRunIsKeptByItself() async throws {
    var large = dbtRun(2, isComplete: true)
    var step = DbtStep(index: 1)
    step.results = (0..<2001).map { DbtNodeResult(uniqueID: "model.shop.m\($0)", status: "success") }
    large.steps = [step]
    let runs = [dbtRun(1, isComplete: true), large, dbtRun(3, isComplete: true)]
    let bench = try await bench(runs)
    let all = try await complete(runs, in: bench)
    #expect(all.map(\.isLarge) == [false, true, false])
    for start in all.indices { #expect(try await bench.ledger.keepComplete(firstOf: Array(all[start...])) == 1) }
    #expect(try await bench.ledger.keepComplete(firstOf: []) == 0)
    #expect(try bench.query("SELECT count(*) FROM dbt_run WHERE is_complete = 1") == ["3"])
  }
}
