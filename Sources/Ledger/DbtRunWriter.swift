import ExecutionModel
import SQLite

/// Writes dbt runs within a transaction.
struct DbtRunWriter {
  let database: SQLiteDatabase

  /// The row of a target, made when it is new. One that a mere number named and no account knew is asked for again
  /// when better evidence names it.
  func want(_ target: AccountDirectory.Target, runID: Int64, isNamed: Bool) throws -> Int64 {
    if let made = try make(target, runID: runID) { return made }
    let id =
      try database.prepare(Self.selectByKey).binding { $0(target.key.description) }.firstRow { $0.integer(0) } ?? 0
    if isNamed { try askAgain(id) }
    return id
  }

  /// The row of a target that is new; nil when there is one already.
  func make(_ target: AccountDirectory.Target, runID: Int64) throws -> Int64? {
    guard case .cloud(let host, let accountID, _) = target.key else { return nil }
    try database.prepare(Self.insertWanted).binding {
      $0(target.key.description)
      $0(target.account?.name)
      $0(host)
      $0(accountID)
      $0(runID)
      $0(target.unresolved == nil ? "wanted" : "unresolved")
      $0(target.unresolved)
    }.run()
    return database.changes > 0 ? database.lastInsertedRow : nil
  }

  private static let selectByKey = SQL("SELECT id FROM dbt_run WHERE key = ?")
  private static let insertWanted = SQL(
    """
    INSERT INTO dbt_run (key, account, host, account_id, run_id, fetch_state, unresolved) VALUES (\(placeholders(7)))
    ON CONFLICT DO NOTHING
    """)

  private func askAgain(_ id: Int64) throws {
    try database.prepare(
      "UPDATE dbt_run SET fetch_state = 'wanted', next_fetch_at = 0 WHERE id = ? AND fetch_state = 'absent'"
    ).binding { $0(id) }.run()
  }

  /// Gives a run that no configured account was known for to `account`.
  func adopt(_ id: Int64, key: DbtRunKey, account: AccountDirectory.Account) throws {
    let twin = try database.prepare("SELECT id FROM dbt_run WHERE key = ? AND id <> ?").binding {
      $0(key.description)
      $0(id)
    }.firstRow { $0.integer(0) }
    if let twin {
      try askAgain(twin)
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
    // What the ledger does not keep is no news.
    var facts = run
    facts.steps = []
    facts.artifactsSaved = nil
    let isChanged = before?.0 != facts || before?.1 != "known"
    try database.prepare(
      """
      UPDATE dbt_run SET (\(DbtRunRow.facts)) = (\(placeholders(DbtRunRow.factCount))), fetch_state = 'known',
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
}
