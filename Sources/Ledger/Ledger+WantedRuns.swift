import ExecutionModel
import Storage

/// How far the runs of an account have been listed, where all of them are wanted.
public struct ListedRuns: Hashable, Sendable {
  /// The highest run id that was listed; nil before first contact.
  public var cursor: Int64?
  /// History is listed newest first: the next page has ids below this. nil before the first page.
  public var backfillBelow: Int64?
  /// Whether all history that is wanted was listed.
  public var isBackfillDone: Bool

  public init(cursor: Int64? = nil, backfillBelow: Int64? = nil, isBackfillDone: Bool = false) {
    self.cursor = cursor
    self.backfillBelow = backfillBelow
    self.isBackfillDone = isBackfillDone
  }
}

// dbt runs that are wanted for their own sake, whether or not an attempt is known for them.
extension Ledger {
  /// How far the runs of an account have been listed.
  public func listedRuns(of account: AccountDirectory.Account) throws -> ListedRuns {
    try read { database in
      try database.prepare(
        "SELECT run_cursor, backfill_below, backfill_done FROM dbt_account_runs WHERE host = ? AND account_id = ?"
      ).binding {
        $0(account.host)
        $0(account.accountID)
      }.firstRow { row in
        var columns = Columns(row)
        return ListedRuns(
          cursor: columns.optionalInteger(), backfillBelow: columns.optionalInteger(), isBackfillDone: columns.bool())
      } ?? ListedRuns()
    }
  }

  /// Keeps runs that dbt Cloud listed, to be fetched whether or not a link names them, with how far listing has come. A
  /// run of which everything was read already is left alone.
  /// - Parameters:
  ///   - isHistory: whether they came with the history at first contact, which not every sink wants and which can wait.
  ///   - progress: nil leaves it as it is.
  /// - Returns: how many of them are new.
  @discardableResult
  public func keepWanted(
    _ runs: [DbtRun], of account: AccountDirectory.Account, isHistory: Bool, progress: ListedRuns? = nil
  ) throws -> Int {
    try write { database in
      let writer = DbtRunWriter(database: database)
      var new = 0
      for run in runs
      where try writer.keepWanted(
        run, of: account, isHistory: isHistory, sinks: sinks, now: now)
      { new += 1 }
      if let progress {
        try database.prepare(
          """
          INSERT INTO dbt_account_runs (host, account_id, run_cursor, backfill_below, backfill_done) VALUES (?, ?, ?, ?, ?)
          ON CONFLICT (host, account_id) DO UPDATE SET run_cursor = excluded.run_cursor, backfill_below = excluded.backfill_below,
            backfill_done = excluded.backfill_done
          """
        ).binding {
          $0(account.host)
          $0(account.accountID)
          $0(progress.cursor)
          $0(progress.backfillBelow)
          $0(progress.isBackfillDone)
        }.run()
      }
      return new
    }
  }

  /// How many runs of an account are wanted for their own sake, and how many of them are complete.
  public func wantedRuns(of account: String) throws -> (known: Int, complete: Int) {
    try read { database in
      try database.prepare(
        "SELECT count(*), count(*) FILTER (WHERE is_complete = 1) FROM dbt_run WHERE is_wanted = 1 AND account = ?"
      ).binding { $0(account) }.firstRow { (Int($0.integer(0)), Int($0.integer(1))) } ?? (0, 0)
    }
  }
}

extension DbtRunWriter {
  /// Whether the run is wanted for its own sake.
  func isWanted(_ id: Int64) throws -> Bool {
    try database.prepare(Self.selectIsWanted).binding { $0(id) }.firstRow { $0.bool(0) } ?? false
  }

  private static let selectIsWanted = SQL("SELECT is_wanted FROM dbt_run WHERE id = ?")

  /// Returns whether the ledger did not want it before.
  fileprivate func keepWanted(
    _ run: DbtRun, of account: AccountDirectory.Account, isHistory: Bool, sinks: [SinkRegistration], now: Int64
  ) throws -> Bool {
    guard case .cloud(_, _, let runID) = run.key else { return false }
    var run = run
    run.key = .cloud(host: account.host, accountID: account.accountID, runID: runID)
    (run.account, run.accountID, run.host, run.runID) = (account.name, account.accountID, account.host, runID)
    run.isComplete = false
    let target = AccountDirectory.Target(key: run.key, account: account, unresolved: nil)
    let id = try want(target, runID: runID, isNamed: true)
    let isNew =
      try database.prepare(Self.markWanted).binding {
        $0(isHistory)
        $0(id)
      }.change() > 0
    // What is known of a run was told by dbt Cloud too, and may be newer than the list.
    let isKnown = try database.prepare(Self.selectIsKnown).binding { $0(id) }.firstRow { $0.bool(0) } ?? false
    guard !isKnown else { return isNew }
    _ = try keepHead(run, id: id, nextFetchAt: 0)
    _ = try settleLinks(of: id, sinks: sinks, now: now)
    try bumpRecords(of: id)
    return isNew
  }

  private static let markWanted = SQL(
    "UPDATE dbt_run SET is_wanted = 1, is_history = ?, revision = max(revision, 1) WHERE id = ? AND is_wanted = 0")
  private static let selectIsKnown = SQL("SELECT fetch_state = 'known' FROM dbt_run WHERE id = ?")
}
