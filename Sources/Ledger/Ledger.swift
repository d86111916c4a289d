import ExecutionModel
import Platform
import SQLite
import Storage

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
  private var opened: (any Database)?
  private var lock: FileLock?

  /// The sinks that get events and records, as the configuration has them.
  var sinks: [SinkRegistration] = []
  /// The dbt Cloud accounts that links are resolved against.
  var accounts = AccountDirectory(accounts: [])
  /// How an attempt's run is called in OpenLineage.
  var lineageRunID: LineageRunID = { _, _ in nil }
  /// What is written was committed, or is about to be.
  var recentNodes = RecentNodes()

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
        let lock = try FileLock(ledger: path)
        opened = try LedgerFile.openForWriting(path)
        self.lock = lock
      case .reading:
        opened = try LedgerFile.openForReading(path)
      }
    }
  }

  /// Closes the file. The ledger may be opened again.
  public func close() {
    opened = nil
    recentNodes = RecentNodes()
    lock = nil
  }

  /// The schema version of the file and the newest that this binary knows.
  public func schemaVersion() throws -> (found: Int, known: Int) {
    try read { (Int(try $0.integer("PRAGMA user_version") ?? 0), LedgerFile.newestVersion) }
  }

  // MARK: Access for the ledger's own parts

  /// Microseconds since 1970, for bookkeeping.
  var now: Int64 { clock() }

  func write<Result>(_ body: (any Database) throws -> Result) throws -> Result {
    try guarded {
      let database = try current()
      do { return try database.transaction { try body(database) } } catch {
        // Some may have been written by the transaction that failed.
        recentNodes = RecentNodes()
        throw error
      }
    }
  }

  func read<Result>(_ body: (any Database) throws -> Result) throws -> Result {
    try guarded {
      let database = try current()
      return try database.snapshot { try body(database) }
    }
  }

  private func current() throws -> any Database {
    if let opened { return opened }
    try open()
    guard let opened else { throw LedgerError(.missing, path: path) }
    return opened
  }

  private func guarded<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as SQLiteError { throw LedgerError(error, path: path) }
  }
}
