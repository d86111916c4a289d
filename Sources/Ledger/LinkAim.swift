import ExecutionModel
import SQLite

/// Finds the dbt runs that a link may mean and asks for them to be fetched. Within one transaction.
struct LinkAim {
  let database: SQLiteDatabase
  let accounts: AccountDirectory

  /// Begins anew with what the link means; what it may mean besides stays among its targets.
  func aim(_ link: Int64, at reference: DbtRunReference, isCandidate: Bool) throws {
    let targets = accounts.targets(of: reference)
    let runs = try targets.map {
      try DbtRunWriter(database: database).want($0, runID: reference.runID, isNamed: !isCandidate)
    }
    for run in runs {
      try database.prepare("INSERT INTO link_target (dbt_run, link) VALUES (?, ?) ON CONFLICT DO NOTHING").binding {
        $0(run)
        $0(link)
      }.run()
    }
    try database.prepare("UPDATE link SET dbt_run = ?, unresolved = ? WHERE id = ?").binding {
      $0(runs.count == 1 && !isCandidate ? runs[0] : nil)
      $0(
        runs.isEmpty
          ? "no dbt Cloud account is configured, and nothing says which account run \(reference.runID) belongs to" : nil
      )
      $0(link)
    }.run()
    // A run that was fetched for another link settles this one at once.
    try LinkSettler(database: database).settle(link: link)
  }
}
