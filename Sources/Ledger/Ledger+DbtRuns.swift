import ExecutionModel
import Records
import SQLite

/// A dbt run that is due to be asked for.
public struct DueDbtRun: Hashable, Sendable {
  /// The run's row in the ledger.
  public var id: Int64
  public var key: DbtRunKey
  /// Name of the configured account.
  public var account: String
  public var runID: Int64
  /// How often asking failed since it last worked.
  public var failures: Int
}

extension Ledger {
  /// Takes over the configured accounts: runs of accounts that were not configured before are asked for now.
  public func register(accounts: AccountDirectory) throws {
    self.accounts = accounts
    try write { database in
      let rows = try database.prepare(
        "SELECT id, host, account_id, run_id FROM dbt_run WHERE account IS NULL AND run_id IS NOT NULL"
      )
      .rows { (id: $0.integer(0), host: $0.optionalText(1), account: $0.optionalInteger(2), run: $0.integer(3)) }
      for row in rows {
        let reference = DbtRunReference(host: row.host, accountID: row.account, runID: row.run)
        guard row.account != nil, let target = accounts.targets(of: reference).first, let account = target.account
        else { continue }
        try DbtRunWriter(database: database).adopt(row.id, key: target.key, account: account)
      }
      // An account that is gone from the configuration cannot be asked.
      let names = Set(accounts.accounts.map(\.name))
      let used = try database.prepare(
        "SELECT DISTINCT account FROM dbt_run WHERE account IS NOT NULL AND is_complete = 0"
      )
      .rows { $0.text(0) }
      for name in used where !names.contains(name) {
        try database.prepare(
          "UPDATE dbt_run SET fetch_state = 'unresolved', unresolved = ?, account = NULL WHERE account = ? AND fetch_state IN ('wanted', 'unresolved')"
        ).binding {
          $0("dbt Cloud account `\(name)` is not configured any more: add it to `dbt_cloud`")
          $0(name)
        }.run()
      }
      // A new start is a good moment to try what was refused before, and what no account knew.
      try database.execute(
        """
        UPDATE dbt_run SET fetch_state = 'wanted' WHERE account IS NOT NULL AND fetch_state = 'absent' AND id IN
          (SELECT t.dbt_run FROM link_target t JOIN link l ON l.id = t.link WHERE l.is_candidate = 0 AND l.dbt_run IS NULL)
        """)
      try database.execute(
        "UPDATE dbt_run SET next_fetch_at = 0 WHERE account IS NOT NULL AND fetch_state = 'unresolved'")
    }
  }

  /// Runs of an account that are due, oldest wish first.
  /// - Parameter now: microseconds; `Int64.max` for everything that is not complete.
  public func dueDbtRuns(of account: String, now: Int64, after id: Int64 = 0, limit: Int) throws -> [DueDbtRun] {
    try read { database in
      try database.prepare(
        """
        SELECT id, key, run_id, failures FROM dbt_run
        WHERE account = ? AND id > ? AND next_fetch_at <= ?
          AND (fetch_state IN ('wanted', 'unresolved') OR (fetch_state = 'known' AND is_complete = 0
            AND EXISTS (SELECT 1 FROM link WHERE link.dbt_run = dbt_run.id)))
        ORDER BY id LIMIT ?
        """
      ).binding {
        $0(account)
        $0(id)
        $0(now)
        $0(limit)
      }.rows { row -> DueDbtRun? in
        guard let key = DbtRunKey(row.text(1)) else { return nil }
        return DueDbtRun(
          id: row.integer(0), key: key, account: account, runID: row.integer(2), failures: Int(row.integer(3)))
      }.compactMap(\.self)
    }
  }

  /// Linked runs of an account that dbt Cloud still works on.
  public func dbtRunsUnderWay(of account: String) throws -> Int {
    try read { database in
      Int(
        try database.prepare(
          """
          SELECT count(*) FROM dbt_run WHERE account = ? AND fetch_state = 'known' AND is_complete = 0
            AND status_code IN (1, 2, 3) AND EXISTS (SELECT 1 FROM link WHERE link.dbt_run = dbt_run.id)
          """
        ).binding { $0(account) }.firstRow { $0.integer(0) } ?? 0)
    }
  }

  /// When the next run of an account is due; nil when none waits.
  public func nextDbtRunDue(of account: String) throws -> Int64? {
    try read { database in
      try database.prepare(
        """
        SELECT min(next_fetch_at) FROM dbt_run WHERE account = ? AND (fetch_state IN ('wanted', 'unresolved')
          OR (fetch_state = 'known' AND is_complete = 0 AND EXISTS (SELECT 1 FROM link WHERE link.dbt_run = dbt_run.id)))
        """
      ).binding { $0(account) }.firstRow { $0.optionalInteger(0) } ?? nil
    }
  }

  /// Keeps what dbt Cloud answered about a run, without its artifacts, and settles the links that waited for it.
  /// - Returns: whether any attempt is linked to it, so that its artifacts are wanted.
  public func keepHead(_ run: DbtRun, id: Int64, nextFetchAt: Int64) throws -> Bool {
    let now = now
    return try write { database in
      let writer = DbtRunWriter(database: database)
      let isChanged = try writer.keepHead(run, id: id, nextFetchAt: nextFetchAt)
      let isLinked = try writer.settleLinks(of: id)
      if isChanged { try writer.bumpRecords(of: id) }
      if isLinked { try writer.events(for: run, id: id, sinks: sinks, now: now) }
      return isLinked
    }
  }

  /// Keeps a run of which everything was read: steps, results, and that it is complete.
  public func keepComplete(_ run: DbtRun, id: Int64) throws {
    let now = now
    try write { database in
      let writer = DbtRunWriter(database: database)
      _ = try writer.keepHead(run, id: id, nextFetchAt: 0)
      try writer.replaceSteps(of: id, with: run.steps)
      try writer.bumpRecords(of: id)
      try writer.events(for: run, id: id, sinks: sinks, now: now)
      try writer.enqueueRecords(of: id, sinks: sinks, now: now)
    }
  }

  /// dbt Cloud knows no such run, or does not show it to this token.
  public func noteAbsent(_ id: Int64, reason: String, nextFetchAt: Int64) throws {
    try write { database in
      // What only a number hinted at, or which other accounts were asked for too, is settled for good; a run that
      // evidence names for certain may still appear.
      let isNamed =
        try database.prepare(
          """
          SELECT 1 FROM link_target t JOIN link l ON l.id = t.link WHERE t.dbt_run = ?1 AND l.is_candidate = 0
            AND (SELECT count(*) FROM link_target o WHERE o.link = l.id) = 1
          """
        ).binding { $0(id) }.firstRow { _ in true } ?? false
      try database.prepare(
        "UPDATE dbt_run SET fetch_state = ?, unresolved = ?, next_fetch_at = ?, failures = failures + 1 WHERE id = ?"
      ).binding {
        $0(isNamed ? "unresolved" : "absent")
        $0(reason)
        $0(nextFetchAt)
        $0(id)
      }.run()
      let writer = DbtRunWriter(database: database)
      _ = try writer.settleLinks(of: id)
      try writer.bumpRecords(of: id)
    }
  }

  /// Asking failed; it is tried again at `nextFetchAt`. The reason shows in records of runs that were never answered.
  public func noteFailure(_ id: Int64, reason: String, nextFetchAt: Int64) throws {
    try write { database in
      try database.prepare("UPDATE dbt_run SET unresolved = ?, next_fetch_at = ?, failures = failures + 1 WHERE id = ?")
        .binding {
          $0(reason)
          $0(nextFetchAt)
          $0(id)
        }.run()
    }
  }
}

/// Writes dbt runs within a transaction.
struct DbtRunWriter {
  let database: SQLiteDatabase

  /// The row of a target, made when it is new.
  func want(_ target: AccountDirectory.Target, runID: Int64) throws -> Int64 {
    let key = target.key.description
    if let id = try database.prepare("SELECT id FROM dbt_run WHERE key = ?").binding({ $0(key) }).firstRow({
      $0.integer(0)
    }) {
      return id
    }
    guard case .cloud(let host, let accountID, _) = target.key else { return 0 }
    try database.prepare(
      "INSERT INTO dbt_run (key, account, host, account_id, run_id, fetch_state, unresolved) VALUES (\(placeholders(7)))"
    ).binding {
      $0(key)
      $0(target.account?.name)
      $0(host)
      $0(accountID)
      $0(runID)
      $0(target.unresolved == nil ? "wanted" : "unresolved")
      $0(target.unresolved)
    }.run()
    return database.lastInsertedRow
  }

  /// Gives a run that no configured account was known for to `account`.
  func adopt(_ id: Int64, key: DbtRunKey, account: AccountDirectory.Account) throws {
    let twin = try database.prepare("SELECT id FROM dbt_run WHERE key = ? AND id <> ?").binding {
      $0(key.description)
      $0(id)
    }.firstRow { $0.integer(0) }
    if let twin {
      for sql in [
        "UPDATE link SET dbt_run = ?1 WHERE dbt_run = ?2",
        "UPDATE OR IGNORE link_target SET dbt_run = ?1 WHERE dbt_run = ?2",
        "DELETE FROM link_target WHERE dbt_run = ?2 AND ?1 > 0", "DELETE FROM dbt_run WHERE id = ?2 AND ?1 > 0",
      ] {
        try database.prepare(sql).binding {
          $0(twin)
          $0(id)
        }.run()
      }
    } else {
      try database.prepare(
        "UPDATE dbt_run SET key = ?, account = ?, host = ?, account_id = ?, fetch_state = 'wanted', unresolved = NULL, next_fetch_at = 0 WHERE id = ?"
      ).binding {
        $0(key.description)
        $0(account.name)
        $0(account.host)
        $0(account.accountID)
        $0(id)
      }.run()
    }
    try bumpRecords(of: twin ?? id)
  }

  /// Returns whether anything that a record shows is new.
  func keepHead(_ run: DbtRun, id: Int64, nextFetchAt: Int64) throws -> Bool {
    let before = try database.prepare("SELECT \(DbtRunRow.columns), fetch_state FROM dbt_run WHERE id = ?").binding {
      $0(id)
    }
    .firstRow { row -> (DbtRun?, String) in
      var columns = SQLiteColumns(row)
      let run = DbtRunRow.read(&columns)
      return (run, columns.text())
    }
    var facts = run
    facts.steps = []
    let isChanged = before?.0 != facts || before?.1 != "known"
    try database.prepare(
      """
      UPDATE dbt_run SET (\(DbtRunRow.columns.drop(prefix: "key, "))) = (\(placeholders(22))), fetch_state = 'known',
        unresolved = NULL, failures = CASE WHEN ? THEN failures ELSE 0 END, next_fetch_at = ? WHERE id = ?
      """
    ).binding {
      DbtRunRow.bindFacts(run, to: &$0)
      // Artifacts that cannot be read are counted until the run is complete.
      $0(run.finishedAt != nil && !run.isComplete)
      $0(nextFetchAt)
      $0(id)
    }.run()
    return isChanged
  }

  func replaceSteps(of id: Int64, with steps: [DbtStep]) throws {
    for table in ["dbt_step", "dbt_result", "dbt_freshness"] {
      try database.prepare("DELETE FROM \(table) WHERE dbt_run = ?").binding { $0(id) }.run()
    }
    for step in steps {
      try database.prepare("INSERT INTO dbt_step (dbt_run, \(DbtStepRow.columns)) VALUES (\(placeholders(12)))").binding
      {
        $0(id)
        DbtStepRow.bind(step, to: &$0)
      }.run()
      for (position, result) in step.results.enumerated() {
        try database.prepare(
          "INSERT INTO dbt_result (dbt_run, step_index, position, \(DbtResultRow.columns)) VALUES (\(placeholders(3 + DbtResultRow.count)))"
        ).binding {
          $0(id)
          $0(step.index)
          $0(position)
          DbtResultRow.bind(result, to: &$0)
        }.run()
      }
      for (position, freshness) in step.freshness.enumerated() {
        try database.prepare("INSERT INTO dbt_freshness VALUES (\(placeholders(9)))").binding {
          $0(id)
          $0(step.index)
          $0(position)
          $0(freshness.uniqueID)
          $0(freshness.status)
          $0(freshness.maxLoadedAt)
          $0(freshness.snapshottedAt)
          $0(freshness.ageSeconds)
          $0(freshness.error)
        }.run()
      }
    }
  }

  /// Settles every link that may mean this run; returns whether one does.
  func settleLinks(of id: Int64) throws -> Bool {
    let links = try database.prepare("SELECT link FROM link_target WHERE dbt_run = ?").binding { $0(id) }.rows {
      $0.integer(0)
    }
    let settler = LinkSettler(database: database)
    for link in links where try settler.settle(link: link) {
      try database.prepare(
        "UPDATE dag_run SET revision = revision + 1 WHERE id = (SELECT dag_run FROM link WHERE id = ?)"
      )
      .binding { $0(link) }.run()
    }
    return try database.prepare("SELECT 1 FROM link WHERE dbt_run = ? LIMIT 1").binding { $0(id) }.firstRow { _ in true
    } ?? false
  }

  /// Every record that shows this run has changed.
  func bumpRecords(of id: Int64) throws {
    try database.prepare(
      "UPDATE dag_run SET revision = revision + 1 WHERE id IN (SELECT dag_run FROM link WHERE dbt_run = ?)"
    ).binding { $0(id) }.run()
  }

  // MARK: Events

  private struct Parent {
    var dagRun: Int64
    var attempt: AttemptKey
    var isHistory: Bool
  }

  /// The attempt under which a dbt run appears in events: the first that triggered it. Runs that attempts only reused,
  /// waited for or read from have none.
  private func parent(of id: Int64) throws -> Parent? {
    try database.prepare(
      """
      SELECT l.dag_run, l.task_id, l.map_index, l.try_number, r.is_history
      FROM link l JOIN dag_run r ON r.id = l.dag_run LEFT JOIN attempt a USING (dag_run, task_id, map_index, try_number)
      WHERE l.dbt_run = ? AND l.relation IN ('triggered', 'retried') AND l.confidence <> 'ambiguous'
      ORDER BY a.start_date IS NULL, a.start_date, r.source_id, l.task_id, l.map_index, l.try_number LIMIT 1
      """
    ).binding { $0(id) }.firstRow { row in
      var columns = SQLiteColumns(row)
      return Parent(dagRun: columns.integer(), attempt: AttemptRow.readKey(&columns), isHistory: columns.bool())
    }
  }

  /// Puts the run's due events into the outbox. Its parent is fixed when its START is made.
  func events(for run: DbtRun, id: Int64, sinks: [SinkRegistration], now: Int64) throws {
    guard
      let (phase, known) = try database.prepare("SELECT event_phase, parent_dag_run FROM dbt_run WHERE id = ?")
        .binding({ $0(id) }).firstRow({ (Int($0.integer(0)), $0.optionalInteger(1)) }), phase < 2
    else { return }
    // The end is told when everything was read, so that it can say what the run did.
    let due = LineageRules.events(for: run, told: EventPhase.told(phase)).filter {
      run.isComplete || !$0.transition.isTerminal
    }
    guard !due.isEmpty else { return }
    var dagRun = known
    var isHistory = false
    if phase == 0 {
      let parent = try parent(of: id)
      isHistory = parent?.isHistory ?? false
      dagRun = parent?.dagRun
      try database.prepare(
        "UPDATE dbt_run SET parent_dag_run = ?, parent_task_id = ?, parent_map_index = ?, parent_try_number = ? WHERE id = ?"
      ).binding {
        $0(parent?.dagRun)
        $0(parent?.attempt.taskID)
        $0(parent?.attempt.mapIndex)
        $0(parent?.attempt.tryNumber)
        $0(id)
      }.run()
    } else if let known {
      isHistory =
        try database.prepare("SELECT is_history FROM dag_run WHERE id = ?").binding { $0(known) }.firstRow {
          $0.bool(0)
        } ?? false
    }
    var outbox = OutboxWriter(database: database, sinks: sinks, now: now, isHistory: isHistory)
    outbox.dagRun = dagRun ?? 0
    for event in due { try outbox.event(event, about: .dbtRun(id)) }
    try database.prepare("UPDATE dbt_run SET event_phase = ? WHERE id = ?").binding {
      $0(EventPhase.after(due, from: phase))
      $0(id)
    }.run()
  }

  /// Every DAG run that shows this dbt run is a new line for the file sinks.
  func enqueueRecords(of id: Int64, sinks: [SinkRegistration], now: Int64) throws {
    let runs = try database.prepare(
      "SELECT DISTINCT r.id, r.is_history FROM link l JOIN dag_run r ON r.id = l.dag_run WHERE l.dbt_run = ?"
    ).binding { $0(id) }.rows { (id: $0.integer(0), isHistory: $0.bool(1)) }
    for run in runs {
      var outbox = OutboxWriter(database: database, sinks: sinks, now: now, isHistory: run.isHistory)
      outbox.dagRun = run.id
      try outbox.record()
    }
  }
}

extension String {
  fileprivate func drop(prefix: String) -> String { hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self }
}
