import ExecutionModel
import Storage

extension Ledger {
  /// Takes over the configured accounts: runs that could not be asked for before are asked for now, and links that may
  /// mean a run of an account that is new are looked at again.
  public func register(accounts: AccountDirectory) throws {
    let now = now
    try write { database in
      try adoptRuns(by: accounts, in: database)
      try letGo(notIn: accounts, in: database)
      try aimAgain(at: accounts, in: database)
      try LostTryOpener(database: database, accounts: accounts, now: now).takeOver()
      // A new start is a good moment to try what was refused before, and what no account knew.
      try database.execute(
        """
        UPDATE dbt_run SET fetch_state = 'wanted', next_fetch_at = 0 WHERE account IS NOT NULL AND fetch_state = 'absent' AND id IN
          (SELECT t.dbt_run FROM link_target t JOIN link l ON l.id = t.link WHERE l.is_candidate = 0 AND l.dbt_run IS NULL)
        """)
      try database.execute(
        "UPDATE dbt_run SET next_fetch_at = 0 WHERE account IS NOT NULL AND fetch_state = 'unresolved'")
    }
    self.accounts = accounts
  }

  /// Runs of accounts that were not configured before.
  private func adoptRuns(by accounts: AccountDirectory, in database: any Database) throws {
    let rows = try database.prepare(
      "SELECT id, host, account_id, run_id FROM dbt_run WHERE account IS NULL AND account_id IS NOT NULL AND run_id IS NOT NULL"
    ).rows { (id: $0.integer(0), host: $0.optionalText(1), account: $0.integer(2), run: $0.integer(3)) }
    for row in rows {
      let reference = DbtRunReference(host: row.host, accountID: row.account, runID: row.run)
      guard let target = accounts.targets(of: reference).first, let account = target.account else { continue }
      try DbtRunWriter(database: database).adopt(row.id, key: target.key, account: account)
    }
  }

  /// An account that is gone from the configuration cannot be asked.
  private func letGo(notIn accounts: AccountDirectory, in database: any Database) throws {
    let names = Set(accounts.accounts.map(\.name))
    let used = try database.prepare(
      "SELECT DISTINCT account FROM dbt_run WHERE account IS NOT NULL AND is_complete = 0 AND fetch_state <> 'absent'"
    ).rows { $0.text(0) }
    for name in used where !names.contains(name) {
      try database.prepare(
        """
        UPDATE dag_run SET revision = revision + 1 WHERE id IN (SELECT l.dag_run FROM link l JOIN dbt_run d ON d.id = l.dbt_run
          WHERE d.account = ? AND d.fetch_state IN ('wanted', 'unresolved'))
        """
      ).binding { $0(name) }.run()
      try database.prepare(
        """
        UPDATE dbt_run SET fetch_state = 'unresolved', unresolved = ?, account = NULL
        WHERE account = ? AND fetch_state IN ('wanted', 'unresolved')
        """
      ).binding {
        $0("dbt Cloud account `\(name)` is not configured any more: add it to `dbt_cloud`")
        $0(name)
      }.run()
    }
  }

  /// A link whose evidence names no account may mean a run of any, so also of one that has been added since.
  private func aimAgain(at accounts: AccountDirectory, in database: any Database) throws {
    let links = try database.prepare(
      """
      SELECT l.id, l.run_id, l.host, l.is_candidate FROM link l LEFT JOIN dbt_run d ON d.id = l.dbt_run
      WHERE l.account_id IS NULL AND l.run_id > 0 AND (l.dbt_run IS NULL OR d.fetch_state <> 'known')
        AND (SELECT count(*) FROM link_target t JOIN dbt_run x ON x.id = t.dbt_run
          WHERE t.link = l.id AND x.account IS NOT NULL) < ?
      ORDER BY l.id
      """
    ).binding { $0(Set(accounts.accounts.map { [$0.host, String($0.accountID)] }).count) }.rows {
      (id: $0.integer(0), reference: DbtRunReference(host: $0.optionalText(2), runID: $0.integer(1)), guess: $0.bool(3))
    }
    for link in links {
      try LinkAim(database: database, accounts: accounts).aim(link.id, at: link.reference, isCandidate: link.guess)
      try database.prepare(
        "UPDATE dag_run SET revision = revision + 1 WHERE id = (SELECT dag_run FROM link WHERE id = ?)"
      ).binding { $0(link.id) }.run()
    }
  }
}
