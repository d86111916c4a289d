import Correlation
import ExecutionModel
import Testing

@testable import Ledger

/// Lost tries from their first appearance to a link, and back.
@Suite(.eachDriver) struct LedgerLostTriesTests {
  private static let cause = "Triggered via Apache Airflow by task 'a' in the daily DAG."

  /// A try of the run operator that nothing is left of.
  private func lost(_ attempt: TaskAttempt, reason: String? = nil, hints: [Evidence] = []) -> LinkProposal {
    LinkProposal(
      attempt: attempt.key, target: nil, relation: .triggered, confidence: .inferred, isCandidate: reason == nil,
      evidence: hints, unresolved: reason)
  }

  private func listed(
    _ id: Int64, created: Int = 22, in account: AccountDirectory.Account = one, cause: String? = Self.cause,
    job: Int64? = nil, retrying: Int64? = nil
  ) -> DbtRun {
    var run = dbtRun(id, in: account, created: created)
    run.cause = cause
    run.jobID = job
    run.retryingRunID = retrying
    return run
  }

  private let task = attempt("success", end: 30)

  // MARK: Finding

  @Test func theOnlyRunThatFitsIsLinkedByInference() async throws {
    let bench = try await Bench()
    try await bench.apply(run("success", end: 40), [task], links: [lost(task)])
    #expect(try await bench.links().isEmpty, "no link before anything is found")
    let revision = try await bench.revision()
    try await bench.search(one, [listed(71)])
    let link = try #require(try await bench.links().first)
    #expect(link.key == listed(71).key && link.confidence == .inferred && link.relation == .triggered)
    #expect(link.evidence.map(\.kind) == ["cause", "time_window"] && link.unresolved == nil)
    #expect(try await bench.revision() > revision)
    // Its steps and results are wanted like those of any linked run.
    #expect(try await bench.due(listed(71)) != nil)
    let status = try await bench.ledger.status().links
    #expect(status.unresolved == 0 && status.withoutLink == 0)
  }

  @Test func nothingIsInventedWhereNothingFits() async throws {
    let bench = try await Bench(clock: { at(500).microseconds })
    var operated = task
    operated.operatorName = "AcmeDbtOperator"
    try await bench.apply(run("success", end: 40), [operated], links: [lost(task)])
    let revision = try await bench.revision()
    try await bench.search(one, [listed(71, created: 100), listed(72, cause: "Kicked off from the UI")])
    #expect(try await bench.links().isEmpty)
    #expect(try await bench.revision() == revision)
    #expect(try await bench.ledger.status().links.withoutLink == 1)
    // Runs that cannot be meant are not kept.
    #expect(try bench.query("SELECT count(*) FROM dbt_run") == ["0"])
  }

  @Test func severalThatFitAreNamedAndNonePicked() async throws {
    let bench = try await Bench()
    try await bench.apply(run("success", end: 40), [task], links: [lost(task)])
    try await bench.search(one, [listed(71), listed(72)])
    let link = try #require(try await bench.links().first)
    #expect(link.key == nil && link.confidence == .ambiguous)
    #expect(link.candidates == [listed(71).key, listed(72).key])
    #expect(link.unresolved == "2 dbt Cloud runs fit this attempt")
    #expect(link.evidence.map(\.kind) == ["cause"])
    // They are not asked for: no link means them.
    #expect(try await bench.due(listed(71)) == nil)
    #expect(try await bench.told().filter { $0.hasPrefix("dbt") }.isEmpty)
    #expect(try await bench.ledger.status().links.ambiguous == 1)
  }

  @Test func aReferenceToObjectStorageIsSearchedToo() async throws {
    let bench = try await Bench()
    let proposals = [lost(task, reason: "a reference to object storage")]
    try await bench.apply(run("success", end: 40), [task], links: proposals)
    #expect(try await bench.links().map(\.unresolved) == ["a reference to object storage"])
    try await bench.search(one, [])
    #expect(
      try await bench.links().map(\.unresolved) == [
        "a reference to object storage; dbt Cloud lists no run that this attempt can have started"
      ])
    try await bench.ledger.noteSearched([], of: "one")
    let other = try await Bench()
    try await other.apply(run("success", end: 40), [task], links: proposals)
    try await other.search(one, [listed(71)])
    // The same snapshot once more changes nothing.
    try await other.apply(run("success", end: 40), [task], links: proposals)
    #expect(try await other.links().map(\.key) == [listed(71).key])
    #expect(try await other.links().map(\.confidence) == [.inferred])
  }

  @Test func theJobOfItsTemplateFieldsTellsRunsApart() async throws {
    let bench = try await Bench()
    let hint = Evidence(kind: LostTry.jobHint, value: "101")
    try await bench.apply(run("success", end: 40), [task], links: [lost(task, hints: [hint])])
    try await bench.search(one, [listed(71, job: 102), listed(72, job: 101)])
    #expect(try await bench.links().map(\.key) == [listed(72).key])
    #expect(try await bench.links().first?.evidence.contains(hint) == true)
  }

  @Test func theRunOfAnotherTryTellsTheJobAndTheAccount() async throws {
    let bench = try await Bench(accounts: [one, two])
    let first = attempt(try: 1, "failed", start: 20, end: 30, current: false)
    let second = attempt(try: 2, "success", start: 50, end: 60)
    try await bench.apply(run("success", end: 70), [first, second], links: [proposal(second, 72), lost(first)])
    var certain = listed(72, created: 52, job: 101)
    certain.isComplete = true
    try await bench.answer(certain)
    #expect(try await bench.searches(two).isEmpty)
    try await bench.search(one, [listed(70, job: 102), listed(71, job: 101)])
    #expect(try await bench.record().attempts.map { $0.links.map(\.key) } == [[listed(71).key], [listed(72).key]])
  }

  @Test func aResumedRunIsThatOfTheTryAfterTheOneThatItResumes() async throws {
    let bench = try await Bench()
    let first = attempt(try: 1, "failed", start: 20, end: 30, current: false)
    let second = attempt(try: 2, "success", start: 50, end: 60)
    try await bench.apply(run("success", end: 70), [first, second], links: [lost(first), lost(second)])
    // The later one is searched first.
    let late = try await bench.searches(one).filter { $0.from > at(40) }
    _ = try await bench.ledger.keepListed([listed(72, created: 52, cause: "Retry", retrying: 71)], of: one)
    try await bench.ledger.noteSearched(late, of: "one")
    while try await bench.ledger.judgeLostTries() != nil {}
    #expect(try await bench.links().isEmpty)
    try await bench.search(one, [listed(71)])
    let links = try await bench.record().attempts.map { $0.links.first }
    #expect(links.map { $0?.key } == [listed(71).key, listed(72).key])
    #expect(links.map { $0?.relation } == [.triggered, .retried])
    #expect(links[1]?.retriedRun == listed(71).key)
    #expect(links[1]?.evidence.map(\.kind) == ["retrying_run_id", "time_window"])
  }

  // MARK: Accounts

  @Test func everyAccountIsAskedBeforeItIsJudged() async throws {
    let bench = try await Bench(accounts: [one, two])
    try await bench.apply(run("success", end: 40), [task], links: [lost(task)])
    try await bench.search(one, [listed(71)])
    #expect(try await bench.links().isEmpty)
    try await bench.search(two, [listed(72, in: two)])
    #expect(try await bench.links().map(\.confidence) == [.ambiguous])
  }

  @Test func anAccountThatIsNewIsAskedTooAndOneThatIsGoneIsNot() async throws {
    let bench = try await Bench(accounts: [one])
    try await bench.apply(run("success", end: 40), [task], links: [lost(task)])
    try await bench.search(one, [])
    try await bench.ledger.register(accounts: AccountDirectory(accounts: [one, two]))
    try await bench.search(two, [listed(72, in: two)])
    #expect(try await bench.links().map(\.key) == [listed(72, in: two).key])
    try await bench.ledger.register(accounts: AccountDirectory(accounts: []))
    #expect(try bench.query("SELECT count(*) FROM search") == ["0"])
    #expect(try await bench.links().map(\.key) == [listed(72, in: two).key])
  }

  @Test func withoutAnyAccountNothingIsJudged() async throws {
    let bench = try await Bench(accounts: [])
    try await bench.apply(run("success", end: 40), [task], links: [lost(task, reason: "garbage")])
    _ = try await bench.ledger.openLostTries()
    #expect(try await bench.ledger.judgeLostTries() == nil)
    #expect(try await bench.links().map(\.unresolved) == ["garbage"])
  }

  // MARK: Better evidence

  @Test func evidenceOfTheAttemptItselfTakesTheGuessesPlace() async throws {
    let bench = try await Bench()
    try await bench.apply(run("success", end: 40), [task], links: [lost(task)])
    try await bench.search(one, [listed(71)])
    let revision = try await bench.revision()
    try await bench.apply(run("success", end: 40), [task], links: [proposal(task, 72)])
    let links = try await bench.links()
    #expect(links.map(\.key) == [dbtRun(72).key] && links.map(\.confidence) == [.exact])
    #expect(try await bench.revision() > revision)
    #expect(try bench.query("SELECT count(*) FROM lost_try UNION ALL SELECT count(*) FROM search") == ["0", "0"])
  }

  @Test func aGuessGivesWayToTheAttemptThatCertainlyStartedTheRun() async throws {
    let bench = try await Bench()
    try await bench.apply(run("success", end: 40), [task], links: [lost(task)])
    try await bench.search(one, [listed(71)])
    let revision = try await bench.revision()
    // A page of history brings the attempt that it belongs to.
    let other = attempt("success", start: 21, end: 30)
    try await bench.apply(
      run("r2", "success", source: 2, end: 40, logical: 1), [other], links: [proposal(other, 71)])
    #expect(try await bench.links("r1").isEmpty)
    #expect(try await bench.links("r2").map(\.relation) == [.triggered])
    while try await bench.ledger.judgeLostTries() != nil {}
    #expect(try await bench.links("r1").isEmpty)
    #expect(try await bench.revision("r1") > revision)
    #expect(try await bench.told("archive").filter { $0.hasPrefix("record") }.count == 2)
  }

  @Test func anAttemptThatOnlyFoundTheRunUnderWayTakesItFromNobody() async throws {
    let bench = try await Bench()
    let starter = attempt("a", "success", start: 20, end: 60)
    // Too soon after for clocks to tell, but the cause names the other task.
    let second = attempt("b", "success", start: 23, end: 60)
    try await bench.apply(
      run("success", end: 70), [starter, second], links: [lost(starter), proposal(second, 71)])
    try await bench.answer(listed(71))
    try await bench.search(one, [listed(71)])
    let links = try await bench.record().attempts.map { $0.links.map { [$0.key?.description, $0.relation.rawValue] } }
    #expect(links == [[[listed(71).key.description, "triggered"]], [[listed(71).key.description, "reused"]]])
  }

  @Test func whatWasUndecidedIsDecidedWhenTheOtherIsKnown() async throws {
    let bench = try await Bench()
    let tries = [attempt("a", "success", end: 30, map: 0), attempt("a", "success", end: 30, map: 1)]
    try await bench.apply(run("success", end: 40), tries, links: tries.map { lost($0) })
    try await bench.search(one, [listed(71), listed(72)])
    #expect(try await bench.links().map(\.confidence) == [.ambiguous, .ambiguous])
    try await bench.apply(run("success", end: 40), tries, links: [proposal(tries[1], 72)])
    while try await bench.ledger.judgeLostTries() != nil {}
    #expect(try await bench.links().map(\.key) == [listed(71).key, dbtRun(72).key])
  }

  @Test func aNewlyLostTryOfTheSameTimeMakesTheGuessUndecided() async throws {
    let bench = try await Bench()
    try await bench.apply(run("success", end: 40), [task], links: [lost(task)])
    try await bench.search(one, [listed(71)])
    let other = attempt("success", start: 21, end: 31)
    try await bench.apply(run("r2", "success", source: 2, end: 40, logical: 1), [other], links: [lost(other)])
    try await bench.search(one, [listed(71)])
    #expect(try await bench.links("r1").map(\.confidence) == [.ambiguous])
    #expect(try await bench.links("r2").map(\.candidates) == [[listed(71).key]])
  }

  @Test func anAttemptUnderWayMayHaveStartedTheRun() async throws {
    let bench = try await Bench()
    try await bench.apply(run("success", end: 40), [task], links: [lost(task)])
    let running = attempt("running", start: 21)
    try await bench.apply(run("r2", "running", source: 2, logical: 1), [running])
    try await bench.search(one, [listed(71)])
    let link = try #require(try await bench.links("r1").first)
    #expect(link.confidence == .ambiguous && link.candidates == [listed(71).key])
    #expect(link.unresolved == "another attempt of this task can have started the run that fits this one")
  }

  @Test func beforeAirflow210ATryThatNobodySawMayHaveStartedTheRun() async throws {
    for (version, expected) in [("2.6", Confidence.ambiguous), ("2.10-2.11", .inferred)] {
      let bench = try await Bench()
      try await bench.ledger.noteSchema(of: "prod", version: version, alembicHead: nil)
      try await bench.apply(run("success", end: 40), [task], links: [lost(task)])
      // Its first try came and went, some time before the second.
      let second = attempt(try: 2, "success", start: 50, end: 60)
      try await bench.apply(
        run("r2", "success", source: 2, end: 70, logical: 1), [second], links: [proposal(second, 73)])
      try await bench.search(one, [listed(71)])
      #expect(try await bench.links("r1").map(\.confidence) == [expected])
    }
  }

  // MARK: The attempt's own id

  private func ids(_ bench: Bench) async {
    await bench.ledger.register { run, attempt in "\(run.key.dagID)-\(attempt.taskID)-\(attempt.tryNumber)".lowercased()
    }
  }

  private let json = #"{"parent":{"run":{"runId":"daily-a-1"},"job":{"namespace":"n","name":"daily.a"}}}"#

  @Test func aCauseWithTheAttemptsOwnIDIsExact() async throws {
    let bench = try await Bench()
    await ids(bench)
    try await bench.apply(run("success", end: 40), [task], links: [lost(task)])
    try await bench.search(one, [listed(71, created: 90, cause: json), listed(72)])
    let link = try #require(try await bench.links().first)
    #expect(link.key == listed(71).key && link.confidence == .exact)
    #expect(link.evidence == [Evidence(kind: "cause_run_id", value: "daily-a-1")])
  }

  @Test func anIDThatARunMadeAnewHasTooIsNotTheAttemptsOwn() async throws {
    let bench = try await Bench()
    await ids(bench)
    try await bench.apply(run("success", end: 40), [task], links: [lost(task)])
    // The same logical date under another name.
    let again = attempt("success", start: 80, end: 85)
    try await bench.apply(run("again", "success", source: 2, end: 90), [again], links: [proposal(again, 99)])
    try await bench.search(one, [listed(71, created: 82, cause: json)])
    #expect(try await bench.links("r1").isEmpty)
  }

  @Test func whereAnXComNamesTheRunTheIDIsOneMorePieceOfEvidence() async throws {
    let bench = try await Bench()
    await ids(bench)
    try await bench.apply(run("success", end: 40), [task], links: [proposal(task, 71)])
    try await bench.answer(listed(71, cause: json))
    #expect(try await bench.links().first?.evidence.map(\.kind) == ["cause_run_id", "xcom_return_value"])
  }

  // MARK: Events

  @Test func aRunThatIsOnlyGuessedToBeAnAttemptsHasNoParent() async throws {
    let bench = try await Bench()
    try await bench.apply(run("success", end: 40), [task], links: [lost(task)])
    try await bench.search(one, [listed(71)])
    var complete = listed(71)
    complete.isComplete = true
    try await bench.answer(complete)
    #expect(try await bench.told().filter { $0.hasPrefix("dbt") }.count == 2)
    #expect(try bench.query("SELECT count(*) FROM dbt_run WHERE parent_dag_run IS NULL") == ["1"])
    // A certain link that comes later changes the record only: its START has been told.
    let items = try await bench.pending().filter { $0.kind == .dbtRun }
    try await bench.apply(run("success", end: 40), [task], links: [proposal(task, 71)])
    #expect(try await bench.pending().filter { $0.kind == .dbtRun } == items)
    #expect(try await bench.links().map(\.confidence) == [.exact])
    #expect(try bench.query("SELECT count(*) FROM dbt_run WHERE parent_dag_run IS NULL") == ["1"])
  }

  @Test func sinksWithoutHistoryAreNotToldOfRunsThatWereFoundForIt() async throws {
    let fresh = SinkRegistration(
      name: "lineage", type: "openlineage", kind: .events(Set(SinkRegistration.Emission.allCases)), history: false)
    let bench = try await Bench(sinks: [fresh])
    try await bench.apply(run("success", end: 40), [task], links: [lost(task)], history: true)
    try await bench.search(one, [listed(71)])
    var complete = listed(71)
    complete.isComplete = true
    try await bench.answer(complete)
    #expect(try await bench.told() == [])
  }

  // MARK: Tries that no snapshot tells of

  @Test func tasksThatHaveStartedRunsAreGoneThroughInEveryDagRun() async throws {
    let bench = try await Bench()
    var old = attempt("success", end: 30)
    old.operatorName = "AcmeDbtOperator"
    let skipped = attempt("b", "upstream_failed", end: 30)
    try await bench.apply(run("success", end: 40), [old, skipped])
    #expect(try await bench.ledger.findLostTries(everywhere: true) == 0)
    let newer = attempt("success", start: 120, end: 130)
    try await bench.apply(
      run("r2", "success", source: 2, start: 110, end: 140, logical: 1), [newer],
      links: [proposal(newer, 72, evidence: ["xcom_job_run_url"])])
    #expect(try await bench.ledger.findLostTries(everywhere: false) == 1)
    #expect(try await bench.ledger.findLostTries(everywhere: true) == 0)
    try await bench.search(one, [listed(71)])
    #expect(try await bench.links("r1").map(\.key) == [listed(71).key])
    // What comes later is found when all is gone through.
    try await bench.apply(run("r3", "success", source: 3, end: 40, logical: 2), [old])
    #expect(try await bench.ledger.findLostTries(everywhere: false) == 0)
    #expect(try await bench.ledger.findLostTries(everywhere: true) == 1)
  }

  @Test func aTryThatGoesOnIsNotLookedForYet() async throws {
    let bench = try await Bench()
    let running = attempt("running")
    try await bench.apply(run("running"), [running], links: [lost(running, reason: "a reference to object storage")])
    #expect(try await bench.ledger.openLostTries() == 0)
    try await bench.apply(run("success", end: 40), [task])
    #expect(try await bench.ledger.openLostTries() == 1)
    #expect(try await bench.searches(one).map { [$0.from, $0.to] } == [[at(18), at(32)]])
  }

  @Test func anUnknownEndIsTheNextTrysStart() async throws {
    let bench = try await Bench()
    let tries = [attempt(try: 1, "running", current: false), attempt(try: 2, "success", start: 50, end: 60)]
    try await bench.apply(run("success", end: 70), tries, links: [lost(tries[0]), proposal(tries[1], 72)])
    #expect(try await bench.searches(one).map { [$0.from, $0.to] } == [[at(18), at(52)]])
  }

  // MARK: Size

  @Test func thousandsOfMappedTriesOfOneTimeNameAHundredRunsEach() async throws {
    // It is about the number of steps, which is the same with each.
    guard Driver.current == .sqlite else { return }
    let bench = try await Bench()
    let tries = (0..<2_000).map { attempt("a", "success", end: 30, map: $0) }
    try await bench.apply(run("success", end: 40), tries, links: tries.map { lost($0) })
    try await bench.search(one, (0..<300).map { listed(10_000 + Int64($0)) })
    let links = try await bench.links()
    #expect(links.count == 2_000 && links.allSatisfy { $0.confidence == .ambiguous && $0.candidates.count == 100 })
    #expect(links.first?.unresolved == "300 dbt Cloud runs fit this attempt, of which the first 100 are named")
  }
}

extension Bench {
  /// What an account is to be asked for.
  fileprivate func searches(_ account: AccountDirectory.Account) async throws -> [DueSearch] {
    while try await ledger.openLostTries() > 0 {}
    return try await ledger.dueSearches(of: account.name, now: .max, limit: 10_000)
  }

  /// Lets an account answer all that it is asked for, and judges.
  fileprivate func search(_ account: AccountDirectory.Account, _ runs: [DbtRun]) async throws {
    let searches = try await searches(account)
    _ = try await ledger.keepListed(runs, of: account)
    try await ledger.noteSearched(searches, of: account.name)
    while try await ledger.judgeLostTries() != nil {}
  }
}
