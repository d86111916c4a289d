import ExecutionModel
import Platform
import Postgres
import SQLite
import Storage

/// The only durable thing: what was read from Airflow and dbt Cloud, how far reading has come, and what is still to be
/// sent. One SQLite file, or a schema in Postgres, on a thread of its own. Every change is one transaction.
public actor Ledger {
  /// What the ledger is opened for.
  public enum Purpose: Sendable {
    /// Reading and writing by the one syncer that owns it; migrates an older schema.
    case syncing
    /// Reading beside a running syncer, or when it is stopped.
    case reading
    /// Small changes beside a running syncer, or when it is stopped. A ledger of another release is refused.
    case changing
  }

  private let executor: ThreadExecutor
  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// Where it is kept.
  let place: LedgerPlace
  /// The ledger's file, or how its database is reached.
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
  public init(at place: LedgerPlace, purpose: Purpose, clock: @escaping @Sendable () -> Int64 = wallClockMicroseconds) {
    executor = ThreadExecutor(name: "ledger")
    self.place = place
    path = place.name
    self.purpose = purpose
    self.clock = clock
  }

  /// A ledger in an SQLite file.
  public init(path: String, purpose: Purpose, clock: @escaping @Sendable () -> Int64 = wallClockMicroseconds) {
    self.init(at: .file(path), purpose: purpose, clock: clock)
  }

  /// Opens the file or the connection and brings the schema up to date (``Purpose/syncing``).
  /// - Throws: ``LedgerError``
  public func open() throws {
    guard opened == nil else { return }
    try guarded {
      switch (place, purpose) {
      case (.file(let path), .syncing):
        let lock = try FileLock(ledger: path)
        opened = try LedgerFile.openForWriting(path)
        self.lock = lock
      case (.file(let path), .reading): opened = try LedgerFile.openForReading(path)
      case (.file(let path), .changing): opened = try LedgerFile.openForChanging(path)
      case (.postgres(let configuration, let schema), .syncing):
        opened = try LedgerServer(configuration: configuration, schema: schema, name: path).openForWriting()
      case (.postgres(let configuration, let schema), .changing):
        opened = try LedgerServer(configuration: configuration, schema: schema, name: path).openForChanging()
      case (.postgres(let configuration, let schema), .reading):
        opened = try LedgerServer(configuration: configuration, schema: schema, name: path).openForReading()
      }
    }
  }

  /// Closes the file or the connection. The ledger may be opened again.
  public func close() {
    opened = nil
    recentNodes = RecentNodes()
    lock = nil
  }

  /// The schema version of the ledger and the newest that this binary knows.
  public func schemaVersion() throws -> (found: Int, known: Int) {
    try read { database in
      switch place {
      case .file: (try schemaVersion(of: database), LedgerFile.newestVersion)
      case .postgres: (try schemaVersion(of: database), LedgerServer.newestVersion)
      }
    }
  }

  /// What the role of a ledger in Postgres must be granted before it can be written; nil when nothing is missing, and for
  /// a file.
  public func missingGrant() throws -> String? {
    guard case .postgres(let configuration, let schema) = place else { return nil }
    return try guarded {
      try LedgerServer(configuration: configuration, schema: schema, name: path).missingGrant()
    }
  }

  func schemaVersion(of database: any Database) throws -> Int {
    switch place {
    case .file: Int(try database.integer("PRAGMA user_version") ?? 0)
    case .postgres: Int(try database.integer("SELECT version FROM ledger") ?? 0)
    }
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
    do { return try body() } catch let error as SQLiteError {
      throw LedgerError(error, path: path)
    } catch let error as PostgresError { throw LedgerError(error, path: path) }
  }
}
