import Correlation
import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerRunsTests {
  private func bench() async throws -> Bench {
    let bench = try await Bench(sinks: [])
    let dags = ["daily", "daily_2", "d[a]ily", "d*", "d?", "100%_x", "é"]
    for (number, dag) in dags.enumerated() {
      let task = attempt("failed", start: 20, end: 30)
      try await bench.apply(
        run(
          "manual__\(number)", number.isMultiple(of: 2) ? "success" : "failed", dag: dag, source: Int64(number),
          start: number * 100, end: number * 100 + 50), [task],
        links: number == 3 ? [proposal(task, 71)] : [])
    }
    return bench
  }

  private func names(_ bench: Bench, _ change: (inout RunFilter) -> Void) async throws -> [String] {
    var filter = RunFilter()
    change(&filter)
    return try await bench.ledger.runs(filter).compactMap(\.dagRun?.dagID)
  }

  @Test func theNewestComeFirst() async throws {
    let bench = try await bench()
    #expect(try await names(bench) { _ in } == ["é", "100%_x", "d?", "d*", "d[a]ily", "daily_2", "daily"])
    #expect(try await names(bench) { $0.limit = 2 } == ["é", "100%_x"])
  }

  @Test(
    arguments: [
      ("daily", ["daily"]), ("daily*", ["daily_2", "daily"]), ("d[a]ily", ["d[a]ily"]), ("d[*", ["d[a]ily"]),
      ("d?", ["d?", "d*"]), ("*%*", ["100%_x"]), ("DAILY", []), ("?", ["é"]), ("d]", []),
    ] as [(String, [String])])
  func patternsHaveStarsAndQuestionMarksAlone(_ pattern: String, _ expected: [String]) async throws {
    #expect(try await names(try await bench()) { $0.dagPatterns = [pattern] } == expected)
  }

  @Test func filtersAreJoined() async throws {
    let bench = try await bench()
    #expect(try await names(bench) { $0.states = ["failed"] } == ["100%_x", "d*", "daily_2"])
    #expect(try await names(bench) { $0.since = at(500) } == ["é", "100%_x"])
    #expect(try await names(bench) { $0.until = at(100) } == ["daily"])
    #expect(try await names(bench) { $0.dbtRunID = 71 } == ["d*"])
    #expect(try await names(bench) { $0.instances = ["other"] } == [])
    #expect(
      try await names(bench) {
        $0.states = ["failed"]
        $0.until = at(300)
      } == ["daily_2"])
  }

  /// Nothing in Airflow names it: its link has no run id of its own.
  @Test func aGuessedDbtRunLeadsToItsDagRun() async throws {
    let bench = try await Bench()
    try await bench.applyGuessed("daily", 71)
    #expect(try await names(bench) { $0.dbtRunID = 71 } == ["daily"])
    #expect(try await names(bench) { $0.dbtRunID = 72 } == [])
    #expect(try await names(bench) { $0.dbtRunID = 0 } == [])
  }

  @Test func aLineCountsTasksAndDbtRuns() async throws {
    let bench = try await Bench(sinks: [])
    let tasks = [attempt("a", "success"), attempt("b", "failed"), attempt("c", "upstream_failed", start: nil)]
    try await bench.apply(run("failed", end: 40), tasks, links: [proposal(tasks[0], 71), proposal(tasks[1], 71)])
    let line = try #require(try await bench.ledger.runs(RunFilter()).first)
    #expect(line.tasks == 3 && line.failedTasks == 2 && line.dbtRuns == 1)
  }

  @Test(
    arguments: [
      ("prod/daily/manual__0", ["daily"]), ("prod/dai", ["daily", "daily_2"]), ("daily/manual__0", ["daily"]),
      ("manual__4", ["d?"]), ("100%", ["100%_x"]), ("prod/100%_", ["100%_x"]), ("prod/%", []), ("_", []),
      ("prod/d[", ["d[a]ily"]), ("é/", ["é"]),
    ] as [(String, [String])])
  func aRunIsNamedByItsKeyOrTheBeginningOfIt(_ name: String, _ expected: [String]) async throws {
    #expect(try await bench().ledger.runs(named: name).compactMap(\.dagRun?.dagID) == expected)
  }

  @Test func anExactNameIsMeantThoughOthersBeginWithIt() async throws {
    let bench = try await Bench(sinks: [])
    for (source, name) in ["manual__1", "manual__10", "manual__1x"].enumerated() {
      try await bench.apply(run(name, "success", source: Int64(source), end: 40, logical: source))
    }
    for name in ["prod/daily/manual__1", "daily/manual__1", "manual__1"] {
      #expect(try await bench.ledger.runs(named: name).compactMap(\.dagRun?.runID) == ["manual__1"], "\(name)")
    }
    #expect(try await bench.ledger.runs(named: "daily/manual__").count == 3)
    #expect(try await bench.ledger.runs(named: "daily/manual__", limit: 2).count == 2)
  }

  @Test(arguments: ["d*", "d?", "d[a]ily", "daily"]) func theLatestRunIsThatOfTheVeryDAG(_ dag: String) async throws {
    let bench = try await bench()
    #expect(try await bench.ledger.latestRun(ofDag: dag, instance: nil).compactMap(\.dagRun?.dagID) == [dag])
    #expect(try await bench.ledger.latestRun(ofDag: dag, instance: "other").isEmpty)
  }

  @Test func eachInstanceHasALatestRun() async throws {
    let bench = try await Bench(sinks: [])
    _ = try await bench.ledger.progress(of: "beta")
    for (instance, source) in [("prod", 1), ("beta", 1), ("beta", 2)] as [(String, Int64)] {
      var batch = CaptureBatch(instance: instance, readAt: at(0))
      var snapshot = run("r\(source)", "success", source: source, start: Int(source) * 10, logical: Int(source))
      snapshot.key.instance = instance
      batch.snapshots = [DagRunSnapshot(run: snapshot)]
      _ = try await bench.ledger.apply(batch) { _, _ in [] }
    }
    let latest = try await bench.ledger.latestRun(ofDag: "daily", instance: nil)
    #expect(latest.map(\.key.description) == ["beta/daily/r2", "prod/daily/r1"])
  }
}

extension Bench {
  /// A DAG run of which nothing but dbt Cloud's list tells that its task has started a dbt run, and that dbt run.
  func applyGuessed(_ dag: String, _ id: Int64, source: Int64 = 1, begin: Int = 0) async throws {
    let task = attempt("success", start: begin + 20, end: begin + 30)
    let proposal = LinkProposal(
      attempt: task.key, target: nil, relation: .triggered, confidence: .inferred, isCandidate: true, evidence: [],
      unresolved: nil)
    let dagRun = run(
      "r\(source)", "success", dag: dag, source: source, start: begin + 10, end: begin + 40, logical: Int(source))
    try await apply(dagRun, [task], links: [proposal])
    while try await ledger.openLostTries() > 0 {}
    let searches = try await ledger.dueSearches(of: one.name, now: .max, limit: 100)
    var listed = dbtRun(id, created: begin + 22)
    listed.cause = "Triggered via Apache Airflow by task 'a' in the \(dag) DAG."
    _ = try await ledger.keepListed([listed], of: one)
    try await ledger.noteSearched(searches, of: one.name)
    while try await ledger.judgeLostTries() != nil {}
    listed.isComplete = true
    try await answer(listed)
  }
}
