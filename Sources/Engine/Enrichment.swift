import Configuration
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
  let reader: ArtifactReader
  let downloads: Downloads
  let clock: @Sendable () -> Int64
  private let lanes: Int
  private let backlogLanes: Int
  private var failures = 0
  /// Runs that were under way when they were asked for last.
  var underWay: [Int64: DbtRun] = [:]
  var warnedOfProjects: Set<Int64> = []

  /// How often a file that cannot be read is fetched again before the record is kept without it.
  static let tries = 3
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
    try await ledger.requireRoom()
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
        guard outcome.outage == nil, try await ledger.roomLevel().history == .free else { break }
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

  // MARK: The account

  private func noteAccount(_ outcome: Outcome) async throws {
    try await ledger.note(
      account: account, lastCallAt: await client.lastCallAt, callsPerMinute: await client.callsInLastMinute,
      coolingDownUntil: await client.coolingDownUntil, error: outcome.outage?.description)
  }
}
