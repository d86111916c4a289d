import Configuration
import DbtCloud
import ExecutionModel
import Ledger

/// Lists all runs of one dbt Cloud account, where all of them are wanted: new ones as they come, and history from the
/// newest on. What was listed is kept in the ledger page by page, so that nothing is listed again after a restart.
actor RunListing {
  /// What the listing needs of the account.
  struct Source: Sendable {
    /// Runs with a larger id, by growing id.
    var after: @Sendable (Int64?) async throws -> DbtRunPage
    /// Runs from the newest on.
    var newest: @Sendable (_ offset: Int, _ limit: Int) async throws -> [DbtRun]
  }

  /// What one step did.
  struct Step: Equatable {
    /// Runs that the ledger did not want before.
    var new = 0
    /// Whether another step is due at once.
    var hasMore = false
  }

  private let account: AccountDirectory.Account
  private let ledger: Ledger
  private let source: Source
  private let filter: DbtRunSelection
  private let backfill: Backfill
  private let clock: @Sendable () -> Int64
  private var nextPollAt: Int64 = 0
  /// Where the next page of history begins; nil when that has to be found out.
  private var offset: Int?

  /// Runs of a page.
  static let pageSize = 100
  /// Seconds between two polls for new runs, give or take a fifth.
  static let interval = 10.0
  /// Runs become visible a little out of order: those of the last minute are listed again.
  private static let unsettled: Int64 = 60

  init(
    account: AccountDirectory.Account, ledger: Ledger, filter: DbtRunSelection, backfill: Backfill,
    clock: @escaping @Sendable () -> Int64, source: Source
  ) {
    self.account = account
    self.ledger = ledger
    self.filter = filter
    self.backfill = backfill
    self.clock = clock
    self.source = source
  }

  /// Seconds until new runs are asked for again.
  var waitForPoll: Double {
    let wait = Double(nextPollAt - clock()) / 1e6
    // A clock that was set back does not put it off.
    return wait > 2 * Self.interval ? 0 : max(0, wait)
  }

  // MARK: New runs

  /// Lists the runs that came since the last time, when that is due. At first contact only notes where the account stands.
  /// - Parameter isWanted: whether to ask although it is not due.
  func listNew(isWanted: Bool = false) async throws -> Step {
    guard isWanted || waitForPoll == 0 else { return Step() }
    var progress = try await ledger.listedRuns(of: account)
    guard let cursor = progress.cursor else {
      // History begins at the newest run of this moment, and new runs behind it.
      progress.cursor = try await source.newest(0, 1).first?.runID ?? 0
      if backfill == .none { progress.isBackfillDone = true }
      try await ledger.keepWanted([], of: account, isHistory: false, progress: progress)
      schedulePoll()
      return Step(hasMore: !progress.isBackfillDone)
    }
    var step = Step()
    var after: Int64? = cursor
    while true {
      try Task.checkCancellation()
      let page = try await source.after(after)
      progress = try await ledger.listedRuns(of: account)
      progress.cursor = max(progress.cursor ?? 0, settled(page.runs) ?? 0)
      step.new += try await keep(page.runs, isHistory: false, progress)
      guard let next = page.next else { break }
      after = next
    }
    schedulePoll()
    return step
  }

  private func schedulePoll() {
    nextPollAt = clock() + Int64(Self.interval * Double.random(in: 0.8...1.2) * 1e6)
  }

  /// The largest id up to which no run can appear any more.
  private func settled(_ runs: [DbtRun]) -> Int64? {
    let limit = Instant(microseconds: clock()).advanced(bySeconds: -Self.unsettled)
    return runs.prefix { $0.createdAt.map { $0 < limit } ?? false }.last?.runID
  }

  // MARK: History

  /// Lists one page of history. The API counts pages from the newest run, and each new run shifts them: a page has to
  /// overlap the one before, so that no run falls between two.
  func listHistory() async throws -> Step {
    var progress = try await ledger.listedRuns(of: account)
    guard let cursor = progress.cursor, !progress.isBackfillDone else { return Step() }
    let below = progress.backfillBelow ?? cursor + 1
    var offset = self.offset ?? 0
    if self.offset == nil, progress.backfillBelow != nil {
      // After a restart: about so many have been listed.
      offset = max(0, try await ledger.wantedRuns(of: account.name).known - 1)
    }
    let page = try await source.newest(offset, Self.pageSize)
    if offset > 0, page.first?.runID.map({ $0 < below }) ?? true {
      // Runs may lie between this page and the last: some were deleted, or the guess was wrong.
      self.offset = max(0, offset - Self.pageSize + 1)
      return Step(hasMore: true)
    }
    let wanted = page.filter { run in run.runID.map { $0 < below } ?? false }
    let young = wanted.filter { isYoung($0) }
    progress.backfillBelow = wanted.last?.runID ?? progress.backfillBelow ?? below
    progress.isBackfillDone = page.count < Self.pageSize || young.count < wanted.count
    let new = try await keep(young, isHistory: true, progress)
    self.offset = offset + page.count - 1
    return Step(new: new, hasMore: !progress.isBackfillDone)
  }

  /// Whether history reaches back to this run.
  private func isYoung(_ run: DbtRun) -> Bool {
    switch backfill {
    case .all: return true
    case .none: return false
    case .last(let length):
      guard let createdAt = run.createdAt else { return true }
      return Double(clock() - createdAt.microseconds) / 1e6 <= length.totalSeconds
    }
  }

  private func keep(_ runs: [DbtRun], isHistory: Bool, _ progress: ListedRuns) async throws -> Int {
    let wanted = runs.filter {
      filter.includes(job: $0.jobID, project: $0.projectID, environment: $0.environmentID)
    }
    return try await ledger.keepWanted(wanted, of: account, isHistory: isHistory, progress: progress)
  }
}
