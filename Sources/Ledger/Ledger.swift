import ExecutionModel
import Glibc
import Migrations
import Platform
import SQLite

/// The only durable thing: what was read from Airflow and dbt Cloud, how far reading has come, and what is still to be
/// sent. One SQLite file, on a thread of its own. Every change is one transaction.
public actor Ledger {
  /// What the ledger is opened for.
  public enum Purpose: Sendable {
    /// Reading and writing by the one syncer that owns it; migrates an older schema.
    case syncing
    /// Reading beside a running syncer, or when it is stopped.
    case reading
  }

  private let executor: ThreadExecutor
  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// The ledger's file.
  public nonisolated let path: String
  private let purpose: Purpose
  private let clock: @Sendable () -> Int64
  private var opened: SQLiteDatabase?
  private var lock: FileLock?

  /// The sinks that get events and records, as the configuration has them.
  var sinks: [SinkRegistration] = []
  /// The dbt Cloud accounts that links are resolved against.
  var accounts = AccountDirectory(accounts: [])

  /// Nothing is opened yet; see ``open()``.
  /// - Parameter clock: microseconds since 1970, for the ledger's own bookkeeping.
  public init(path: String, purpose: Purpose, clock: @escaping @Sendable () -> Int64 = wallClockMicroseconds) {
    executor = ThreadExecutor(name: "ledger")
    self.path = path
    self.purpose = purpose
    self.clock = clock
  }

  /// Opens the file and brings its schema up to date (``Purpose/syncing``).
  /// - Throws: ``LedgerError``
  public func open() throws {
    guard opened == nil else { return }
    try guarded {
      switch purpose {
      case .syncing:
        let lock = try FileLock(path: path + ".lock", ledger: path)
        try Self.makeFile(path)
        let database = try SQLiteDatabase(path: path, mode: .readWrite)
        try Self.prepareForWriting(database)
        try Self.migrate(database)
        self.lock = lock
        opened = database
      case .reading:
        opened = try openForReading()
      }
    }
  }

  /// Closes the file. The ledger may be opened again.
  public func close() {
    opened = nil
    lock = nil
  }

  /// The schema version of the file and the newest that this binary knows.
  public func schemaVersion() throws -> (found: Int, known: Int) {
    try read { (Int(try $0.integer("PRAGMA user_version") ?? 0), Self.newestVersion) }
  }

  // MARK: Access for the ledger's own parts

  /// Microseconds since 1970, for bookkeeping.
  var now: Int64 { clock() }

  func write<Result>(_ body: (SQLiteDatabase) throws -> Result) throws -> Result {
    try guarded {
      let database = try current()
      return try database.transaction { try body(database) }
    }
  }

  func read<Result>(_ body: (SQLiteDatabase) throws -> Result) throws -> Result {
    try guarded {
      let database = try current()
      return try database.snapshot { try body(database) }
    }
  }

  private func current() throws -> SQLiteDatabase {
    if let opened { return opened }
    try open()
    guard let opened else { throw LedgerError(.missing, path: path) }
    return opened
  }

  private func guarded<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as SQLiteError { throw LedgerError(error, path: path) }
  }

  // MARK: Opening

  /// "asyn" in ASCII: tells a ledger from other SQLite databases.
  private static let applicationID: Int64 = 0x6173_796E
  private static let newestVersion = Migrations.sqlite.last?.version ?? 0

  /// SQLite would make the file readable by everybody. Its log files take over the file's rights.
  private static func makeFile(_ path: String) throws {
    let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
    // What is wrong is found out, and told better, by the first statement.
    if descriptor >= 0 { Glibc.close(descriptor) }
  }

  private static func prepareForWriting(_ database: SQLiteDatabase) throws {
    if try database.integer("PRAGMA application_id") == 0,
      try database.integer("SELECT count(*) FROM sqlite_schema") == 0
    {
      // Must be set before the first table is made.
      try database.execute("PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL")
    }
    try database.execute(
      """
      PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY;
      PRAGMA cache_size = -8000; PRAGMA journal_size_limit = 67108864
      """)
    database.keepWriteAheadLog()
  }

  private func openForReading() throws -> SQLiteDatabase {
    do {
      let database = try SQLiteDatabase(path: path, mode: .readOnly)
      try Self.check(database, path: path)
      return database
    } catch let error as SQLiteError where error.cannotOpen && access(path, R_OK) == 0 {
      // The write-ahead log's files are gone and may not be made here, so no syncer runs.
      let database = try SQLiteDatabase(path: path, mode: .immutable)
      try Self.check(database, path: path)
      return database
    }
  }

  private static func check(_ database: SQLiteDatabase, path: String) throws {
    let version = Int(try database.integer("PRAGMA user_version") ?? 0)
    guard try database.integer("PRAGMA application_id") == applicationID else {
      throw LedgerError(.notALedger, path: path)
    }
    if version > newestVersion { throw LedgerError(.newerSchema(found: version, known: newestVersion), path: path) }
    if version < newestVersion { throw LedgerError(.olderSchema(found: version, known: newestVersion), path: path) }
  }

  private static func migrate(_ database: SQLiteDatabase) throws {
    try database.transaction {
      let version = Int(try database.integer("PRAGMA user_version") ?? 0)
      let id = try database.integer("PRAGMA application_id") ?? 0
      let isEmpty = try database.integer("SELECT count(*) FROM sqlite_schema") == 0
      guard id == applicationID || (id == 0 && isEmpty) else { throw LedgerError(.notALedger, path: database.path) }
      guard version <= newestVersion else {
        throw LedgerError(.newerSchema(found: version, known: newestVersion), path: database.path)
      }
      for migration in Migrations.sqlite where migration.version > version { try database.execute(migration.sql) }
      if version < newestVersion {
        try database.execute("PRAGMA application_id = \(applicationID); PRAGMA user_version = \(newestVersion)")
      }
    }
  }
}

/// An advisory lock on a file beside the ledger: one syncer per ledger. Given back when the process ends, however.
private final class FileLock {
  private let descriptor: Int32

  init(path: String, ledger: String) throws {
    descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
    guard descriptor >= 0 else {
      throw LedgerError(
        errno == EROFS || errno == EACCES ? .readOnly : errno == ENOSPC ? .full : .missing, path: ledger)
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      Glibc.close(descriptor)
      throw LedgerError(.inUse, path: ledger)
    }
  }

  deinit { Glibc.close(descriptor) }
}
