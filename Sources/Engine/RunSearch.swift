import DbtCloud
import ExecutionModel
import Ledger

/// Looks in one dbt Cloud account for the runs of tries that Airflow tells nothing of (any more). One call at a time, so
/// that what links speak of is fetched in between; newest first; what was answered is kept in the ledger and not asked
/// again.
actor RunSearch {
  /// What one step did.
  enum Step: Equatable {
    /// Nothing is due.
    case idle
    /// A page was read.
    case searched
    /// dbt Cloud does not give this list; it is asked again later.
    case refused(String)
  }

  private let account: AccountDirectory.Account
  private let ledger: Ledger
  private let clock: @Sendable () -> Int64
  private let list: @Sendable (DbtRunFilter, Int64?) async throws -> DbtRunPage
  private var plan = SearchPlan()
  private var batch: Progress?
  private var foundAt: Int64?

  /// A list that is being read.
  private struct Progress {
    var batch: SearchPlan.Batch
    var filter: DbtRunFilter
    var after: Int64?
    var runs = 0
  }

  /// Seconds before and behind a search that are read along: a cause may hold the attempt's own id whatever the clocks say.
  private static let padding: Int64 = 60
  /// Searches that are looked at when one is chosen.
  private static let lookAhead = 2_000
  /// Microseconds until tasks are gone through again for tries that no snapshot could tell of.
  private static let findAgainAfter: Int64 = 3_600_000_000

  /// - Parameter list: one page of the account's runs, after a run id.
  init(
    account: AccountDirectory.Account, ledger: Ledger, clock: @escaping @Sendable () -> Int64,
    list: @escaping @Sendable (DbtRunFilter, Int64?) async throws -> DbtRunPage
  ) {
    self.account = account
    self.ledger = ledger
    self.clock = clock
    self.list = list
  }

  /// Judges what can be judged, and reads one page if something is to be looked for.
  /// - Throws: `DbtCloudError` when the account as a whole could not be used; `LedgerError`.
  func step() async throws -> Step {
    try await prepare()
    guard let progress = try await chosen() else { return .idle }
    let page: DbtRunPage
    do {
      page = try await list(progress.filter, progress.after)
    } catch let error as DbtCloudError {
      guard error.isAboutTheRequest else { throw error }
      batch = nil
      let failures = progress.batch.searches.map(\.failures).max() ?? 0
      let wait = min(86_400, 600 * Double(1 << min(failures, 8)))
      try await ledger.noteSearchFailed(
        progress.batch.searches, of: account.name, nextAt: clock() + Int64(wait * 1e6))
      return .refused("the runs of tries that Airflow tells nothing of cannot be looked for: \(error.description)")
    }
    _ = try await ledger.keepListed(page.runs, of: account)
    batch?.runs += page.runs.count
    batch?.after = page.next
    if page.next == nil {
      plan.note(
        runs: progress.runs + page.runs.count, seconds: progress.batch.to.seconds(since: progress.batch.from))
      batch = nil
      try await ledger.noteSearched(progress.batch.searches, of: account.name)
      try await judge()
    }
    return .searched
  }

  private func prepare() async throws {
    let isLongAgo = foundAt.map { abs(clock() - $0) >= Self.findAgainAfter } ?? true
    _ = try await ledger.findLostTries(everywhere: isLongAgo)
    if isLongAgo { foundAt = clock() }
    while try await ledger.openLostTries() > 0 { try Task.checkCancellation() }
    try await judge()
  }

  private func judge() async throws {
    while try await ledger.judgeLostTries() != nil { try Task.checkCancellation() }
  }

  private func chosen() async throws -> Progress? {
    if let batch { return batch }
    let due = try await ledger.dueSearches(of: account.name, now: clock(), limit: Self.lookAhead)
    guard let next = plan.next(of: due) else { return nil }
    let filter = DbtRunFilter(
      createdFrom: next.from.advanced(bySeconds: -Self.padding), createdTo: next.to.advanced(bySeconds: Self.padding))
    batch = Progress(batch: next, filter: filter)
    return batch
  }
}

extension DbtCloudError {
  /// Whether this list cannot be had, while the account may well answer for runs.
  fileprivate var isAboutTheRequest: Bool {
    switch kind {
    case .refused(401): false
    case .refused, .notFound, .tooLarge, .unexpected: true
    case .invalidURL, .noToken, .rateLimited, .unavailable, .redirected, .notJSON, .cannotWrite: false
    }
  }
}
