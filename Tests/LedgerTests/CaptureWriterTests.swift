import ExecutionModel
import Records
import Testing

@testable import Ledger

@Suite(.eachDriver) struct CaptureWriterTests {
  @Test func aNewRunIsKeptAndTold() async throws {
    let bench = try await Bench()
    var changed = run("running")
    changed.conf = RawJSON(#"{"n":1.50}"#)
    changed.note = "line\nfeed"
    changed.runAfter = at(1)
    changed.dataIntervalStart = at(-5)
    changed.dataIntervalEnd = at(0)
    changed.triggeredBy = "CLI"
    changed.triggeringUserName = "ops"
    changed.runType = "manual"
    #expect(try await bench.apply(changed, [attempt("running")]) == outcome(new: 1, attempts: 1))
    let record = try await bench.record()
    #expect(record.header.run == changed)
    #expect(record.header.revision == 1)
    #expect(record.attempts.map(\.attempt) == [attempt("running")])
    #expect(try await bench.told() == ["run c0 START 10", "a.1 START 20"])
  }

  private func outcome(new: Int = 0, changed: Int = 0, attempts: Int = 0, links: Int = 0) -> CaptureOutcome {
    var outcome = CaptureOutcome()
    outcome.newRuns = new
    outcome.changedRuns = changed
    outcome.changedAttempts = attempts
    outcome.newLinks = links
    return outcome
  }

  @Test func theSameFactsAgainChangeNothing() async throws {
    let bench = try await Bench()
    let attempts = [attempt("a", "success", end: 30), attempt("b", "running", start: 31)]
    let links = [proposal(attempts[0], 71)]
    try await bench.apply(run("running"), attempts, links: links)
    let revision = try await bench.revision()
    let told = try await bench.told()
    for _ in 0..<3 {
      #expect(try await bench.apply(run("running"), attempts, links: links) == outcome())
    }
    #expect(try await bench.revision() == revision)
    #expect(try await bench.told() == told)
  }

  @Test func theRevisionGrowsWithEveryChangeOfTheRecord() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running"))
    var last = try await bench.revision()
    var noted = run("running")
    noted.note = "n"
    let steps: [(DagRun, [TaskAttempt])] = [
      (noted, []), (noted, [attempt("running")]), (noted, [attempt("success", end: 30)]),
      (run("success", end: 40), [attempt("success", end: 30)]),
    ]
    for (run, attempts) in steps {
      try await bench.apply(run, attempts)
      let revision = try await bench.revision()
      #expect(revision > last)
      last = revision
    }
  }

  @Test func timesWithoutEndAreKeptAsTheyAre() async throws {
    let bench = try await Bench()
    var odd = run("running", start: nil)
    odd.startDate = Instant(microseconds: .min)
    odd.queuedAt = Instant(microseconds: .max)
    var task = attempt("running", start: nil)
    task.startDate = Instant(microseconds: .max)
    task.endDate = Instant(microseconds: .min)
    task.duration = .infinity
    try await bench.apply(odd, [task], links: [proposal(task, 71, isCandidate: true)])
    try await bench.answer(dbtRun(71))
    try await bench.apply(nil, missing: [1])
    #expect(try await bench.record().header.run == odd)
    #expect(try await bench.ledger.pieces(try await bench.row()).count == 1)
    _ = try await bench.ledger.status()
  }

  @Test func namesAreToldApartByTheirBytes() async throws {
    let bench = try await Bench()
    let composed = attempt("caf\u{E9}", "running")
    let decomposed = attempt("cafe\u{301}", "running")
    let quoted = attempt("it's \"quoted\"\nand broken", "running")
    try await bench.apply(run("running"), [composed, decomposed, quoted])
    try await bench.apply(run("caf\u{E9}", "running", source: 2, logical: 1))
    try await bench.apply(run("cafe\u{301}", "running", source: 3, logical: 2))
    #expect(try await bench.record().attempts.count == 3)
    #expect(try await bench.ledger.runs(RunFilter()).count == 3)
  }

  // MARK: Clears

  @Test func aClearKeepsWhatTheRunWasAndBeginsANewRunID() async throws {
    let bench = try await Bench()
    try await bench.apply(run("failed", end: 40))
    try await bench.apply(run("queued", clear: 1, start: nil))
    try await bench.apply(run("success", clear: 1, start: 50, end: 60))
    #expect(
      try await bench.told() == ["run c0 START 10", "run c0 FAIL 40", "run c1 START 50", "run c1 COMPLETE 60"])
    let history = try await bench.record().header.history
    #expect(
      history == [
        DagRunClear(clearNumber: 0, state: "failed", queuedAt: at(5), startDate: at(10), endDate: at(40))
      ])
  }

  @Test func aRunThatIsClearedWhileItRunsIsAborted() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running"))
    var cleared = run("running", clear: 1, start: 50)
    cleared.queuedAt = at(45)
    try await bench.apply(cleared)
    #expect(try await bench.told() == ["run c0 START 10", "run c0 ABORT 45", "run c1 START 50"])
  }

  @Test func withoutAClearNumberTheEndStaysFinalAndTheRecordGoesOn() async throws {
    let bench = try await Bench()
    try await bench.apply(run("failed", clear: nil, end: 40))
    try await bench.apply(run("running", clear: nil, start: 50))
    try await bench.apply(run("success", clear: nil, start: 50, end: 60))
    #expect(try await bench.told() == ["run c- START 10", "run c- FAIL 40"])
    let record = try await bench.record()
    #expect(record.header.run?.state == "success")
    #expect(record.header.history.map(\.state) == ["failed"])
  }

  @Test func anUpgradeThatBringsClearNumbersIsNoClear() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running", clear: nil))
    try await bench.apply(run("running", clear: 0))
    #expect(try await bench.record().header.history.isEmpty)
    #expect(try await bench.told() == ["run c- START 10"])
  }

  @Test func aManualMarkChangesTheRecordAlone() async throws {
    let bench = try await Bench()
    try await bench.apply(run("success", end: 40))
    try await bench.apply(run("failed", end: 90))
    #expect(try await bench.told() == ["run c0 START 10", "run c0 COMPLETE 40"])
    #expect(try await bench.record().header.run?.state == "failed")
  }

  // MARK: Removal

  @Test func aRunThatIsGoneIsAbortedWithAllThatWasUnderWay() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running"), [attempt("a", "success", end: 30), attempt("b", "running", start: 31)])
    try await bench.apply(nil, missing: [1], readAt: 100)
    #expect(
      try await bench.told().suffix(2) == ["b.1 ABORT 100", "run c0 ABORT 100"])
    let removed = try await bench.record().header.removed
    #expect(removed?.kind == .deleted && removed?.seenAt == at(100))
    #expect(try await bench.told("archive").count == 1)
    #expect(try await bench.ledger.progress(of: "prod").openRuns.isEmpty)
    let told = try await bench.told()
    try await bench.apply(nil, missing: [1], readAt: 200)
    #expect(try await bench.told() == told)
  }

  @Test func anEndIsNeverToldBeforeItsStart() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running", start: 500), [attempt("running", start: 510)])
    try await bench.apply(nil, missing: [1], readAt: 100)
    #expect(try await bench.told().suffix(2) == ["a.1 ABORT 510", "run c0 ABORT 500"])
  }

  @Test func aRunIsRemovedThoughNoSinkListens() async throws {
    let bench = try await Bench(sinks: [])
    try await bench.apply(run("running"), [attempt("running")])
    try await bench.apply(nil, missing: [1], readAt: 100)
    #expect(try await bench.record().header.removed?.kind == .deleted)
    // A sink that comes later learns how it ended.
    try await bench.ledger.register(sinks: [events])
    #expect(
      try await bench.told() == ["run c0 START 10", "a.1 START 20", "a.1 ABORT 100", "run c0 ABORT 100"])
  }

  @Test func aRunThatWasOnlyMissedForAWhileComesBackWithoutNewEvents() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running"), [attempt("running")])
    try await bench.apply(nil, missing: [1], readAt: 100)
    let told = try await bench.told()
    try await bench.apply(run("success", end: 140), [attempt("success", end: 130)])
    #expect(try await bench.told() == told)
    let record = try await bench.record()
    #expect(record.header.removed == nil && record.header.run?.state == "success")
    #expect(try await bench.ledger.runs(RunFilter()).count == 1)
  }

  // MARK: Another run of the same name

  @Test func aRunMadeAnewUnderItsNameIsAnotherRecord() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running"), [attempt("running")])
    try await bench.apply(
      run("running", source: 2, start: 210, logical: 200), [attempt("running", start: 220)], readAt: 205)
    #expect(
      try await bench.told() == [
        "run c0 START 10", "a.1 START 20", "a.1 ABORT 205", "run c0 ABORT 205", "run c0 START 210", "a.1 START 220",
      ])
    let runs = try await bench.ledger.runs(RunFilter())
    #expect(runs.map(\.removed) == [nil, "deleted"])
    #expect(.dagRun(try await bench.row()) == runs[0].id)
    let revisions = try bench.query("SELECT revision FROM dag_run ORDER BY id").compactMap(Int.init)
    #expect(revisions.count == 2 && revisions[0] < revisions[1])
    // Each event is made of its own run.
    let facts = try await bench.ledger.facts(for: try await bench.pending())
    #expect(facts.map { $0.run?.sourceID } == [1, 1, 1, 1, 2, 2])
    #expect(facts.map { $0.run?.logicalDate } == [at(0), at(0), at(0), at(0), at(200), at(200)])
  }

  @Test func aRunThatSharesItsRunIDsWithADeletedOneIsNotToldAgain() async throws {
    let bench = try await Bench()
    try await bench.apply(run("failed", end: 40), [attempt("failed", end: 30)])
    let told = try await bench.told()
    try await bench.apply(run("running", source: 2, start: 210), [attempt("running", start: 220)])
    try await bench.apply(run("success", source: 2, start: 210, end: 240), [attempt("success", start: 220, end: 230)])
    #expect(try await bench.told() == told)
    #expect(try await bench.record().header.run?.state == "success")
    #expect(try await bench.told("archive").count == 2)
  }

  @Test func twoRunsWithoutALogicalDateThatWereDueTogetherAreToldOnce() async throws {
    let bench = try await Bench()
    for number in 1...2 {
      var manual = run("m\(number)", "running", source: Int64(number), logical: nil)
      manual.runAfter = at(3)
      try await bench.apply(manual, [attempt("running")])
    }
    #expect(try await bench.told() == ["run c0 START 10", "a.1 START 20"])
  }

  @Test func anOlderPageOfHistoryDoesNotBringADeletedRunBack() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running", source: 9, start: 210, logical: 200))
    try await bench.apply(run("success", source: 1, end: 40), history: true)
    #expect(try await bench.record().header.run?.sourceID == 9)
    #expect(try await bench.ledger.runs(RunFilter()).count == 1)
  }

  // MARK: DAGs

  @Test func whatADAGIsCalledMayHoldAnything() async throws {
    let bench = try await Bench()
    var dag = Dag(dagID: "daily", owners: ["a\nb", "", "\"c\""], tags: ["line\nfeed", "[x]", "é"])
    dag.schedule = "@daily"
    dag.description = "d\n"
    dag.fileloc = "dags/d.py"
    dag.isPaused = true
    try await bench.apply(run("running"), dags: [dag])
    #expect(try await bench.record().header.dag == dag)
    dag.tags = []
    try await bench.apply(nil, dags: [dag])
    #expect(try await bench.record().header.dag == dag)
  }

  @Test func theCursorNeverGoesBack() async throws {
    let bench = try await Bench()
    for cursor in [5, 9, 7] as [Int64] {
      var batch = CaptureBatch(instance: "prod", readAt: at(0))
      batch.cursor = cursor
      _ = try await bench.ledger.apply(batch) { _, _ in [] }
    }
    #expect(try await bench.ledger.progress(of: "prod").cursor == 9)
  }

  /// Deleted by hand, while its run stays.
  @Test func aTaskInstanceThatIsGoneStaysInTheRecordAndSaysSo() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running"), [attempt("a", "running"), attempt("b", "success", end: 40)])
    try await bench.apply(run("running"), [attempt("b", "success", end: 40)], readAt: 60)
    let attempts = try await bench.record().attempts
    #expect(attempts.map(\.attempt.key.taskID) == ["a", "b"])
    #expect(attempts.map(\.removed) == [RecordHeader.Removed(kind: .deleted, seenAt: at(60)), nil])
    #expect(attempts.map(\.attempt.isCurrent) == [false, true])
    let told = try await bench.told()
    #expect(told.contains("a.1 ABORT 60"), "\(told)")
  }

  @Test func aTaskInstanceThatWaitsForItsNextTryIsNotGone() async throws {
    let bench = try await Bench()
    let cleared = attempt("a", "success", end: 40)
    try await bench.apply(run("success", end: 50), [cleared])
    var snapshot = DagRunSnapshot(run: run("success", end: 50), attempts: [])
    snapshot.waiting = [AttemptKey(taskID: "a", mapIndex: -1, tryNumber: 0)]
    var batch = CaptureBatch(instance: "prod", readAt: at(60))
    batch.snapshots = [snapshot]
    _ = try await bench.ledger.apply(batch) { _, _ in [] }
    #expect(try await bench.record().attempts.map(\.removed) == [nil])
  }

  @Test func aTaskInstanceThatIsThereAgainIsNotGone() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running"), [attempt("a", "running"), attempt("b", "running")])
    try await bench.apply(run("running"), [attempt("b", "running")])
    try await bench.apply(run("running"), [attempt("a", "running"), attempt("b", "running")])
    #expect(try await bench.record().attempts.map(\.removed) == [nil, nil])
  }
}
