import ExecutionModel
import Storage

/// Finds the dbt runs that a link may mean and asks for them to be fetched. Within one transaction.
struct LinkAim {
  let database: any Database
  let accounts: AccountDirectory

  /// Begins anew with what the link means; what it may mean besides stays among its targets.
  func aim(_ link: Int64, at reference: DbtRunReference, isCandidate: Bool) throws {
    let writer = DbtRunWriter(database: database)
    var isNew = true
    let runs = try accounts.targets(of: reference).map { target in
      if let made = try writer.make(target, runID: reference.runID) { return made }
      isNew = false
      return try writer.want(target, runID: reference.runID, isNamed: !isCandidate)
    }
    for run in runs {
      try database.prepare(Self.insertTarget).binding {
        $0(run)
        $0(link)
      }.run()
    }
    try database.prepare(Self.updateLink).binding {
      $0(runs.count == 1 && !isCandidate ? runs[0] : nil)
      $0(
        runs.isEmpty
          ? "no dbt Cloud account is configured, and nothing says which account run \(reference.runID) belongs to" : nil
      )
      $0(link)
    }.run()
    // A run that was fetched for another link settles this one at once; one that nothing is known of yet cannot.
    if isNew, runs.count == 1, !isCandidate { return }
    try LinkSettler(database: database).settle(link: link)
  }

  private static let insertTarget = SQL("INSERT INTO link_target (dbt_run, link) VALUES (?, ?) ON CONFLICT DO NOTHING")
  private static let updateLink = SQL("UPDATE link SET dbt_run = ?, unresolved = ? WHERE id = ?")
}
