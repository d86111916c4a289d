/// One step of a ledger's schema, embedded in the binary from `Migrations/SQL`.
public struct Migration: Sendable {
  /// Counts from 1.
  public let version: Int
  /// The file's name without its ending.
  public let name: String
  /// The statements.
  public let sql: String
}

/// Every migration that this binary knows, in order. Files are only ever added.
public enum Migrations {
  /// For the embedded ledger (SQLite).
  public static let sqlite: [Migration] = [
    Migration(version: 1, name: "sqlite_0001_ledger", sql: text(PackageResources.sqlite_0001_ledger_sql)),
    Migration(version: 2, name: "sqlite_0002_sweep", sql: text(PackageResources.sqlite_0002_sweep_sql)),
    Migration(version: 3, name: "sqlite_0003_outbox", sql: text(PackageResources.sqlite_0003_outbox_sql)),
    Migration(version: 4, name: "sqlite_0004_searches", sql: text(PackageResources.sqlite_0004_searches_sql)),
    Migration(version: 5, name: "sqlite_0005_nodes", sql: text(PackageResources.sqlite_0005_nodes_sql)),
    Migration(version: 6, name: "sqlite_0006_projects", sql: text(PackageResources.sqlite_0006_projects_sql)),
    Migration(version: 7, name: "sqlite_0007_deliveries", sql: text(PackageResources.sqlite_0007_deliveries_sql)),
    Migration(version: 8, name: "sqlite_0008_limits", sql: text(PackageResources.sqlite_0008_limits_sql)),
    Migration(version: 9, name: "sqlite_0009_kept_words", sql: text(PackageResources.sqlite_0009_kept_words_sql)),
    Migration(version: 10, name: "sqlite_0010_life", sql: text(PackageResources.sqlite_0010_life_sql)),
    Migration(version: 11, name: "sqlite_0011_folders", sql: text(PackageResources.sqlite_0011_folders_sql)),
    Migration(
      version: 12, name: "sqlite_0012_node_collection", sql: text(PackageResources.sqlite_0012_node_collection_sql)),
  ]

  /// For a ledger in Postgres. They run with `search_path` set to the ledger's schema.
  public static let postgres: [Migration] = [
    Migration(version: 1, name: "postgres_0001_ledger", sql: text(PackageResources.postgres_0001_ledger_sql)),
    Migration(version: 2, name: "postgres_0002_deliveries", sql: text(PackageResources.postgres_0002_deliveries_sql)),
    Migration(version: 3, name: "postgres_0003_limits", sql: text(PackageResources.postgres_0003_limits_sql)),
    Migration(version: 4, name: "postgres_0004_kept_words", sql: text(PackageResources.postgres_0004_kept_words_sql)),
    Migration(version: 5, name: "postgres_0005_life", sql: text(PackageResources.postgres_0005_life_sql)),
    Migration(version: 6, name: "postgres_0006_folders", sql: text(PackageResources.postgres_0006_folders_sql)),
    Migration(
      version: 7, name: "postgres_0007_node_collection",
      sql: text(PackageResources.postgres_0007_node_collection_sql)),
  ]

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
