import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct CheckWriterTests {
  private let id = "test.shop.not_null_orders_id.1"

  /// A run of dbt Core with one test, done at a time.
  private func core(
    _ invocation: String, _ status: String, at second: Int?, name: String = "local", failures: Int64? = nil
  ) -> DbtRun {
    var run = DbtRun(key: .core(name: name, invocationID: invocation), status: "success", isComplete: true)
    run.finishedAt = at(1_000_000)
    var step = DbtStep(index: 1)
    var result = DbtNodeResult(uniqueID: id, status: status)
    result.completedAt = second.map { at($0) }
    result.failures = failures
    step.results = [result]
    run.steps = [step]
    return run
  }

  private func state(_ bench: Bench) async throws -> [String] {
    try await bench.ledger.checks().map { check in
      let since = check.since.map { String(Int($0.seconds(since: at(0)))) } ?? "-"
      return
        "\(check.outcome.description) since \(since) \(check.failed)/\(check.recent) last \(check.lastRun?.description ?? "-")"
    }
  }

  @Test func aCheckHasItsLastOutcomeAndSinceWhen() async throws {
    let bench = try await Bench()
    for (number, status) in ["pass", "fail", "skipped", "fail", "warn"].enumerated() {
      try await bench.ledger.keepComplete(core: core("i\(number)", status, at: number))
      if number == 3 { #expect(try await state(bench) == ["fail since 1 2/3 last core/local/i3"]) }
    }
    #expect(try await state(bench) == ["warn since 4 2/4 last core/local/i4"])
  }

  /// Checks are asked for many at a time.
  @Test func manyChecksOfARunAreEachKnownAgain() async throws {
    let bench = try await Bench()
    func many(_ invocation: String, _ numbers: [Int], _ status: String, at second: Int) -> DbtRun {
      var run = core(invocation, status, at: second)
      let result = run.steps[0].results[0]
      run.steps[0].results = numbers.map { number in
        var result = result
        result.uniqueID = "test.shop.t\(number)"
        return result
      }
      return run
    }
    for (number, tests) in [Array(0..<70), Array(0..<70), Array(30..<120), Array(120..<160) + Array(0..<40)]
      .enumerated()
    {
      try await bench.ledger.keepComplete(core: many("i\(number)", tests, number == 0 ? "pass" : "fail", at: number))
    }
    #expect(try bench.query("SELECT count(*) FROM dbt_check") == ["160"])
    #expect(try bench.query("SELECT count(*) FROM dbt_check_outcome") == ["310"])
    func count(_ condition: String) throws -> [String] {
      try bench.query("SELECT count(*) FROM dbt_check WHERE outcome = 'fail' AND \(condition)")
    }
    let second = at(0).microseconds
    // Since the second run, the third, the fourth.
    #expect(try count("since = \(second + 1_000_000)") == ["70"])
    #expect(try count("since = \(second + 2_000_000)") == ["50"])
    #expect(try count("since = \(second + 3_000_000)") == ["40"])
  }

  @Test func whatWasNeverDoneIsSkippedUntilItIs() async throws {
    let bench = try await Bench()
    try await bench.ledger.keepComplete(core: core("late", "skipped", at: 9))
    #expect(try await state(bench) == ["skipped since - 0/0 last core/local/late"])
    try await bench.ledger.keepComplete(core: core("early", "pass", at: 3))
    #expect(try await state(bench) == ["pass since 3 0/1 last core/local/early"])
  }

  @Test func theSameRunCountsOnceAndSaysWhatItSaidLast() async throws {
    let bench = try await Bench()
    try await bench.ledger.keepComplete(core: core("a", "pass", at: 1))
    for status in ["fail", "fail", "pass"] {
      try await bench.ledger.keepComplete(core: core("b", status, at: 2))
    }
    #expect(try await state(bench) == ["pass since 1 0/2 last core/local/b"])
    var empty = core("b", "pass", at: 2)
    empty.steps[0].results = []
    try await bench.ledger.keepComplete(core: empty)
    #expect(try await state(bench) == ["pass since 1 0/1 last core/local/a"])
    empty.key = .core(name: "local", invocationID: "a")
    try await bench.ledger.keepComplete(core: empty)
    #expect(try await state(bench) == [])
  }

  @Test func aCheckIsOfOneProjectInOneEnvironment() async throws {
    let bench = try await Bench()
    try await bench.ledger.keepComplete(core: core("a", "pass", at: 1))
    try await bench.ledger.keepComplete(core: core("b", "fail", at: 2, name: "other"))
    #expect(try await bench.ledger.checks().map(\.key) == ["core/other/\(id)", "core/local/\(id)"])
    var run = dbtRun(71)
    (run.projectID, run.environmentID) = (5, nil)
    #expect(CheckWriter.scope(of: run) == "one/5/-")
    run.account = nil
    #expect(CheckWriter.scope(of: run) == "one.dbt.com:4433/5/-")
  }

  /// In whatever order runs are kept, and however often, the state is what the history tells.
  @Test(arguments: 0..<40 as Range<UInt64>) func theOrderInWhichRunsAreKeptDoesNotMatter(_ seed: UInt64) async throws {
    guard Driver.current == .sqlite || seed < 5 else { return }
    var random = SeededGenerator(seed: seed)
    let bench = try await Bench()
    let statuses = ["pass", "fail", "skipped", "fail", "warn"]
    var outcomes: [(time: Int, status: String)] = (0..<12).map {
      ($0, statuses.randomElement(using: &random) ?? "pass")
    }
    for number in Array(0..<12).shuffled(using: &random) + [3, 7] {
      if number.isMultiple(of: 3) { outcomes[number].status = statuses.randomElement(using: &random) ?? "pass" }
      try await bench.ledger.keepComplete(core: core("i\(number)", outcomes[number].status, at: number))
    }
    let done = outcomes.filter { $0.status != "skipped" }
    guard let last = done.last else { return }
    let streak = done.reversed().prefix { $0.status == last.status }
    let failed = done.filter { $0.status == "fail" }.count
    let expected =
      "\(last.status) since \(streak.last?.time ?? -1) \(failed)/\(done.count) last core/local/i\(last.time)"
    #expect(try await state(bench) == [expected], "seed \(seed): \(outcomes)")
  }

  @Test func theFreshnessOfASourceIsACheck() async throws {
    let bench = try await Bench()
    for (number, status) in ["pass", "error", "runtime error"].enumerated() {
      var run = core("i\(number)", "pass", at: number)
      var freshness = DbtFreshness(uniqueID: "source.shop.raw.orders", status: status)
      freshness.snapshottedAt = status == "runtime error" ? nil : at(number)
      freshness.error = status == "runtime error" ? "no such table" : nil
      run.steps[0].results = []
      run.steps[0].freshness = [freshness]
      try await bench.ledger.keepComplete(core: run)
    }
    let check = try #require(try await bench.ledger.checks().first)
    #expect(check.outcome == .error && check.node == "source.shop.raw.orders" && check.failed == 2)
    let history = try await bench.ledger.history(ofCheck: check.id, limit: 9)
    #expect(history.map(\.outcome) == [.error, .fail, .pass])
    #expect(history.map(\.message) == ["no such table", nil, nil])
  }
}
