import Postgres

/// Where a ledger is kept.
public enum LedgerPlace: Sendable {
  /// An SQLite file.
  case file(String)
  /// A schema of its own in a database of Postgres; never Airflow's, so that both may be in one database.
  case postgres(PostgresConfiguration, schema: String = "airflow_syncer")

  var isFile: Bool { if case .file = self { true } else { false } }

  /// The file, or how the database is reached, without any secret.
  public var name: String {
    switch self {
    case .file(let path): path
    case .postgres(let configuration, _): "in Postgres (\(configuration.target))"
    }
  }
}
