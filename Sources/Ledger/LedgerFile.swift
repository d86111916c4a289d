import Glibc
import Migrations
import SQLite
import Storage

/// Opens the ledger's file: who may, what it must be, and how its schema is brought up to date.
enum LedgerFile {
  /// "asyn" in ASCII: tells a ledger from other SQLite databases.
  private static let applicationID: Int64 = 0x6173_796E
  /// The newest schema that this binary knows.
  static let newestVersion = Migrations.sqlite.last?.version ?? 0

  /// For the one syncer that owns it; makes the file when there is none and migrates an older schema.
  static func openForWriting(_ path: String) throws -> SQLiteDatabase {
    try makeFile(path)
    let database = try SQLiteDatabase(path: path, mode: .readWrite)
    // Before anything is written: it may be somebody else's.
    let isNew = try check(database)
    // Must be set before the first table is made.
    if isNew { try database.execute("PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL") }
    try database.execute(
      """
      PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY;
      PRAGMA cache_size = -8000; PRAGMA journal_size_limit = 67108864
      """)
    database.keepWriteAheadLog()
    try migrate(database)
    return database
  }

  /// For reading, beside a syncer or without one.
  static func openForReading(_ path: String) throws -> SQLiteDatabase {
    do {
      return try checked(SQLiteDatabase(path: path, mode: .readOnly))
    } catch let error as SQLiteError where (error.cannotOpen || error.isReadOnly) && isWhole(path) {
      // The write-ahead log's files are gone and may not be made here, so no syncer runs.
      return try checked(SQLiteDatabase(path: path, mode: .immutable))
    }
  }

  /// For small changes beside a syncer or without one. A connection waits for the other's transaction to end.
  static func openForChanging(_ path: String) throws -> SQLiteDatabase {
    guard access(path, F_OK) == 0 else { throw LedgerError(.missing, path: path) }
    let database = try checked(SQLiteDatabase(path: path, mode: .readWrite))
    try database.execute("PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864")
    database.keepWriteAheadLog()
    return database
  }

  /// Whether the file alone is the whole ledger: nobody writes it, and no write-ahead log waits to be copied into it.
  private static func isWhole(_ path: String) -> Bool {
    var log = stat()
    let hasLog = stat(path + "-wal", &log) == 0 && log.st_size > 0
    return !hasLog && !FileLock.isHeld(FileLock.path(of: path))
  }

  /// SQLite would make the file readable by everybody. Its log files take over the file's rights.
  private static func makeFile(_ path: String) throws {
    let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
    // What is wrong is found out, and told better, by the first statement.
    if descriptor >= 0 { Glibc.close(descriptor) }
  }

  private static func version(_ database: SQLiteDatabase) throws -> Int {
    Int(try database.integer("PRAGMA user_version") ?? 0)
  }

  /// Returns whether it is an empty database, to become a ledger.
  private static func check(_ database: SQLiteDatabase) throws -> Bool {
    let id = try database.integer("PRAGMA application_id") ?? 0
    let isEmpty = try database.integer("SELECT count(*) FROM sqlite_schema") == 0
    guard id == applicationID || (id == 0 && isEmpty) else { throw LedgerError(.notALedger, path: database.path) }
    let version = try version(database)
    guard version <= newestVersion else {
      throw LedgerError(.newerSchema(found: version, known: newestVersion), path: database.path)
    }
    return isEmpty
  }

  private static func checked(_ database: SQLiteDatabase) throws -> SQLiteDatabase {
    let isEmpty = try check(database)
    let version = try version(database)
    if isEmpty { throw LedgerError(.missing, path: database.path) }
    if version < newestVersion {
      throw LedgerError(.olderSchema(found: version, known: newestVersion), path: database.path)
    }
    return database
  }

  private static func migrate(_ database: SQLiteDatabase) throws {
    try database.transaction {
      // Looked at again under the lock.
      _ = try check(database)
      let version = try version(database)
      for migration in Migrations.sqlite where migration.version > version { try database.execute(migration.sql) }
      if version < newestVersion {
        try database.execute("PRAGMA application_id = \(applicationID); PRAGMA user_version = \(newestVersion)")
      }
    }
  }
}
