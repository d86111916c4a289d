import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerNodeCollectionTests {
  private func names(_ bench: Bench) throws -> Set<String> { Set(try bench.query("SELECT unique_id FROM dbt_node")) }

  private func add(_ number: Int, models: Int, to bench: Bench) async throws {
    let task = attempt("success", end: 30)
    try await bench.apply(
      run("r\(number)", "success", source: Int64(number), end: 40, logical: number), [task],
      links: [proposal(task, Int64(number))])
    var answer = dbtRun(Int64(number), isComplete: true)
    answer.steps = [step(models: models)]
    try await bench.answer(answer)
  }

  /// To the end; an hour goes by where that is waited for.
  private func collect(_ bench: Bench, _ clock: TestClock, meanwhile: () async throws -> Void = {}) async throws -> Int
  {
    var deleted = 0
    while true {
      let slice = try await bench.ledger.collectNodes()
      deleted += slice.deleted
      if slice.isWaiting {
        try await meanwhile()
        clock.advance(seconds: 3601)
      }
      if slice.isFinished { return deleted }
    }
  }

  @Test func nodesThatNothingNamesAnyMoreGo() async throws {
    let clock = TestClock()
    let bench = try await Bench(sinks: [], clock: { clock.now })
    try await add(1, models: 3, to: bench)
    try await add(2, models: 1, to: bench)
    let all = try names(bench)
    #expect(try await collect(bench, clock) == 0)
    #expect(try names(bench) == all)
    // The first run goes, with its checks; the nodes of the second stay, the source that it only reads, too.
    try bench.execute(
      """
      DELETE FROM dbt_result WHERE dbt_run = 1; DELETE FROM dbt_check_outcome WHERE dbt_run = 1;
      DELETE FROM dbt_check WHERE last_run = 1
      """)
    #expect(try await collect(bench, clock) == 4)
    let left = try names(bench)
    #expect(
      left.contains("source.shop.raw.orders") && left.contains("model.shop.m1") && !left.contains("model.shop.m3"))
  }

  @Test func aNodeThatIsHandedOutMeanwhileStays() async throws {
    let clock = TestClock()
    let bench = try await Bench(sinks: [], clock: { clock.now })
    try await add(1, models: 3, to: bench)
    try bench.execute("DELETE FROM dbt_result; DELETE FROM dbt_check_outcome; DELETE FROM dbt_check")
    var isFirst = true
    _ = try await collect(bench, clock) {
      if isFirst { try await add(2, models: 2, to: bench) }
      isFirst = false
    }
    let left = try names(bench)
    #expect(left.contains("model.shop.m2") && !left.contains("model.shop.m3"))
    #expect(
      try bench.query("SELECT count(*) FROM dbt_result WHERE node NOT IN (SELECT id FROM dbt_node)") == ["0"])
  }
}
