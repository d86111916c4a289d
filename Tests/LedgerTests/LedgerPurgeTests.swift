import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerPurgeTests {
  /// Purges as the command does: with a connection of its own, beside the syncer's.
  private func purge(_ bench: Bench, isTrial: Bool = false, _ complete: (inout PurgeRequest) -> Void) async throws
    -> PurgeOutcome
  {
    var request = PurgeRequest()
    complete(&request)
    let ledger = Ledger(at: bench.place, purpose: .correcting)
    var outcome = PurgeOutcome()
    var cursor: PurgeCursor? = PurgeCursor()
    while let next = cursor { (cursor, outcome) = try await ledger.purged(request, next, isTrial, outcome) }
    try await ledger.finishPurge()
    await ledger.close()
    return outcome
  }

  private func runs(_ bench: Bench) throws -> [String] {
    try bench.query("SELECT dag_id || '/' || run_id FROM dag_run ORDER BY id")
  }

  private func add(_ dag: String, _ number: Int, _ state: String = "success", to bench: Bench) async throws {
    let task = attempt("secret_\(dag)", "success", end: 30)
    try await bench.apply(
      run("r\(number)", state, dag: dag, source: Int64(number), end: state == "running" ? nil : 100 * number),
      [task], links: [proposal(task, Int64(number))])
  }

  private func deliverAll(_ bench: Bench) async throws {
    for sink in ["lineage", "archive"] { try await bench.deliver(try await bench.pending(sink), sink) }
  }

  @Test func whatIsOfADagGoesWithItsDbtRunsAndIsNotReadAgain() async throws {
    let bench = try await Bench()
    for number in 1...3 { try await add(number == 2 ? "hr_people" : "sales", number, to: bench) }
    for number in 1...3 {
      var answer = dbtRun(Int64(number), isComplete: true)
      answer.steps = [step()]
      try await bench.answer(answer)
    }
    try await deliverAll(bench)
    let trial = try await purge(bench, isTrial: true) { $0.dags = ["hr_*"] }
    let done = try await purge(bench) { $0.dags = ["hr_*"] }
    #expect(done.dagRuns == 1 && done.attempts == 1 && done.dbtRuns == 1 && done.deliveries == 0)
    #expect(trial == done)
    #expect(try runs(bench) == ["sales/r1", "sales/r3"])
    #expect(try bench.query("SELECT count(*) FROM attempt WHERE task_id LIKE 'secret_hr%'") == ["0"])
    #expect(try bench.query("SELECT run_id FROM dbt_run ORDER BY id") == ["1", "3"])
    #expect(try bench.query("SELECT count(*) FROM evidence WHERE value = '2'") == ["0"])
    // By polls, by sweeps, by a page of history, and after a restart.
    try await add("hr_people", 2, to: bench)
    #expect(try runs(bench) == ["sales/r1", "sales/r3"])
    let instance = try await bench.ledger.progress(of: "prod").id
    #expect(try await bench.ledger.purgedRuns(of: instance, after: 0, through: nil) == [2])
    #expect(try await bench.ledger.runIDs(of: instance, above: 0) == [1, 2, 3])
    // Airflow runs it once more.
    try await add("hr_people", 2, "running", to: bench)
    #expect(try runs(bench).contains("hr_people/r2"))
  }

  @Test func guessedDbtRunsGoWithWhatWasRefusedOfThem() async throws {
    let bench = try await Bench()
    try await bench.applyGuessed("sales", 71)
    try await bench.applyGuessed("hr_people", 72, source: 2, begin: 1000)
    var report = Ledger.DeliveryReport()
    for item in try await bench.pending() {
      if item.dbtRun == nil {
        report.delivered.append(item.id)
      } else {
        report.parked.append(.init(id: item.id, reason: "HTTP 413", status: 413, answer: nil))
      }
    }
    try await bench.ledger.note(report, ofSink: try await bench.ledger.progress(ofSink: "lineage").id)
    try await bench.deliver(try await bench.pending("archive"), "archive")
    for isTrial in [true, false] {
      let kept = try await purge(bench, isTrial: isTrial) { $0.dags = ["hr_*"] }
      #expect(kept.dagRuns == 0 && kept.waiting == 1 && kept.waitingDeliveries == 2)
    }
    for isTrial in [true, false] {
      let gone = try await purge(bench, isTrial: isTrial) {
        $0.dags = ["hr_*"]
        $0.withPending = true
      }
      #expect(gone.dagRuns == 1 && gone.dbtRuns == 1 && gone.deliveries == 2 && gone.waiting == 0)
    }
    #expect(try bench.query("SELECT run_id FROM dbt_run") == ["71"])
    #expect(try bench.query("SELECT count(*) FROM outbox") == ["2"])
  }

  /// Of dbt runs without a DAG run as their parent.
  @Test func historyOfDbtRunsThatWaitsKeepsThem() async throws {
    let bench = try await Bench(sinks: [events])
    try await bench.applyGuessed("sales", 71)
    try await bench.applyGuessed("hr_people", 72, source: 2, begin: 1000)
    try await bench.deliver(try await bench.pending(), "lineage")
    _ = try await bench.ledger.replay(ReplayRequest(sink: "lineage", since: at(900)), isTrial: false)
    try bench.execute("DELETE FROM outbox_history WHERE dag_run <> 0")
    for (dag, waiting) in [("hr_*", 2), ("sales", 0)] {
      for isTrial in [true, false] {
        let outcome = try await purge(bench, isTrial: isTrial) { $0.dags = [dag] }
        #expect(outcome.waitingDeliveries == waiting && outcome.dbtRuns == (waiting == 0 ? 1 : 0))
      }
    }
    #expect(try await bench.told().count == 2)
  }

  /// A trial counts what goes: dbt runs that several accounts may have, and those of several DAG runs once.
  @Test func aTrialCountsWhatGoes() async throws {
    let bench = try await Bench(accounts: [one, two], sinks: [])
    for (number, dag) in [(1, "sales"), (2, "sales"), (3, "hr_people")] as [(Int64, String)] {
      let task = attempt("success", end: 30)
      let ids: [Int64] = number == 3 ? [72] : number == 2 ? [71, 72] : [71]
      try await bench.apply(
        run("r\(number)", "success", dag: dag, source: number, end: 40, logical: Int(number)), [task],
        links: ids.map { proposal(task, $0) } + [proposal(task, 80 + number, account: nil)])
    }
    for (dags, dbtRuns) in [(["sales"], 5), ([], 3)] {
      for isTrial in [true, false] {
        let outcome = try await purge(bench, isTrial: isTrial) { $0.dags = dags }
        #expect(outcome.dbtRuns == dbtRuns, "\(dags) \(isTrial)")
      }
    }
    #expect(try bench.query("SELECT count(*) FROM dbt_run") == ["0"])
  }

  @Test func whatEndedBeforeATimeGoes() async throws {
    let bench = try await Bench()
    for number in 1...4 { try await add("sales", number, to: bench) }
    for number in 1...4 { try await bench.answer(dbtRun(Int64(number), isComplete: true)) }
    try await deliverAll(bench)
    let outcome = try await purge(bench) { $0.before = at(250) }
    #expect(outcome.dagRuns == 2)
    #expect(try runs(bench) == ["sales/r3", "sales/r4"])
    #expect(
      try await purge(bench) {
        $0.before = at(1000); $0.instances = ["other"]
      }.dagRuns == 0)
  }

  @Test func whatWaitsForASinkStaysUnlessItIsGivenUp() async throws {
    let bench = try await Bench()
    try await add("sales", 1, to: bench)
    let kept = try await purge(bench) { $0.dags = ["sales"] }
    #expect(kept.dagRuns == 0 && kept.waiting == 1 && kept.waitingDeliveries == 5)
    #expect(try runs(bench) == ["sales/r1"])
    let gone = try await purge(bench) {
      $0.dags = ["sales"]
      $0.withPending = true
    }
    #expect(gone.dagRuns == 1 && gone.deliveries == 5 && gone.waiting == 0)
    #expect(try bench.query("SELECT count(*) FROM outbox") == ["0"])
    #expect(try await bench.pending().isEmpty)
  }

  @Test func aRunThatAirflowIsNotDoneWithStays() async throws {
    let bench = try await Bench()
    try await add("sales", 1, "running", to: bench)
    try await deliverAll(bench)
    let outcome = try await purge(bench) { $0.dags = ["*"] }
    #expect(outcome.open == 1 && outcome.dagRuns == 0)
    #expect(try runs(bench) == ["sales/r1"])
  }

  /// What dbt Cloud answers for a run that was purged while it was asked for.
  @Test func anAnswerThatComesTooLateIsDropped() async throws {
    let bench = try await Bench(sinks: [])
    try await add("sales", 1, to: bench)
    let due = try #require(try await bench.due(dbtRun(1)))
    #expect(try await purge(bench) { $0.dags = ["sales"] }.dbtRuns == 1)
    var answer = dbtRun(1, isComplete: true)
    answer.steps = [step()]
    _ = try await bench.ledger.keepHead(answer, id: due.id, nextFetchAt: 0)
    try await bench.ledger.keepComplete(answer, id: due.id)
    for table in ["dbt_run", "dbt_step", "dbt_result"] {
      #expect(try bench.query("SELECT count(*) FROM \(table)") == ["0"], "\(table)")
    }
  }

  /// Each check says then what came of its last run that is left.
  @Test func checksSayWhatIsLeftOfThem() async throws {
    let bench = try await Bench(sinks: [])
    for number in 1...2 {
      try await add(number == 1 ? "first" : "second", number, to: bench)
      var answer = dbtRun(Int64(number), created: 1000 * number, isComplete: true)
      var one = step()
      if number == 2 { one.results[1].status = "fail" }
      for index in one.results.indices { one.results[index].completedAt = at(1000 * number + 5) }
      answer.steps = [one]
      try await bench.answer(answer)
    }
    let name = "test.shop.not_null_m1"
    #expect(try await bench.ledger.checks(named: name).first?.outcome == .fail)
    _ = try await purge(bench) { $0.dags = ["second"] }
    #expect(try await bench.ledger.checks(named: name).first?.outcome == .pass)
    #expect(try await bench.ledger.checks(named: name).first?.lastRun?.description.hasSuffix("/1") == true)
    _ = try await purge(bench) { $0.dags = ["first"] }
    #expect(try await bench.ledger.checks(named: name).isEmpty)
  }

  @Test func withoutALedgerThereIsNothingToPurge() async throws {
    let bench = try await Bench(sinks: [])
    guard bench.place.isFile else { return }
    let ledger = Ledger(path: bench.folder.file("none.db"), purpose: .correcting)
    await #expect(throws: LedgerError.self) { try await ledger.open() }
  }
}

extension Ledger {
  fileprivate func purged(
    _ request: PurgeRequest, _ cursor: PurgeCursor, _ isTrial: Bool, _ before: PurgeOutcome
  ) throws -> (PurgeCursor?, PurgeOutcome) {
    var outcome = before
    let next = try purge(request, from: cursor, isTrial: isTrial, into: &outcome)
    return (next, outcome)
  }
}
