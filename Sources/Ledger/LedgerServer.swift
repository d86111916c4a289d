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
    statementTimeout: 60_000, lockTimeout: 10_000, idleTimeout: 10_000, deadline: 90)

  /// Write transactions come one after the other, as they do in SQLite, and leave the time of the database behind: that is
  /// how `status` knows that a syncer is at work.
  static let lock = SQL(
    "UPDATE ledger SET seen_at = CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint) WHERE id = 1")

  /// For syncers; makes the ledger when there is none and migrates an older schema. Several may start at once.
  func openForWriting() throws -> PostgresDatabase {
    let database = try PostgresDatabase(configuration, schema: schema, limits: Self.limits)
    for isLast in [false, false, true] {
      do {
        try database.transaction { try migrate(database) }
        break
      } catch let error as PostgresError where !isLast && Self.isOvertaken(error) {
        // Another one was about to make the same, and has: what is there then is looked at anew.
      }
    }
    database.lock = Self.lock
    return database
  }

  /// Does nothing, and locks nothing, when the schema is the newest.
  private func migrate(_ database: PostgresDatabase) throws {
    guard var found = try version(in: database) else {
      // All of it in one transaction: whoever makes the same meanwhile waits for its end.
      if try !hasSchema(database) { try database.execute("CREATE SCHEMA \(schema)") }
      try database.execute(Self.table)
      return try migrate(database, from: 0)
    }
    guard found < Self.newestVersion else { return }
    // A server whose CREATE TABLE is a transaction of its own may have been left between the two.
    try database.execute(Self.row)
    found = Int(try database.integer("SELECT version FROM ledger WHERE id = 1 FOR UPDATE") ?? 0)
    try check(found)
    try migrate(database, from: found)
  }

  private func migrate(_ database: PostgresDatabase, from found: Int) throws {
    for migration in Migrations.postgres where migration.version > found { try database.execute(migration.sql) }
    if found < Self.newestVersion {
      try database.prepare("UPDATE ledger SET version = ? WHERE id = 1").binding { $0(Self.newestVersion) }.run()
    }
  }

  /// Whether a schema, a table or its type that was not there a moment ago has been made by another.
  private static func isOvertaken(_ error: PostgresError) -> Bool {
    ["23505", "42P06", "42P07", "42710"].contains(error.sqlState)
  }

  private static let table = """
    CREATE TABLE ledger (
      id bigint PRIMARY KEY CHECK (id = 1),
      version bigint NOT NULL,
      seen_at bigint NOT NULL
    );
    \(row)
    """
  private static let row = "INSERT INTO ledger VALUES (1, 0, 0) ON CONFLICT (id) DO NOTHING"

  /// Waits for other writers, and says nothing of a syncer.
  private static let quietLock = SQL("UPDATE ledger SET seen_at = seen_at WHERE id = 1")

  /// For writing beside a syncer or without one.
  func openForCorrecting() throws -> PostgresDatabase {
    let database = try openForReading()
    database.lock = Self.quietLock
    return database
  }

  /// For reading, beside a syncer or without one.
  func openForReading() throws -> PostgresDatabase {
    let database = try PostgresDatabase(configuration, schema: schema, limits: Self.limits)
    try database.snapshot {
      guard let found = try version(in: database), found > 0 else { throw LedgerError(.unmade, path: name) }
      if found < Self.newestVersion {
        throw LedgerError(.olderSchema(found: found, known: Self.newestVersion), path: name)
      }
    }
    return database
  }

  private func hasSchema(_ database: PostgresDatabase) throws -> Bool {
    try database.integer("SELECT count(*) FROM pg_namespace WHERE nspname = '\(schema)'") ?? 0 > 0
  }

  /// The version of the ledger that is there, 0 when it was not made to its end; nil without one.
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
    try check(found)
    return found
  }

  private func check(_ found: Int) throws {
    guard found <= Self.newestVersion else {
      throw LedgerError(.newerSchema(found: found, known: Self.newestVersion), path: name)
    }
  }

  /// What the role must be granted before it can make the ledger, or write the one that is there; nil when nothing is
  /// missing.
  func missingGrant() throws -> String? {
    let database = try PostgresDatabase(configuration, schema: schema, limits: Self.limits)
    // For writing, which a standby refuses.
    return try database.transaction {
      let row = try database.prepare(
        """
        SELECT current_user, current_database(), n.oid IS NOT NULL, has_database_privilege(current_database(), 'CREATE'),
          coalesce(has_schema_privilege(n.oid, 'USAGE'), FALSE), coalesce(has_schema_privilege(n.oid, 'CREATE'), FALSE),
          EXISTS (SELECT 1 FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = 'ledger'),
          EXISTS (SELECT 1 FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = 'outbox'),
          NOT EXISTS (SELECT 1 FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p')
            AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
              AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')))
        FROM (SELECT 1) AS one LEFT JOIN pg_namespace n ON n.nspname = '\(schema)'
        """
      ).firstRow { row -> Rights in
        var columns = Columns(row)
        return Rights(
          role: columns.text(), database: columns.text(), hasSchema: columns.bool(), mayMakeSchema: columns.bool(),
          mayUseSchema: columns.bool(), mayMakeTables: columns.bool(), isLedger: columns.bool(),
          isWhole: columns.bool(), mayWrite: columns.bool())
      }
      return row.flatMap { $0.missing(in: schema) }
    }
  }

  private struct Rights {
    var role, database: String
    var hasSchema, mayMakeSchema, mayUseSchema, mayMakeTables, isLedger, isWhole, mayWrite: Bool

    func missing(in schema: String) -> String? {
      let role = Self.quoted(role)
      guard hasSchema else {
        return mayMakeSchema ? nil : "GRANT CREATE ON DATABASE \(Self.quoted(database)) TO \(role)"
      }
      var grants: [String] = []
      // Tables that are there already need no right to make any.
      let ofSchema = (mayUseSchema ? [] : ["USAGE"]) + (isWhole || mayMakeTables ? [] : ["CREATE"])
      if !ofSchema.isEmpty {
        grants.append("GRANT \(ofSchema.joined(separator: ", ")) ON SCHEMA \(schema) TO \(role)")
      }
      if isLedger, !mayWrite {
        grants.append("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \(schema) TO \(role)")
      }
      return grants.isEmpty ? nil : grants.joined(separator: "; ")
    }

    private static func quoted(_ name: String) -> String { "\"\(name.replacing("\"", with: "\"\""))\"" }
  }

  // MARK: The same ledger

  /// Tells the ledger that is there from one that is made in its place, however alike they are. Inside a transaction.
  static func table(of database: any Database) throws -> Int64? {
    try database.integer("SELECT CAST(tableoid AS bigint) FROM ledger")
  }

  /// Begins a transaction: it fails unless the ledger is the one that was opened.
  /// - Parameters:
  ///   - table: see ``table(of:)``; a server that was made anew may give the same.
  ///   - sink: one that is registered; nil for none.
  static func refuse(otherThan table: Int64, with sink: Int64?, in database: any Database) throws {
    let known = sink.map { " AND EXISTS (SELECT 1 FROM sink WHERE id = \($0))" } ?? ""
    // Nobody waits for the answer: the first statement behind it that is waited for fails with it. The logarithm of 0 is
    // an error that nothing else here can make.
    try database.prepare("SELECT ln(count(*)) FROM ledger WHERE tableoid = \(table)\(known)").run()
  }

  /// What an error is to be called while a ledger is open.
  /// - Parameter table: see ``table(of:)``.
  static func verdict(
    on error: PostgresError, of place: LedgerPlace, opened table: Int64, in database: PostgresDatabase
  ) -> LedgerError {
    guard case .postgres(_, let schema) = place else { return LedgerError(error, path: place.name) }
    switch error.sqlState {
    case "2201E": return LedgerError(.moved, path: place.name, detail: "another ledger is in its place")
    case "42P01", "3F000":
      do {
        let found = try database.snapshot {
          try database.integer("SELECT CAST(tableoid AS bigint) FROM \(schema).ledger")
        }
        if found == table { return LedgerError(error, path: place.name) }
      } catch let denied as PostgresError where denied.sqlState == "42501" {
        // A schema that the role may not use any more looks as if nothing were in it.
        return LedgerError(denied, path: place.name)
      } catch {}
      return LedgerError(.moved, path: place.name, detail: error.facts)
    default: return LedgerError(error, path: place.name)
    }
  }

  /// Whether a syncer works on it: one that has entered itself notes that every few seconds; of one that has not, the last
  /// thing that it wrote is new.
  static func isInUse(_ database: any Database) throws -> Bool {
    try database.prepare(
      """
      SELECT CASE WHEN EXISTS (SELECT 1 FROM daemon) THEN EXISTS (SELECT 1 FROM daemon WHERE \(isSeen))
        ELSE seen_at > \(LeaseBook.now) - 60000000 AND EXISTS (SELECT 1 FROM syncer WHERE stopped_at IS NULL) END
      FROM ledger
      """
    ).firstRow { $0.bool(0) } ?? false
  }

  /// Of rows of `daemon`.
  static let isSeen = "seen_at > \(LeaseBook.now) - \(LeaseRule.life)"

  /// Of all its tables and indexes.
  static func bytes(_ database: any Database) throws -> Int64 {
    try database.integer(
      """
      SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = current_schema() AND c.relkind = 'r'
      """) ?? 0
  }
}
