import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerDbtRunsTests {
  let task = attempt("success", end: 30)

  private func bench() async throws -> Bench {
    let bench = try await Bench()
    try await bench.apply(run("success", end: 40), [task], links: [proposal(task, 71)])
    return bench
  }

  @Test func everythingOfARunComesBackAsItWas() async throws {
    let bench = try await bench()
    var run = dbtRun(71, isComplete: true)
    (run.jobID, run.jobName, run.projectID, run.projectName) = (9, "daily", 5, "shop")
    (run.environmentID, run.environmentName, run.statusCode, run.statusMessage) = (6, "Production", 10, "fine")
    (run.cause, run.gitBranch, run.gitSHA, run.dbtVersion, run.href) = ("c", "main", "5f2c1", "1.10", "https://x/")
    run.retryingRunID = 70
    var step = DbtStep(index: 4, name: "Invoke dbt")
    (step.command, step.status, step.startedAt, step.finishedAt) = ("build", "success", at(23), at(29))
    (step.invocationID, step.manifest, step.runResults) = ("inv", .fetched, .fetched)
    (step.dbtVersion, step.adapter, step.projectName, step.isFullRefresh) = ("1.9.11", "postgres", "shop", true)
    var result = DbtNodeResult(uniqueID: "model.a.b", status: "partial success")
    result.tags = ["line\nfeed", "", "é"]
    result.dependsOn = ["source.a.b.c", "model.a.\nb"]
    (result.resourceType, result.name, result.package, result.path) = ("model", "b", "a", "models/b.sql")
    (result.owner, result.group, result.relation, result.thread) = ("ann", "fin", "x.y.z", "Thread-1")
    (result.startedAt, result.completedAt, result.executionTime) = (at(24), at(25), 1.83)
    (result.rowsAffected, result.failures, result.message, result.queryID) = (120, 4, "m\u{0}n", "q")
    (result.materialized, result.relationRows, result.relationBytes) = ("table", 7, 8192)
    (result.inputs, result.batches) = (["source.a.b.c", "model.a.é"], DbtBatches(successful: 3, failed: 1))
    (result.attachedNode, result.column, result.test, result.severity) = ("model.a.b", "id", "not_null", "warn")
    step.results = [result, DbtNodeResult(uniqueID: "model.a.bare", status: "no-op")]
    var freshness = DbtFreshness(uniqueID: "source.a.b.c", status: "runtime error")
    (freshness.maxLoadedAt, freshness.snapshottedAt, freshness.ageSeconds) = (at(1), at(2), 1.5)
    freshness.error = "late"
    step.freshness = [freshness]
    run.steps = [DbtStep(index: 1), step]
    try await bench.answer(run)
    #expect(try await bench.record().dbtRuns == [run])
    #expect(try await bench.due(run) == nil)
  }

  @Test func aRunThatIsReadAgainReplacesItsSteps() async throws {
    let bench = try await bench()
    let due = try #require(try await bench.due(dbtRun(71)))
    var run = dbtRun(71, isComplete: true)
    run.steps = [DbtStep(index: 1), DbtStep(index: 2)]
    try await bench.ledger.keepComplete(run, id: due.id)
    run.steps = [DbtStep(index: 2)]
    try await bench.ledger.keepComplete(run, id: due.id)
    #expect(try await bench.record().dbtRuns.map { $0.steps.map(\.index) } == [[2]])
  }

  @Test func theSameAnswerAgainDoesNotChangeTheRecord() async throws {
    let bench = try await bench()
    var head = dbtRun(71, "running")
    head.artifactsSaved = false
    head.retryingRunID = 3
    try await bench.answer(head)
    let revision = try await bench.revision()
    for _ in 0..<3 { try await bench.answer(head) }
    head.artifactsSaved = true
    try await bench.answer(head)
    #expect(try await bench.revision() == revision)
    try await bench.answer(dbtRun(71, "success"))
    #expect(try await bench.revision() > revision)
  }

  @Test func whyARunIsMissingIsInTheRecordOnce() async throws {
    let bench = try await bench()
    try await bench.answerAbsent(71)
    #expect(try await bench.links().map(\.unresolved) == ["404"])
    let revision = try await bench.revision()
    try await bench.answerAbsent(71)
    #expect(try await bench.revision() == revision)
    let due = try #require(try await bench.due(dbtRun(71)))
    #expect(due.failures == 2)
    try await bench.ledger.noteFailure(due.id, reason: "token refused", nextFetchAt: 7)
    #expect(try await bench.links().map(\.unresolved) == ["token refused"])
    #expect(try await bench.revision() == revision + 1)
    try await bench.ledger.noteFailure(due.id, reason: "token refused", nextFetchAt: 9)
    #expect(try await bench.revision() == revision + 1)
    #expect(try await bench.ledger.nextDbtCallDue(of: "one") == 9)
    #expect(try await bench.ledger.dueDbtRuns(of: "one", now: 8, limit: 9).isEmpty)
    #expect(try await bench.ledger.dueDbtRuns(of: "one", now: 9, limit: 9).count == 1)
    try await bench.answer(dbtRun(71))
    #expect(try await bench.links().map(\.unresolved) == [nil])
  }

  @Test func aFailureAfterAnAnswerLeavesTheRecordAlone() async throws {
    let bench = try await bench()
    try await bench.answer(dbtRun(71, "running"))
    let revision = try await bench.revision()
    let due = try #require(try await bench.due(dbtRun(71)))
    try await bench.ledger.noteFailure(due.id, reason: "timeout", nextFetchAt: 0)
    #expect(try await bench.revision() == revision)
    #expect(try await bench.links().map(\.unresolved) == [nil])
  }

  @Test func aRunUnderWayIsAskedForUntilItIsComplete() async throws {
    let bench = try await bench()
    var running = dbtRun(71, "running")
    running.statusCode = 3
    try await bench.answer(running)
    #expect(try await bench.ledger.dbtRunsUnderWay(of: "one") == 1)
    #expect(try await bench.due(running) != nil)
    var done = dbtRun(71, isComplete: true)
    done.statusCode = 10
    try await bench.answer(done)
    #expect(try await bench.ledger.dbtRunsUnderWay(of: "one") == 0)
    #expect(try await bench.ledger.nextDbtCallDue(of: "one") == nil)
  }
}
