import ExecutionModel
import Storage

extension Ledger {
  /// Whether all that is now known of a run of dbt Core is kept already. One that was kept without its manifest, because
  /// that was missing or broken, is kept anew with it.
  public func isComplete(core run: DbtRun) throws -> Bool {
    try read { database in
      try database.prepare(Self.selectIsComplete).binding {
        $0(run.key.description)
        $0(run.steps.contains { $0.manifest == .fetched })
      }.firstRow { $0.bool(0) } ?? false
    }
  }

  private static let selectIsComplete = SQL(
    """
    SELECT d.is_complete = 1 AND (?2 = 0 OR EXISTS (SELECT 1 FROM dbt_step s WHERE s.dbt_run = d.id
      AND s.manifest IN ('fetched', 'not_applicable'))) FROM dbt_run d WHERE d.key = ?1
    """)
}
