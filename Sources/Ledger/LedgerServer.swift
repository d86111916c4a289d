import Migrations
import Postgres
import Storage

/// Opens a ledger in Postgres: in a schema of its own, in whichever database. Nothing is left behind in a session.
struct LedgerServer {
  let configuration: PostgresConfiguration
  let schema: String
  /// For messages.
  let name: String

  /// The newest schema that this binary knows.
  static let newestVersion = Migrations.postgres.last?.version ?? 0

  /// No statement of the ledger takes longer; a transaction that waits for another gives up before.
  private static let limits = TransactionLimits(
    statementTimeout: 60_000, lockTimeout: 10_000, idleTimeout: 60_000, deadline: 90)

  /// Write transactions come one after the other, as they do in SQLite, and leave the time of the database behind: that is
  /// how `status` knows that a syncer is at work.
  private static let lock = SQL(
    "UPDATE ledger SET seen_at = CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint) WHERE id = 1")

  /// For the one syncer that owns it; makes the ledger when there is none and migrates an older schema.
  func openForWriting() throws -> PostgresDatabase {
    let database = try PostgresDatabase(configuration, schema: schema, limits: Self.limits)
    try database.transaction {
      // Several may start at once. Given back with the transaction.
      try database.prepare("SELECT pg_advisory_xact_lock(\(Self.startLock))").forEachRow { _ in }
      let found = try version(in: database)
      if found == nil, try !hasSchema(database) { try database.execute("CREATE SCHEMA \(schema)") }
      if found == nil { try database.execute(Self.tables) }
      for migration in Migrations.postgres where migration.version > found ?? 0 {
        try database.execute(migration.sql)
      }
      if found ?? 0 < Self.newestVersion {
        try database.prepare("UPDATE ledger SET version = ?").binding { $0(Self.newestVersion) }.run()
      }
    }
    database.lock = Self.lock
    return database
  }

  /// "asyn" in ASCII.
  private static let startLock = 0x6173_796E

  private static let tables = """
    CREATE TABLE ledger (
      id bigint PRIMARY KEY CHECK (id = 1),
      version bigint NOT NULL,
      seen_at bigint NOT NULL
    );
    INSERT INTO ledger VALUES (1, 0, 0)
    """

  /// For small changes beside a syncer or without one, which then is not taken for running.
  func openForChanging() throws -> PostgresDatabase {
    let database = try openForReading()
    database.lock = SQL("UPDATE ledger SET seen_at = seen_at WHERE id = 1")
    return database
  }

  /// For reading, beside a syncer or without one.
  func openForReading() throws -> PostgresDatabase {
    let database = try PostgresDatabase(configuration, schema: schema, limits: Self.limits)
    try database.snapshot {
      guard let found = try version(in: database) else { throw LedgerError(.unmade, path: name) }
      if found < Self.newestVersion {
        throw LedgerError(.olderSchema(found: found, known: Self.newestVersion), path: name)
      }
    }
    return database
  }

  private func hasSchema(_ database: PostgresDatabase) throws -> Bool {
    try database.integer("SELECT count(*) FROM pg_namespace WHERE nspname = '\(schema)'") ?? 0 > 0
  }

  /// The version of the ledger that is there; nil without one.
  private func version(in database: PostgresDatabase) throws -> Int? {
    let tables = try database.prepare(
      """
      SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = '\(schema)' AND c.relkind IN ('r', 'p', 'v', 'm')
      """
    ).rows { $0.text(0) }
    guard !tables.isEmpty else { return nil }
    guard tables.contains("ledger") else { throw LedgerError(.notALedger, path: name) }
    let found = Int(try database.integer("SELECT version FROM \(schema).ledger") ?? 0)
    guard found <= Self.newestVersion else {
      throw LedgerError(.newerSchema(found: found, known: Self.newestVersion), path: name)
    }
    return found
  }

  /// What the role must be granted before it can make the ledger, or write the one that is there; nil when nothing is
  /// missing.
  func missingGrant() throws -> String? {
    let database = try PostgresDatabase(configuration, schema: schema, limits: Self.limits)
    return try database.snapshot {
      let row = try database.prepare(
        """
        SELECT current_user, current_database(), n.oid IS NOT NULL, has_database_privilege(current_database(), 'CREATE'),
          coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE'), FALSE),
          c.oid IS NOT NULL, coalesce(has_schema_privilege(n.oid, 'USAGE'), FALSE)
            AND coalesce(has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE'), FALSE)
        FROM (SELECT 1) AS one LEFT JOIN pg_namespace n ON n.nspname = '\(schema)'
        LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'outbox'
        """
      ).firstRow { row -> Rights in
        var columns = Columns(row)
        return Rights(
          role: columns.text(), database: columns.text(), hasSchema: columns.bool(), mayMakeSchema: columns.bool(),
          mayMakeTables: columns.bool(), hasTables: columns.bool(), mayWrite: columns.bool())
      }
      return row.flatMap { $0.missing(in: schema) }
    }
  }

  private struct Rights {
    var role, database: String
    var hasSchema, mayMakeSchema, mayMakeTables, hasTables, mayWrite: Bool

    func missing(in schema: String) -> String? {
      let role = Self.quoted(role)
      if hasTables {
        return mayWrite
          ? nil
          : "GRANT USAGE, CREATE ON SCHEMA \(schema) TO \(role); "
            + "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \(schema) TO \(role)"
      }
      if hasSchema { return mayMakeTables ? nil : "GRANT USAGE, CREATE ON SCHEMA \(schema) TO \(role)" }
      return mayMakeSchema ? nil : "GRANT CREATE ON DATABASE \(Self.quoted(database)) TO \(role)"
    }

    private static func quoted(_ name: String) -> String { "\"\(name.replacing("\"", with: "\"\""))\"" }
  }

  /// Whether a syncer has written lately. It notes every poll.
  static func isInUse(_ database: any Database) throws -> Bool {
    try database.prepare(
      """
      SELECT seen_at > extract(epoch FROM clock_timestamp()) * 1000000 - 60000000
        AND EXISTS (SELECT 1 FROM syncer WHERE stopped_at IS NULL) FROM ledger
      """
    ).firstRow { $0.bool(0) } ?? false
  }

  /// Of all its tables and indexes.
  static func bytes(_ database: any Database) throws -> Int64 {
    try database.integer(
      """
      SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = current_schema() AND c.relkind = 'r'
      """) ?? 0
  }
}
