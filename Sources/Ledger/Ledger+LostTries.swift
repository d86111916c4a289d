import Correlation
import ExecutionModel
import Storage

/// A time in which an account may have a run that a lost try started.
public struct DueSearch: Hashable, Sendable {
  /// The lost try's link in the ledger.
  public var link: Int64
  /// When dbt Cloud can have created the run.
  public var from: Instant
  public var to: Instant
  /// How often asking failed since it last worked.
  public var failures: Int

  public init(link: Int64, from: Instant, to: Instant, failures: Int = 0) {
    self.link = link
    self.from = from
    self.to = to
    self.failures = failures
  }
}

extension Ledger {
  /// The id that an attempt's run has in OpenLineage; nil where the namespace of its Airflow is not configured.
  public typealias LineageRunID = @Sendable (DagRun, AttemptKey) -> String?

  /// Seconds after the end of a try within which an answer of dbt Cloud may not be the last word.
  private static let freshSeconds: Int64 = 300
  /// Microseconds until what is undecided because of an attempt under way is judged again.
  private static let judgeAgainAfter: Int64 = 600_000_000

  /// Says how run ids in OpenLineage are made, which causes of dbt runs may hold.
  public func register(lineageRunID: @escaping LineageRunID) { self.lineageRunID = lineageRunID }

  // MARK: What is to be searched

  /// Settles for tries that are new and over when and where their run is looked for. Returns how many there were.
  public func openLostTries(limit: Int = 500) throws -> Int {
    let (now, accounts) = (now, accounts)
    return try write { database in
      let opener = LostTryOpener(database: database, accounts: accounts, now: now)
      return try opener.open(limit: limit)
    }
  }

  /// Finds lost tries that no snapshot could tell of: those of tasks that other DAG runs have shown to start dbt runs.
  /// Returns how many there were.
  /// - Parameter everywhere: for every such task, not only for those that have been learned since the last time.
  public func findLostTries(everywhere: Bool) throws -> Int {
    let (now, accounts) = (now, accounts)
    return try write { database in
      let opener = LostTryOpener(database: database, accounts: accounts, now: now)
      let new = try opener.learn()
      return try (everywhere ? try opener.learned() : new).reduce(0) { $0 + (try opener.addTries(of: $1)) }
    }
  }

  /// What an account is to be asked for, newest first.
  public func dueSearches(of account: String, now: Int64, limit: Int) throws -> [DueSearch] {
    try read { database in
      try database.prepare(
        """
        SELECT link, window_start, window_end, failures FROM search
        WHERE account = ? AND next_at IS NOT NULL AND next_at <= ? ORDER BY window_start DESC, link DESC LIMIT ?
        """
      ).binding {
        $0(account)
        $0(now)
        $0(limit)
      }.rows { row in
        var columns = Columns(row)
        return DueSearch(
          link: columns.integer(), from: Instant(microseconds: columns.integer()),
          to: Instant(microseconds: columns.integer()), failures: columns.int())
      }
    }
  }

  // MARK: What dbt Cloud answered

  /// Keeps those of the listed runs that a lost try may have started. Returns how many there are.
  public func keepListed(_ runs: [DbtRun], of account: AccountDirectory.Account) throws -> Int {
    let listed = runs.enumerated().compactMap { ListedRun($1, id: Int64($0), account: account.name) }
    guard let first = listed.map(\.createdAt).min(), let last = listed.map(\.createdAt).max() else { return 0 }
    let (now, lineageRunID) = (now, lineageRunID)
    return try write { database in
      let reader = LostTryReader(database: database, lineageRunID: lineageRunID)
      let lineageIDs = Set(listed.compactMap(\.lineageRunID))
      let tries = try reader.tries(in: LostTryReader.span(first, last), lineageIDs: lineageIDs)
      let writer = DbtRunWriter(database: database)
      var kept = 0
      for run in listed {
        let possible = tries.filter { $0.mayHaveStarted(run) }
        guard !possible.isEmpty else { continue }
        try writer.keepListed(keptWords.kept(runs[Int(run.id)]), of: account, sinks: sinks, now: now)
        for one in possible {
          try database.prepare("UPDATE lost_try SET judge_at = ? WHERE link = ?").binding {
            $0(now)
            $0(one.id)
          }.run()
        }
        kept += 1
      }
      return kept
    }
  }

  /// Notes that an account has answered in full. A try that had ended only a moment ago is asked for once more.
  public func noteSearched(_ searches: [DueSearch], of account: String) throws {
    let now = now
    try write { database in
      for search in searches {
        let settledAt = search.to.advanced(bySeconds: Self.freshSeconds).microseconds
        try database.prepare(
          """
          UPDATE search SET answers = answers + 1, failures = 0,
            next_at = CASE WHEN answers = 0 AND ?1 > ?2 THEN min(?1, ?2 + 3600000000) END WHERE account = ?3 AND link = ?4
          """
        ).binding {
          $0(settledAt)
          $0(now)
          $0(account)
          $0(search.link)
        }.run()
        try database.prepare("UPDATE lost_try SET judge_at = ? WHERE link = ?").binding {
          $0(now)
          $0(search.link)
        }.run()
      }
    }
  }

  /// Notes that asking failed; it is tried again at `nextAt`.
  public func noteSearchFailed(_ searches: [DueSearch], of account: String, nextAt: Int64) throws {
    try write { database in
      for search in searches {
        try database.prepare("UPDATE search SET failures = failures + 1, next_at = ? WHERE account = ? AND link = ?")
          .binding {
            $0(nextAt)
            $0(account)
            $0(search.link)
          }.run()
      }
    }
  }

  // MARK: Judging

  /// Judges tries that every account which can be meant has answered for. Returns how many verdicts are new; nil when
  /// none is due.
  public func judgeLostTries(limit: Int = 500) throws -> Int? {
    let (now, sinks, lineageRunID) = (now, sinks, lineageRunID)
    return try write { database in
      let due = try database.prepare(
        """
        SELECT t.link, t.window_start, t.window_end FROM lost_try t
        WHERE t.judge_at IS NOT NULL AND t.judge_at <= ? AND t.window_start IS NOT NULL
          AND EXISTS (SELECT 1 FROM search s WHERE s.link = t.link)
          AND NOT EXISTS (SELECT 1 FROM search s WHERE s.link = t.link AND s.answers = 0)
        ORDER BY t.window_start DESC LIMIT ?
        """
      ).binding {
        $0(now)
        $0(limit)
      }.rows { (link: $0.integer(0), from: $0.integer(1), to: $0.integer(2)) }
      // Those of one time together: what may have started the same runs is judged along.
      guard let newest = due.first else { return nil }
      let together = due.prefix { $0.from > newest.from - 86_400_000_000 }
      let from = together.map(\.from).min() ?? newest.from
      let to = together.map(\.to).max() ?? newest.to
      let reader = LostTryReader(database: database, lineageRunID: lineageRunID)
      let span = LostTryReader.span(Instant(microseconds: from), Instant(microseconds: to))
      let runs = try reader.runs(in: span)
      // Without a run there is nothing to weigh: tasks of an account that nobody may read are many.
      let tries = runs.isEmpty ? [] : try reader.tries(in: span, lineageIDs: Set(runs.compactMap(\.lineageRunID)))
      let bystanders = try reader.bystanders(of: tries, in: span)
      let verdicts = Dictionary(
        zip(tries.map(\.id), judge(tries, runs: runs, bystanders: bystanders))
      ) { first, _ in first }
      let writer = LostTryWriter(database: database, sinks: sinks, now: now)
      var news = 0
      for one in together {
        let verdict = verdicts[one.link] ?? .none
        var isOpen = false
        if case .ambiguous(_, _, true) = verdict { isOpen = bystanders.contains { $0.end == nil } }
        if try writer.keep(verdict, of: one.link, judgeAgainAt: isOpen ? now + Self.judgeAgainAfter : nil) { news += 1 }
      }
      return news
    }
  }
}

extension LostTryReader {
  /// Times are padded: a cause that holds the attempt's own id counts whatever the clocks say.
  static func span(_ from: Instant, _ to: Instant) -> Span {
    let first = from.advanced(bySeconds: -padding).microseconds
    return first...max(first, to.advanced(bySeconds: padding).microseconds)
  }

  /// Seconds.
  static let padding: Int64 = 300
}

extension ListedRun {
  /// nil without the time of creation, on which everything rests.
  init?(_ run: DbtRun, id: Int64, account: String) {
    guard let runID = run.runID, let createdAt = run.createdAt else { return nil }
    self.init(
      id: id, name: Name(account: account, runID: runID), createdAt: createdAt, jobID: run.jobID, cause: run.cause,
      retryingRunID: run.retryingRunID)
  }
}
