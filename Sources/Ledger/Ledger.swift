import ExecutionModel
import Platform
import Postgres
import Records
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
    /// Writing a moment at a time beside a running syncer, or when it is stopped.
    case correcting
  }

  private let executor: ThreadExecutor
  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// Where it is kept.
  let place: LedgerPlace
  /// The ledger's file, or how its database is reached.
  public nonisolated let path: String
  let purpose: Purpose
  private let clock: @Sendable () -> Int64
  private var opened: (any Database)?
  private var lock: FileLock?
  /// Of the database, when it was written last.
  private var connections: Int?
  /// Of a ledger in Postgres that is open for syncing; see ``LedgerServer/table(of:)``.
  private var table: Int64?

  /// The sinks that get events and records, as the configuration has them.
  var sinks: [SinkRegistration] = []
  /// The dbt Cloud accounts that links are resolved against.
  var accounts = AccountDirectory(accounts: [])
  /// How an attempt's run is called in OpenLineage.
  var lineageRunID: LineageRunID = { _, _ in nil }
  /// What of the words of others is kept.
  var keptWords = KeptWords.all
  /// What was found while nodes that nothing names are looked for; see ``collectNodes()``.
  var nodeCollection: NodeCollection?
  /// What is written was committed, or is about to be.
  var recentNodes = RecentNodes()
  /// How large it may become; nil for as large as its disk.
  var bytesAtMost: Int64?
  /// How full it is, and the outbox of each sink; see ``roomLevel()``.
  var rooms: [Int64: Room] = [:]
  var roomsNotedAt: [Int64: Int64] = [:]
  var roomsTold: [Int64: RoomLevel] = [:]
  var measuredAt: Int64?
  /// How long delivered history is kept, in microseconds; nil for good.
  var retention: Int64?
  /// The newest time that an Airflow database told.
  var sourceTime: Int64?
  var countedAt: Int64?
  /// The clock when it was looked at last; nil after opening.
  var lookedAt: Int64?

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
      case (.file(let path), .correcting): opened = try LedgerFile.openForCorrecting(path)
      case (.postgres(let configuration, let schema), .correcting):
        opened = try LedgerServer(configuration: configuration, schema: schema, name: path).openForCorrecting()
      case (.file(let path), .reading): opened = try LedgerFile.openForReading(path)
      case (.postgres(let configuration, let schema), .syncing):
        let database = try LedgerServer(configuration: configuration, schema: schema, name: path).openForWriting()
        table = try database.snapshot { try LedgerServer.table(of: database) }
        opened = database
      case (.postgres(let configuration, let schema), .reading):
        opened = try LedgerServer(configuration: configuration, schema: schema, name: path).openForReading()
      }
    }
  }

  /// Closes the file or the connection. The ledger may be opened again.
  public func close() {
    (opened, lookedAt, connections, table) = (nil, nil, nil, nil)
    forgetTransaction()
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
      let fence = place.isFile ? nil : Fence.current
      do {
        let result = try database.transaction {
          forgetRowsOfOtherConnections(database)
          try refuseOther(database)
          try fence?.check(in: database)
          try beginTransaction(in: database)
          let result = try body(database)
          Failpoint.commit.pass()
          return result
        }
        Failpoint.committed.pass()
        endTransaction(isKept: true)
        return result
      } catch {
        // Some may have been written by the transaction that failed.
        forgetTransaction()
        throw fence?.verdict(on: error, path: path) ?? error
      }
    }
  }

  func read<Result>(_ body: (any Database) throws -> Result) throws -> Result {
    try guarded {
      let database = try current()
      return try database.snapshot {
        try refuseOther(database)
        return try body(database)
      }
    }
  }

  /// What is written to a ledger that was made in the place of the one that was opened would lack what was there: numbers
  /// of sinks and rows that are known here mean others in it.
  private func refuseOther(_ database: any Database) throws {
    guard let table else { return }
    try LedgerServer.refuse(otherThan: table, with: sinks.map(\.id).first { $0 > 0 }, in: database)
  }

  /// Behind another connection there may be a server that was promoted without the last that was written.
  private func forgetRowsOfOtherConnections(_ database: any Database) {
    guard !place.isFile, let connections = (database as? PostgresDatabase)?.connections, connections != self.connections
    else { return }
    if self.connections != nil { forgetTransaction() }
    self.connections = connections
  }

  /// What was noted in memory while a transaction was under way that has failed.
  private func forgetTransaction() {
    recentNodes = RecentNodes()
    endTransaction(isKept: false)
    (rooms, roomsNotedAt, measuredAt) = ([:], [:], nil)
  }

  func current() throws -> any Database {
    if let opened { return opened }
    try open()
    guard let opened else { throw LedgerError(.missing, path: path) }
    return opened
  }

  func guarded<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as SQLiteError {
      throw LedgerError(error, path: path)
    } catch let error as PostgresError {
      guard let table, let database = opened as? PostgresDatabase else { throw LedgerError(error, path: path) }
      throw LedgerServer.verdict(on: error, of: place, opened: table, in: database)
    }
  }
}
