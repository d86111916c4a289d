import ExecutionModel
import Storage

extension Ledger {
  /// Notes a look into a folder of `dbt_artifacts`.
  /// - Parameters:
  ///   - runs: invocations that were recorded with it.
  ///   - error: what keeps something there from being recorded; nil when nothing does.
  public func note(folder name: String, path: String, runs: Int, error: String?) throws {
    let now = now
    try write { database in
      try database.prepare(
        """
        INSERT INTO dbt_folder (name, path, looked_at, runs, recorded_at, error, error_since)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, CASE WHEN ?6 IS NULL THEN NULL ELSE ?3 END)
        ON CONFLICT (name) DO UPDATE SET path = ?2, looked_at = ?3, runs = dbt_folder.runs + ?4,
          recorded_at = coalesce(?5, dbt_folder.recorded_at), error = ?6,
          error_since = CASE WHEN ?6 IS NULL THEN NULL ELSE coalesce(dbt_folder.error_since, ?3) END
        """
      ).binding {
        $0(name)
        $0(path)
        $0(now)
        $0(runs)
        $0(runs > 0 ? now : nil as Int64?)
        $0(error)
      }.run()
    }
  }

  func folders(_ database: any Database) throws -> [LedgerStatus.Folder] {
    try database.prepare(
      "SELECT name, path, looked_at, runs, recorded_at, error, error_since FROM dbt_folder ORDER BY name"
    ).rows { row in
      var columns = Columns(row)
      return LedgerStatus.Folder(
        name: columns.text(), path: columns.text(), lookedAt: Instant(microseconds: columns.integer()),
        runs: columns.integer(), recordedAt: columns.optionalInstant(), error: columns.optionalText(),
        errorSince: columns.optionalInstant())
    }
  }
}
