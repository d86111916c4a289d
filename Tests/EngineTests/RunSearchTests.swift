import DbtCloudStandIn
import ExecutionModel
import JSONText
import Ledger
import Synchronization
import TestServers
import Testing

@testable import DbtCloud
@testable import Engine

/// Tries of which Airflow has nothing left, looked for in a dbt Cloud that knows what a real provider had triggered.
@Suite struct RunSearchTests {
  /// The XComs of the run operator and its subclass; those of others stay.
  private static let forgetting = """
    DELETE FROM xcom x USING task_instance t WHERE t.operator IN ('DbtCloudRunJobOperator', 'AcmeDbtOperator')
      AND x.dag_id = t.dag_id AND x.run_id = t.run_id AND x.task_id = t.task_id AND x.map_index = t.map_index
    """

  /// Exact are those whose cause holds the attempt's own id. Of 2.6.3 two tries are not even known to have been: it keeps
  /// no history. Undecided are mapped tasks and runs of one DAG that started one job at the same time.
  private static let withoutXComs = [
    "2.6.3": Truth.Verdict(strong: 3, inferred: 22, ambiguous: 4),
    "2.11.2": Truth.Verdict(exact: 3, strong: 9, inferred: 83, ambiguous: 6),
    "3.3.2": Truth.Verdict(exact: 1, strong: 3, inferred: 33, ambiguous: 2),
  ]

  @Test(arguments: AirflowFixtures.versions)
  func withoutAnyXComRunsAreFoundByCauseOrSaidToBeUndecided(_ version: String) async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump(version), truth: version)
    try await lab.server.execute(Self.forgetting, database: lab.database)
    try await lab.sync()
    let records = try await lab.records()
    let verdict = try Truth(version).judge(records)
    #expect(verdict == Self.withoutXComs[version], "\(verdict)")
    try expectWellFormed(lab.backend.bodies)

    // What the file sink wrote last of each record is the record.
    var last: [String?: String] = [:]
    for line in lab.archiveLines { last[try JSONValue(parsing: line)["key"]?.stringValue] = line }
    for record in records {
      let value = try JSONValue(parsing: record)
      guard ["success", "failed"].contains(value["dag_run"]?["state"]?.stringValue) else { continue }
      #expect(last[value["key"]?.stringValue] == record)
    }

    // Each was asked for once.
    lab.standIn.forgetRequests()
    try await lab.sync()
    #expect(lab.standIn.requests.isEmpty)
    #expect(try await lab.records() == records)
  }

  @Test(arguments: ["2.11.2", "3.3.2"])
  func aResumedRunNamesTheOneThatItResumesHoweverItWasFound(_ version: String) async throws {
    for forgets in [false, true] {
      let lab = try await Lab(database: try await AirflowFixtures.dump(version), truth: version)
      if forgets { try await lab.server.execute(Self.forgetting, database: lab.database) }
      try await lab.sync()
      var found = 0
      for record in try await lab.records() {
        let attempts = try JSONValue(parsing: record)["attempts"]?.arrayValue ?? []
        let tries = attempts.filter { $0["task_id"]?.stringValue == "run_retry_from_failure" }
        guard tries.count == 2 else { continue }
        found += 1
        let links = tries.compactMap { $0["dbt_runs"]?.arrayValue?.first }
        #expect(links.map { $0["relation"]?.stringValue } == ["triggered", "retried"])
        #expect(links[1]["retried_run"] == links[0]["key"] && links[0]["key"]?.stringValue != nil)
        #expect(links[1]["confidence"]?.stringValue == (forgets ? "inferred" : "exact"))
        let shown = try await lab.run([
          "runs", "show", try #require(try JSONValue(parsing: record)["key"]?.stringValue),
        ])
        let resumed = try #require(links[0]["key"]?.stringValue?.split(separator: "/").last)
        #expect(shown.text.contains("retried \(resumed), \(forgets ? "inferred" : "exact")"))
      }
      #expect(found == (version == "2.11.2" ? 3 : 1))
    }
  }

  @Test func theAttemptsOwnIDInTheCauseIsOneMorePieceOfEvidence() async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump("3.3.2"), truth: "3.3.2")
    try await lab.sync()
    var kinds: [String?] = []
    for record in try await lab.records() {
      for attempt in try JSONValue(parsing: record)["attempts"]?.arrayValue ?? []
      where attempt["task_id"]?.stringValue == "run_ol_cause" {
        let link = attempt["dbt_runs"]?.arrayValue?.first
        kinds += (link?["evidence"]?.arrayValue ?? []).map { $0["kind"]?.stringValue }
      }
    }
    #expect(kinds.contains("cause_run_id") && kinds.contains("xcom_job_run_url"))
  }

  /// The run of a lost try was started through an account that the DAG does not name: each is asked, and the right one
  /// found, whichever was asked first.
  @Test func everyAccountThatCanBeMeantIsAskedBeforeItIsJudged() async throws {
    let lab = try await Lab(
      database: try await AirflowFixtures.dump("3.3.2"), truth: "3.3.2", .init(accounts: [70_437_463_654_557, 1001]))
    try await lab.server.execute(Self.forgetting, database: lab.database)
    lab.standIn.add(Fault(.status(503, retryAfter: nil), path: "/70437463654557/runs/$"))
    #expect(try await lab.run(["sync"]).status == 1)
    let before = try Truth("3.3.2").judge(try await lab.records())
    #expect(before.wrong == [] && before.inferred < 5, "\(before)")
    lab.standIn.removeFaults()
    try await lab.sync()
    #expect(try Truth("3.3.2").judge(try await lab.records()) == Self.withoutXComs["3.3.2"])
  }

  @Test func aRunThatAnothersXComNamesIsNoCandidate() async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump("3.3.2"), truth: "3.3.2")
    // A try in the time of another's run, which is of the same task of another DAG run.
    let owner = "dag_id = 'dbt_sched' AND task_id = 'run'"
    try await lab.server.execute(
      """
      DELETE FROM xcom WHERE \(owner) AND run_id = (SELECT run_id FROM dag_run WHERE dag_id = 'dbt_sched' ORDER BY id LIMIT 1);
      UPDATE task_instance SET start_date = n.start_date, end_date = n.end_date
      FROM (SELECT * FROM task_instance WHERE \(owner) ORDER BY start_date DESC LIMIT 1) n
      WHERE task_instance.dag_id = 'dbt_sched' AND task_instance.task_id = 'run'
        AND task_instance.run_id = (SELECT run_id FROM dag_run WHERE dag_id = 'dbt_sched' ORDER BY id LIMIT 1)
      """, database: lab.database)
    try await lab.sync()
    // The other has its XCom: its run is no candidate.
    for record in try await lab.records(["--dag", "dbt_sched"]) {
      let value = try JSONValue(parsing: record)
      let links = (value["attempts"]?.arrayValue ?? []).flatMap { $0["dbt_runs"]?.arrayValue ?? [] }
      #expect(links.allSatisfy { $0["confidence"]?.stringValue == "exact" })
    }
  }

  @Test func aListThatIsNotGivenIsSaidAndAskedAgainLater() async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump("3.3.2"), truth: "3.3.2")
    lab.standIn.add(Fault(.status(403, retryAfter: nil), path: "/runs/$"))
    let output = try await lab.run(["sync"])
    #expect(output.status == 1)
    #expect("\(output.text)\(output.errorText)".contains("cannot be looked for"))
    // Runs that links name were fetched all the same.
    #expect(try Truth("3.3.2").judge(try await lab.records()).exact == 33)
    lab.standIn.forgetRequests()
    _ = try await lab.run(["sync"])
    #expect(lab.standIn.requests.isEmpty, "not again within ten minutes")
  }

  // MARK: One account, without a network

  @Test func aCallReadsTheRunsOfManyTriesNewestFirst() async throws {
    let account = try await SearchedAccount(starts: (0..<3_000).map { $0 * 70 })
    try await account.searchToTheEnd()
    #expect(try await account.inferred() == 3_000)
    #expect(account.calls.count < 3_000 / 100 + 20, "\(account.calls.count) calls")
    let starts = account.calls.compactMap(\.createdFrom)
    #expect(starts == starts.sorted(by: >))
  }

  @Test func quietAccountsAreAskedOverLongGaps() async throws {
    let account = try await SearchedAccount(starts: (0..<1_000).map { $0 * 3_600 })
    try await account.searchToTheEnd()
    #expect(try await account.inferred() == 1_000)
    #expect(account.calls.count < 60, "\(account.calls.count) calls")
  }

  @Test func whatWasAnsweredIsNotAskedAgainByAnotherProcess() async throws {
    let account = try await SearchedAccount(starts: (0..<1_000).map { $0 * 3_600 })
    for _ in 0..<5 { _ = try await account.search().step() }
    let asked = account.calls.count
    try await account.searchToTheEnd()
    #expect(asked == 5 && account.calls.count < 65)
    #expect(try await account.inferred() == 1_000)
    let all = account.calls.count
    try await account.searchToTheEnd()
    #expect(account.calls.count == all)
  }

  @Test func aSilenceThatDbtCloudDemandsIsThrownAndNothingIsLost() async throws {
    let account = try await SearchedAccount(starts: [0, 7_200])
    let error = DbtCloudError(kind: .rateLimited(retryAfter: 300), account: "one", url: "", message: "")
    account.fail(with: error)
    let search = account.search()
    await #expect(throws: error) { try await search.step() }
    account.fail(with: nil)
    try await account.searchToTheEnd(search)
    #expect(try await account.inferred() == 2)
  }

  @Test func aListThatCannotBeHadIsNotAskedForAtOnce() async throws {
    let account = try await SearchedAccount(starts: [0, 60_000])
    account.fail(with: DbtCloudError(kind: .refused(status: 403), account: "one", url: "", message: ""))
    let search = account.search()
    for _ in 0..<2 {
      guard case .refused(let reason) = try await search.step() else { return #expect(Bool(false)) }
      #expect(reason.contains("cannot be looked for"))
    }
    #expect(try await search.step() == .idle)
    account.fail(with: nil)
    account.advance(seconds: 1_300)
    try await account.searchToTheEnd(search)
    #expect(try await account.inferred() == 2)
  }

  @Test func aTryThatEndedAMomentAgoIsAskedForOnceMore() async throws {
    let account = try await SearchedAccount(starts: [0], now: 61, listsRuns: false)
    let search = account.search()
    try await account.searchToTheEnd(search)
    #expect(account.calls.count == 1)
    account.listRuns()
    account.advance(seconds: 200)
    try await account.searchToTheEnd(search)
    #expect(account.calls.count == 1)
    account.advance(seconds: 200)
    try await account.searchToTheEnd(search)
    #expect(account.calls.count == 2)
    #expect(try await account.inferred() == 1)
    account.advance(seconds: 90_000)
    try await account.searchToTheEnd(search)
    #expect(account.calls.count == 2)
  }
}

/// A ledger with tries of one task that nothing is left of, and the account that lists their runs.
private final class SearchedAccount: Sendable {
  private struct State {
    var calls: [DbtRunFilter] = []
    var error: DbtCloudError?
    var listsRuns = true
  }

  private let folder: TemporaryFolder
  private let ledger: Ledger
  private let entry = AccountDirectory.Account(name: "one", accountID: 4433, host: "one.dbt.com")
  private let state: Mutex<State>
  private let runs: [DbtRun]

  /// - Parameters:
  ///   - starts: when the tries started, in seconds; each ran for a minute and started a run after three seconds.
  ///   - now: what the clock shows.
  init(starts: [Int], now: Int = 100_000_000, listsRuns: Bool = true) async throws {
    folder = try TemporaryFolder()
    let clock = SharedClock(Self.at(now).microseconds)
    self.clock = clock
    state = Mutex(State(listsRuns: listsRuns))
    ledger = Ledger(path: folder.file("ledger.db"), purpose: .syncing, clock: { clock.now })
    try await ledger.open()
    try await ledger.register(accounts: AccountDirectory(accounts: [entry]))
    _ = try await ledger.progress(of: "prod")
    var batch = CaptureBatch(instance: "prod", readAt: Self.at(0))
    var runs: [DbtRun] = []
    for (index, start) in starts.enumerated() {
      var run = DagRun(key: DagRunKey(instance: "prod", dagID: "d", runID: "r\(index)"), sourceID: Int64(index + 1))
      run.state = "success"
      run.startDate = Self.at(start)
      var attempt = TaskAttempt(key: AttemptKey(taskID: "t", mapIndex: -1, tryNumber: 1), isCurrent: true)
      attempt.state = "success"
      attempt.operatorName = "DbtCloudRunJobOperator"
      attempt.startDate = Self.at(start)
      attempt.endDate = Self.at(start + 60)
      batch.snapshots.append(DagRunSnapshot(run: run, attempts: [attempt]))
      let id = Int64(1_000 + index)
      var dbtRun = DbtRun(key: .cloud(host: entry.host, accountID: 4433, runID: id), status: "success")
      dbtRun.runID = id
      dbtRun.accountID = 4433
      dbtRun.account = "one"
      dbtRun.host = entry.host
      dbtRun.createdAt = Self.at(start + 3)
      dbtRun.cause = "Triggered via Apache Airflow by task 't' in the d DAG."
      runs.append(dbtRun)
    }
    self.runs = runs
    _ = try await ledger.apply(batch, proposing: Capture.links)
  }

  private final class SharedClock: Sendable {
    private let time: Mutex<Int64>
    init(_ time: Int64) { self.time = Mutex(time) }
    var now: Int64 { time.withLock { $0 } }
    func advance(_ microseconds: Int64) { time.withLock { $0 += microseconds } }
  }

  private let clock: SharedClock

  private static func at(_ seconds: Int) -> Instant {
    Instant(microseconds: 1_795_132_800_000_000 + Int64(seconds) * 1_000_000)
  }

  var calls: [DbtRunFilter] { state.withLock { $0.calls } }
  func advance(seconds: Int64) { clock.advance(seconds * 1_000_000) }
  func fail(with error: DbtCloudError?) { state.withLock { $0.error = error } }
  func listRuns() { state.withLock { $0.listsRuns = true } }

  func search() -> RunSearch {
    let clock = clock
    return RunSearch(account: entry, ledger: ledger, clock: { clock.now }) { [self] filter, after in
      try page(filter, after: after)
    }
  }

  func searchToTheEnd(_ search: RunSearch? = nil) async throws {
    let search = search ?? self.search()
    while try await search.step() != .idle {}
  }

  func inferred() async throws -> Int {
    var count = 0
    for run in try await ledger.runs(RunFilter()) {
      let record = try await ledger.record(run.id, RecordContext())
      count += record?.attempts.flatMap(\.links).count { $0.confidence == .inferred && $0.key != nil } ?? 0
    }
    return count
  }

  private func page(_ filter: DbtRunFilter, after: Int64?) throws -> DbtRunPage {
    let (error, listsRuns) = state.withLock { state in
      if state.error == nil { state.calls.append(filter) }
      return (state.error, state.listsRuns)
    }
    if let error { throw error }
    guard let from = filter.createdFrom, let to = filter.createdTo else { throw TestServerError("no range") }
    let found = runs.filter { run in
      listsRuns && run.createdAt.map { (from...max(from, to)).contains($0) } ?? false && run.runID ?? 0 > after ?? 0
    }
    let page = Array(found.prefix(SearchPlan.pageSize))
    return DbtRunPage(runs: page, next: found.count > SearchPlan.pageSize ? page.last?.runID : nil)
  }
}
