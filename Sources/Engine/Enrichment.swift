import Configuration
import DbtArtifacts
import DbtCloud
import ExecutionModel
import HTTPClient
import Ledger
import Platform
import Synchronization

/// Fetches the dbt runs of one account that links speak of: the run, and when it is over the artifacts of its steps.
/// A run under way is asked for again until it is over, also when its Airflow task has long ended.
actor Enrichment {
  /// What a round did.
  struct Outcome: Hashable, Sendable {
    var fetched = 0
    var completed = 0
    var failed = 0
    /// Runs that are over and that no link means for certain yet: another account has still to answer.
    var undecided = 0
    /// Pages of runs that were read to find those of lost tries.
    var searched = 0
    /// Why the account as a whole could not be used.
    var outage: DbtCloudError?
    /// The last failure of a single run.
    var failure: String?
    /// Why dbt Cloud does not list its runs.
    var refusal: String?

    static func += (left: inout Outcome, right: Outcome) {
      left.fetched += right.fetched
      left.completed += right.completed
      left.failed += right.failed
      left.undecided += right.undecided
      left.searched += right.searched
      left.outage = right.outage ?? left.outage
      left.failure = right.failure ?? left.failure
      left.refusal = right.refusal ?? left.refusal
    }
  }

  nonisolated let account: AccountDirectory.Account
  private let client: DbtCloudClient
  private let search: RunSearch
  private let ledger: Ledger
  private let reader: ArtifactReader
  private let folder: WorkFolder
  private let clock: @Sendable () -> Int64
  private let lanes: Int
  private var failures = 0

  /// How often a file that cannot be read is fetched again before the record is kept without it.
  private static let tries = 3
  /// Pages that a round of the daemon searches at most, before it looks up.
  private static let pages = 30

  /// - Parameter lanes: runs that are fetched side by side.
  init(
    _ configuration: DbtCloudConfiguration, allowsPlainHTTP: Bool, ledger: Ledger, reader: ArtifactReader,
    folder: WorkFolder,
    lanes: Int = 4, clock: @escaping @Sendable () -> Int64 = wallClockMicroseconds
  ) throws {
    account = configuration.directoryEntry
    let pool = HTTPPool(name: "dbt", lanes: lanes, userAgent: "airflow-syncer/\(SyncerVersion.current)")
    let client = DbtCloudClient(
      account: try configuration.account(allowsPlainHTTP: allowsPlainHTTP), send: { try await pool.send($0) })
    self.client = client
    search = RunSearch(account: account, ledger: ledger, clock: clock) { filter, after in
      try await client.runs(filter, after: after, limit: SearchPlan.pageSize)
    }
    self.ledger = ledger
    self.reader = reader
    self.folder = folder
    self.lanes = lanes
    self.clock = clock
  }

  /// Fetches what is due, then looks for the runs of lost tries, and fetches what is due by then after each page.
  /// - Parameter everything: also what would be due later, and all that is to be looked for.
  func round(everything: Bool = false) async throws -> Outcome {
    var outcome = try await fetchDue(now: everything ? .max : clock(), hasAnswered: false)
    while outcome.outage == nil, everything || outcome.searched < Self.pages {
      let step: RunSearch.Step
      do { step = try await search.step() } catch let error as DbtCloudError {
        outcome.failed += 1
        outcome.outage = error
        break
      }
      if step != .idle { outcome.searched += 1 }
      if case .refused(let reason) = step { outcome.refusal = reason }
      let fetched = try await fetchDue(now: clock(), hasAnswered: outcome.fetched + outcome.searched > 0)
      outcome += fetched
      if step == .idle, fetched.fetched == 0 { break }
    }
    failures = outcome.outage == nil ? 0 : failures + 1
    try await noteAccount(outcome)
    return outcome
  }

  private func fetchDue(now: Int64, hasAnswered: Bool) async throws -> Outcome {
    var outcome = Outcome()
    var last: Int64 = 0
    while outcome.outage == nil {
      try Task.checkCancellation()
      let due = try await ledger.dueDbtRuns(of: account.name, now: now, after: last, limit: 64)
      guard let highest = due.last?.id else { break }
      last = highest
      outcome += try await fetch(due, hasAnswered: hasAnswered || outcome.fetched > 0)
    }
    return outcome
  }

  /// Seconds to wait before the next round after one that ended in an outage.
  var waitAfterOutage: Double { min(300, 2 * Double(1 << min(failures, 8))) }

  /// What became of one run, and the error that may be the account's or the run's own.
  private struct Attempt: Sendable {
    var outcome = Outcome()
    var doubt: (due: DueDbtRun, error: DbtCloudError)?
  }

  /// - Parameter hasAnswered: whether the account has answered in this round already.
  private func fetch(_ due: [DueDbtRun], hasAnswered: Bool) async throws -> Outcome {
    let (result, doubts) = try await withThrowingTaskGroup(of: Attempt.self) { group in
      var outcome = Outcome()
      var doubts: [(due: DueDbtRun, error: DbtCloudError)] = []
      var waiting = due.makeIterator()
      for _ in 0..<lanes {
        if let run = waiting.next() { group.addTask { try await self.fetch(run) } }
      }
      while let attempt = try await group.next() {
        outcome += attempt.outcome
        if let doubt = attempt.doubt { doubts.append(doubt) }
        // An account that is away need not be asked for each run.
        let isAway = !hasAnswered && outcome.fetched == 0 && doubts.count >= lanes
        if outcome.outage == nil, !isAway, let run = waiting.next() { group.addTask { try await self.fetch(run) } }
      }
      return (outcome, doubts)
    }
    var outcome = result
    // Where the account answers for others, the fault lies with the run.
    var isRunsOwn = hasAnswered || outcome.fetched > 0
    if !isRunsOwn, !doubts.isEmpty, outcome.outage == nil { isRunsOwn = try await answers() }
    for (due, error) in doubts {
      if !isRunsOwn { outcome.outage = outcome.outage ?? error }
      try await ledger.noteFailure(
        due.id, reason: error.description, nextFetchAt: isRunsOwn ? retryTime(due) : 0)
    }
    return outcome
  }

  /// Whether the account answers at all.
  private func answers() async throws -> Bool {
    do {
      _ = try await client.runs(limit: 1)
      return true
    } catch is DbtCloudError { return false }
  }

  private func fetch(_ due: DueDbtRun) async throws -> Attempt {
    var attempt = Attempt()
    do {
      switch try await fetchWhole(due) {
      case .complete: attempt.outcome.completed = 1
      case .underWay: break
      case .undecided: attempt.outcome.undecided = 1
      }
      attempt.outcome.fetched = 1
    } catch let error as DbtCloudError {
      try await note(error, of: due, in: &attempt)
    } catch let error as ArtifactError {
      attempt.outcome.failed = 1
      attempt.outcome.failure = error.description
      try await ledger.noteFailure(due.id, reason: error.description, nextFetchAt: retryTime(due))
    }
    return attempt
  }

  private func note(_ error: DbtCloudError, of due: DueDbtRun, in attempt: inout Attempt) async throws {
    if error.kind == .notFound {
      // An answer, not a failure: the record says so. It may still appear; once an hour is enough.
      attempt.outcome.fetched = 1
      try await ledger.noteAbsent(due.id, reason: error.description, nextFetchAt: clock() + 3_600_000_000)
      return
    }
    attempt.outcome.failed = 1
    attempt.outcome.failure = error.description
    switch error.kind {
    case .noToken, .invalidURL, .rateLimited, .refused(status: 401):
      attempt.outcome.outage = error
      try await ledger.noteFailure(due.id, reason: error.description, nextFetchAt: 0)
    case .refused, .redirected, .unavailable, .notJSON: attempt.doubt = (due, error)
    case .tooLarge, .cannotWrite, .unexpected, .notFound:
      try await ledger.noteFailure(due.id, reason: error.description, nextFetchAt: retryTime(due))
    }
  }

  private func retryTime(_ due: DueDbtRun) -> Int64 {
    clock() + Int64(min(3600, 5 * Double(1 << min(due.failures, 10))) * 1e6)
  }

  // MARK: One run

  private enum Fetched {
    /// The run is over and everything of it was read.
    case complete
    case underWay
    /// The run is over, but no link means it for certain.
    case undecided
  }

  private func fetchWhole(_ due: DueDbtRun) async throws -> Fetched {
    var run = try await client.run(due.runID)
    run.key = due.key
    run.account = account.name
    run.accountID = account.accountID
    run.host = account.host
    run.isComplete = false
    let isLinked = try await ledger.keepHead(run, id: due.id, nextFetchAt: nextLook(at: run))
    guard run.isOverInDbtCloud else { return .underWay }
    guard isLinked else { return .undecided }
    var earlier: Set<String> = []
    for index in run.steps.indices {
      try await fill(&run.steps[index], of: due, earlier: earlier)
      if let id = run.steps[index].invocationID { earlier.insert(id) }
    }
    run.isComplete = true
    try await ledger.keepComplete(run, id: due.id)
    return .complete
  }

  /// A run under way is asked for often at first, seldom when it takes long.
  private func nextLook(at run: DbtRun) -> Int64 {
    let now = clock()
    let age = run.createdAt.map { Double(now - $0.microseconds) / 1e6 } ?? 0
    return now + Int64(min(30, max(5, age / 20)) * 1e6)
  }

  private func fill(_ step: inout DbtStep, of due: DueDbtRun, earlier: Set<String>) async throws {
    let plan = StepPlan(step: step, runIsOver: true)
    plan.begin(&step)
    switch plan.first {
    case .runResults: try await fillResults(&step, of: due, earlier: earlier)
    case .sources: try await fillFreshness(&step, of: due, earlier: earlier)
    default: break
    }
  }

  private func fillResults(_ step: inout DbtStep, of due: DueDbtRun, earlier: Set<String>) async throws {
    let path: Download
    switch try await download(.runResults, step, of: due) {
    case .fetched(let download): path = download
    case .missing:
      step.runResults = .missing
      step.manifest = .missing
      return
    case .invalid:
      step.runResults = .invalid
      step.manifest = .notApplicable
      return
    }
    defer { path.remove() }
    let results: RunResults
    do { results = try await reader.runResults(path.text) } catch let error as ArtifactError {
      try giveUp(on: error, after: due)
      step.runResults = .invalid
      step.manifest = .notApplicable
      return
    }
    guard results.needManifest, !(results.metadata.invocationID.map(earlier.contains) ?? false) else {
      _ = step.fill(results, manifest: nil, earlier: earlier)
      return
    }
    let manifestPath: Download
    switch try await download(.manifest, step, of: due) {
    case .fetched(let download): manifestPath = download
    case .missing:
      _ = step.fill(results, manifest: nil, earlier: earlier)
      step.manifest = .missing
      return
    case .invalid:
      _ = step.fill(results, manifest: nil, earlier: earlier)
      step.manifest = .invalid
      return
    }
    defer { manifestPath.remove() }
    do {
      let manifest = try await reader.manifest(manifestPath.text, keeping: results.uniqueIDs)
      _ = step.fill(results, manifest: manifest, earlier: earlier)
    } catch let error as ArtifactError {
      try giveUp(on: error, after: due)
      _ = step.fill(results, manifest: nil, earlier: earlier)
      step.manifest = .invalid
    }
  }

  private func fillFreshness(_ step: inout DbtStep, of due: DueDbtRun, earlier: Set<String>) async throws {
    let path: Download
    switch try await download(.sources, step, of: due) {
    case .fetched(let download): path = download
    case .missing:
      step.sources = .missing
      return
    case .invalid:
      step.sources = .invalid
      return
    }
    defer { path.remove() }
    do { _ = step.fill(try await reader.freshness(path.text), earlier: earlier) } catch let error as ArtifactError {
      try giveUp(on: error, after: due)
      step.sources = .invalid
    }
  }

  /// A file that cannot be read may have been cut on its way, so it is fetched again a few times before the record is
  /// kept without it.
  private func giveUp(on error: ArtifactError, after due: DueDbtRun) throws {
    if error.isRetryable, due.failures < Self.tries { throw error }
  }

  private struct Download {
    let text: String
    func remove() { unlinkFile(text) }
  }

  private enum Downloaded {
    case fetched(Download)
    case missing
    /// Something else than JSON, again and again.
    case invalid
  }

  private func download(_ artifact: ArtifactName, _ step: DbtStep, of due: DueDbtRun) async throws -> Downloaded {
    let path = "\(folder.path)/\(account.name)-\(due.runID)-\(step.index)-\(artifact.rawValue)"
    do {
      switch try await client.artifact(run: due.runID, step: step.index, name: artifact.rawValue, to: path) {
      case .fetched: return .fetched(Download(text: path))
      case .missing: return .missing
      }
    } catch let error as DbtCloudError {
      // The page of a proxy says nothing about the artifact: that is waited for.
      guard case .notJSON = error.kind, !error.isWebPage, due.failures >= Self.tries else { throw error }
      return .invalid
    }
  }

  // MARK: The account

  private func noteAccount(_ outcome: Outcome) async throws {
    try await ledger.note(
      account: account, lastCallAt: await client.lastCallAt, callsPerMinute: await client.callsInLastMinute,
      coolingDownUntil: await client.coolingDownUntil, error: outcome.outage?.description)
  }
}
