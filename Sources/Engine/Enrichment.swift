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
    /// Runs that were listed because all of the account are wanted, and are new.
    var listed = 0
    /// Whether there is more to do at once.
    var hasMore = false
    /// What records lack, each with what to do.
    var warnings: [String] = []

    static func += (left: inout Outcome, right: Outcome) {
      left.fetched += right.fetched
      left.completed += right.completed
      left.failed += right.failed
      left.undecided += right.undecided
      left.searched += right.searched
      left.outage = right.outage ?? left.outage
      left.failure = right.failure ?? left.failure
      left.refusal = right.refusal ?? left.refusal
      left.listed += right.listed
      left.hasMore = left.hasMore || right.hasMore
      left.warnings += right.warnings
    }
  }

  nonisolated let account: AccountDirectory.Account
  let client: DbtCloudClient
  private let search: RunSearch
  /// Where all runs of the account are wanted.
  private let listing: RunListing?
  let ledger: Ledger
  private let reader: ArtifactReader
  private let downloads: Downloads
  private let clock: @Sendable () -> Int64
  private let lanes: Int
  private let backlogLanes: Int
  private var failures = 0
  /// Runs that were under way when they were asked for last.
  var underWay: [Int64: DbtRun] = [:]
  private var warnedOfProjects: Set<Int64> = []

  /// How often a file that cannot be read is fetched again before the record is kept without it.
  static let tries = 3
  /// How often a run that changes while it is read is read in one go.
  private static let readings = 3
  /// Pages that a round of the daemon searches at most, before it looks up.
  private static let pages = 30

  /// - Parameter lanes: runs that are fetched side by side; nil for as many as the account's rate is worth.
  init(
    _ configuration: DbtCloudConfiguration, allowsPlainHTTP: Bool, ledger: Ledger, reader: ArtifactReader,
    folder: WorkFolder, lanes: Int? = nil, clock: @escaping @Sendable () -> Int64 = wallClockMicroseconds
  ) throws {
    account = configuration.directoryEntry
    let lanes = lanes ?? (configuration.requestsPerSecond > 10 ? 8 : 4)
    let pool = HTTPPool(name: "dbt", lanes: lanes, userAgent: "airflow-syncer/\(SyncerVersion.current)")
    var limits = DbtCloudClient.Limits()
    limits.artifactBytes = configuration.maximumArtifactBytes
    let client = DbtCloudClient(
      account: try configuration.account(allowsPlainHTTP: allowsPlainHTTP), limits: limits,
      send: { try await pool.send($0) })
    self.client = client
    search = RunSearch(account: account, ledger: ledger, clock: clock) { filter, after in
      try await client.runs(filter, after: after, limit: SearchPlan.pageSize)
    }
    listing =
      configuration.runs == .all
      ? RunListing(
        account: account, ledger: ledger, filter: configuration.filter, backfill: configuration.backfill, clock: clock,
        source: RunListing.Source(
          after: { try await client.runs(after: $0, limit: RunListing.pageSize) },
          newest: { try await client.newestRuns(offset: $0, limit: $1) })) : nil
    // History is fetched with as many lanes as delay what comes meanwhile by a few calls.
    backlogLanes = max(1, min(lanes, Int(configuration.requestsPerSecond / 4)))
    self.ledger = ledger
    self.reader = reader
    downloads = Downloads(account: configuration.name, folder: folder)
    self.lanes = lanes
    self.clock = clock
  }

  /// Fetches what is due, then looks for the runs of lost tries, and fetches what is due by then after each page. Where all
  /// runs are wanted, lists them, and fetches those of history when nothing else is due.
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
    do { try await takeAll(everything: everything, into: &outcome) } catch let error as DbtCloudError {
      outcome.failed += 1
      outcome.outage = error
    }
    failures = outcome.outage == nil ? 0 : failures + 1
    try await noteAccount(outcome)
    return outcome
  }

  private func fetchDue(now: Int64, hasAnswered: Bool) async throws -> Outcome {
    var last: Int64 = 0
    return try await fetch(lanes: lanes, hasAnswered: hasAnswered) {
      let due = try await ledger.dueDbtRuns(of: account.name, now: now, after: last, backlog: false, limit: 64)
      guard let highest = due.last?.id else { return nil }
      last = highest
      return try await withoutUnchanged(due)
    }
  }

  /// Lists all runs of the account, and fetches those of history.
  private func takeAll(everything: Bool, into outcome: inout Outcome) async throws {
    guard outcome.outage == nil else { return }
    if let listing {
      var step = try await listing.listNew(isWanted: everything)
      outcome.listed += step.new
      if step.new > 0 { outcome += try await fetchDue(now: everything ? .max : clock(), hasAnswered: true) }
      repeat {
        try Task.checkCancellation()
        guard outcome.outage == nil else { return }
        step = try await listing.listHistory()
        outcome.listed += step.new
      } while everything && step.hasMore
      outcome.hasMore = step.hasMore
    }
    try await fetchHistory(everything: everything, into: &outcome)
  }

  /// Fetches runs of history while nothing else is due, a while unless everything is wanted.
  private func fetchHistory(everything: Bool, into outcome: inout Outcome) async throws {
    var (last, count, isOver): (Int64, Int, Bool) = (0, 0, false)
    repeat {
      let before = count
      outcome += try await fetch(lanes: backlogLanes, hasAnswered: outcome.fetched > 0) {
        // What is due beside history comes first, and new runs are looked for in time.
        if !everything, count > before, try await isInterrupted(after: count) { return nil }
        let due = try await ledger.dueDbtRuns(
          of: account.name, now: everything ? .max : clock(), after: last, backlog: true, limit: backlogLanes * 4)
        guard let highest = due.last?.id else {
          isOver = true
          return nil
        }
        last = highest
        count += due.count
        return try await withoutUnchanged(due)
      }
      guard !isOver, !everything, outcome.outage == nil else { return }
      outcome += try await fetchDue(now: clock(), hasAnswered: outcome.fetched > 0)
      if await isRoundOver(after: count) {
        outcome.hasMore = true
        return
      }
    } while outcome.outage == nil
  }

  /// Whether the fetching of history makes way for something else.
  private func isInterrupted(after count: Int) async throws -> Bool {
    if await isRoundOver(after: count) { return true }
    return try await !ledger.dueDbtRuns(of: account.name, now: clock(), backlog: false, limit: 1).isEmpty
  }

  /// Whether a round of the daemon has fetched enough of history.
  private func isRoundOver(after count: Int) async -> Bool { await waitForListing == 0 || count >= 64 }

  /// Seconds until new runs of the account are asked for; nil where only linked runs are wanted.
  var waitForListing: Double? { get async { await listing?.waitForPoll } }

  /// Seconds to wait before the next round after one that ended in an outage.
  var waitAfterOutage: Double { min(300, 2 * Double(1 << min(failures, 8))) }

  /// What became of one run, and the error that may be the account's or the run's own.
  private struct Attempt: Sendable {
    var outcome = Outcome()
    var doubt: (due: DueDbtRun, error: DbtCloudError)?
    /// Of which everything was read, and which is still to be kept.
    var read: Complete?
  }

  private struct Complete: Sendable {
    var due: DueDbtRun
    var run: CompleteDbtRun
  }

  private enum Done: Sendable {
    case read(Attempt)
    /// So many of those that were read.
    case kept(Int)
  }

  /// Runs on their way to the ledger.
  private struct Line {
    /// Those that are being read.
    var reading = 0
    /// Those that were read, the first of which may be being kept.
    var read: [Complete] = []
    var isKeeping = false

    /// Whether another run may be read. Keeping does not hold up reading, except for large runs: memory is for few of
    /// them.
    func hasRoom(lanes: Int) -> Bool {
      reading + read.count(where: \.run.isLarge) < lanes && read.count < lanes
    }
  }

  /// - Parameter hasAnswered: whether the account has answered in this round already.
  func fetch(_ due: [DueDbtRun], lanes: Int, hasAnswered: Bool) async throws -> Outcome {
    var next: [DueDbtRun]? = due
    return try await fetch(lanes: lanes, hasAnswered: hasAnswered) {
      defer { next = nil }
      return next
    }
  }

  /// Fetches runs side by side, and keeps together what is read by the time that the ledger is free.
  /// - Parameters:
  ///   - hasAnswered: whether the account has answered in this round already.
  ///   - more: the next runs; nil when there are none.
  private func fetch(
    lanes: Int, hasAnswered: Bool, more: () async throws -> [DueDbtRun]?
  ) async throws -> Outcome {
    var (outcome, doubts) = (Outcome(), [(due: DueDbtRun, error: DbtCloudError)]())
    try await withThrowingTaskGroup(of: Done.self) { group in
      var due: ArraySlice<DueDbtRun> = []
      var (line, isOver) = (Line(), false)
      while true {
        // An account that is away need not be asked for each run.
        let isAway = !hasAnswered && outcome.fetched == 0 && doubts.count >= lanes
        while !isOver, !isAway, outcome.outage == nil, line.hasRoom(lanes: lanes) {
          if let run = due.popFirst() {
            group.addTask { .read(try await self.fetch(run)) }
            line.reading += 1
          } else if let next = try await more() {
            try Task.checkCancellation()
            due = next[...]
          } else {
            isOver = true
          }
        }
        if !line.isKeeping, !line.read.isEmpty {
          line.isKeeping = true
          group.addTask { [runs = line.read] in .kept(try await self.ledger.keepComplete(firstOf: runs.map(\.run))) }
        }
        switch try await group.next() {
        case nil: return
        case .kept(let count):
          for one in line.read.prefix(count) { downloads.end(one.due.runID, isWhole: true) }
          line.read.removeFirst(count)
          line.isKeeping = false
        case .read(let attempt):
          line.reading -= 1
          outcome += attempt.outcome
          if let doubt = attempt.doubt { doubts.append(doubt) }
          if let read = attempt.read { line.read.append(read) }
          if hasAnswered || outcome.fetched > 0 { try await note(&doubts) }
        }
      }
    }
    if !doubts.isEmpty, outcome.outage == nil, try await answers() { try await note(&doubts) }
    for (due, error) in doubts {
      outcome.outage = outcome.outage ?? error
      try await ledger.noteFailure(due.id, reason: error.description, nextFetchAt: 0)
    }
    return outcome
  }

  /// Where the account answers for others, the fault lies with the run.
  private func note(_ doubts: inout [(due: DueDbtRun, error: DbtCloudError)]) async throws {
    let noted = doubts
    doubts = []
    for (due, error) in noted {
      try await ledger.noteFailure(due.id, reason: error.description, nextFetchAt: retryTime(due))
    }
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
      switch try await fetchWhole(due, &attempt.outcome) {
      case .complete(let run):
        attempt.outcome.completed = 1
        attempt.read = Complete(due: due, run: CompleteDbtRun(run, id: due.id))
      case .underWay: break
      case .undecided: attempt.outcome.undecided = 1
      }
      attempt.outcome.fetched = 1
    } catch let error as DbtCloudError {
      try await note(error, of: due, in: &attempt)
    } catch let error as ArtifactError {
      try await note(failure: error.description, of: due, in: &attempt)
    } catch let error as RunKeepsChanging {
      try await note(failure: error.description, of: due, in: &attempt)
    }
    return attempt
  }

  private func note(failure: String, of due: DueDbtRun, in attempt: inout Attempt) async throws {
    attempt.outcome.failed = 1
    attempt.outcome.failure = failure
    try await ledger.noteFailure(due.id, reason: failure, nextFetchAt: retryTime(due))
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
    case complete(DbtRun)
    case underWay
    /// The run is over, but no link means it for certain.
    case undecided
  }

  private func fetchWhole(_ due: DueDbtRun, _ outcome: inout Outcome) async throws -> Fetched {
    var head = try await head(of: due)
    var run = head.run
    if let project = run.projectID { run.projectName = try await self.project(project, &outcome) }
    let isWanted = try await ledger.keepHead(run, id: due.id, nextFetchAt: nextLook(at: run))
    underWay[due.runID] = run.isOverInDbtCloud ? nil : run
    guard run.isOverInDbtCloud else { return .underWay }
    guard isWanted else { return .undecided }
    // What goes on after the run has ended, such as a late upload, would give artifacts that do not belong together.
    for _ in 0..<Self.readings where head.run.isOverInDbtCloud {
      let read = try await readArtifacts(of: head, due, &outcome)
      let after = read.hasAsked ? try await self.head(of: due) : head
      if after == head || due.failures >= Self.tries {
        let name = run.projectName
        run = after.run
        run.projectName = name
        run.steps = read.steps
        run.isComplete = true
        return .complete(run)
      }
      head = after
    }
    throw RunKeepsChanging(runID: due.runID)
  }

  private func head(of due: DueDbtRun) async throws -> DbtRunHead {
    var head = try await client.head(of: due.runID)
    head.run.key = due.key
    head.run.account = account.name
    head.run.accountID = account.accountID
    head.run.host = account.host
    head.run.isComplete = false
    return head
  }

  private func readArtifacts(
    of head: DbtRunHead, _ due: DueDbtRun, _ outcome: inout Outcome
  ) async throws -> RunReading.Outcome {
    let reading = RunReading(
      client: client, reader: reader, downloads: downloads, runID: due.runID, mayGiveUp: due.failures >= Self.tries)
    downloads.begin(due.runID, head)
    do {
      let read = try await reading.read(head)
      outcome.warnings += read.warnings
      return read
    } catch {
      downloads.end(due.runID, isWhole: false)
      throw error
    }
  }

  /// The name of a project. How its warehouse is reached is kept once a day.
  private func project(_ id: Int64, _ outcome: inout Outcome) async throws -> String? {
    let project = try await client.project(id)
    if let problem = project.problem {
      if warnedOfProjects.insert(id).inserted { outcome.warnings.append(problem) }
    } else if try await ledger.wantsConnection(
      ofProject: id, of: account.name, askedBefore: clock() - 86_400_000_000)
    {
      try await ledger.keep(project.connection, ofProject: id, of: account.name)
    }
    return project.name
  }

  /// A run under way is asked for often at first, seldom when it takes long.
  func nextLook(at run: DbtRun) -> Int64 {
    let now = clock()
    let age = run.createdAt.map { Double(now - $0.microseconds) / 1e6 } ?? 0
    return now + Int64(min(30, max(5, age / 20)) * 1e6)
  }

  // MARK: The account

  private func noteAccount(_ outcome: Outcome) async throws {
    try await ledger.note(
      account: account, lastCallAt: await client.lastCallAt, callsPerMinute: await client.callsInLastMinute,
      coolingDownUntil: await client.coolingDownUntil, error: outcome.outage?.description)
  }
}

/// dbt Cloud says something else of a run each time that it is read.
private struct RunKeepsChanging: Error, CustomStringConvertible {
  let runID: Int64

  var description: String {
    "dbt run \(runID) changed while its artifacts were read, again and again. It is read again later."
  }
}
