import ExecutionModel
import SQLite

extension Ledger {
  /// Whether everything of a dbt run is kept already.
  public func isComplete(_ key: DbtRunKey) throws -> Bool {
    try read { database in
      try database.prepare("SELECT is_complete FROM dbt_run WHERE key = ?").binding { $0(key.description) }
        .firstRow { $0.bool(0) } ?? false
    }
  }
}
