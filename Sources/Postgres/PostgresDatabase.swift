import Platform
import Storage

/// A database whose every call blocks: for one that is written by one thread, as the ledger is.
///
/// Nothing but transactions is sent, with unnamed statements and settings that end with the transaction, so that it works
/// through PgBouncer in transaction mode. The connection is opened when it is needed, and opened again after it was lost.
/// Statements whose result nobody reads are sent without waiting.
public final class PostgresDatabase: Database {
  /// `host=… port=… dbname=… user=…` as far as configured.
  public let name: String
  public let isServer = true
  /// What a write transaction begins with, so that one waits for the other; nil while there is nothing to lock.
  public var lock: SQL?

  /// How many connections have been opened.
  public private(set) var connections = 0

  private let configuration: PostgresConfiguration
  private let schema: String
  private let limits: TransactionLimits
  private let wakeUp = WakeUp()
  private var session: Session?
  /// Whether a transaction is under way.
  private var isOpen = false
  private var statements: [String: PostgresStatement] = [:]
  private var numbered: [PostgresStatement?] = []

  /// Nothing is opened yet.
  /// - Parameters:
  ///   - schema: where tables are looked for.
  ///   - limits: of each transaction; the deadline is that of each wait for an answer, for a transaction may be long.
  /// - Throws: ``PostgresError`` of kind `configuration`.
  public init(_ configuration: PostgresConfiguration, schema: String, limits: TransactionLimits) throws {
    name = PostgresConfiguration.target(try PostgresConfiguration.keywords(of: configuration.conninfo))
    self.configuration = configuration
    self.schema = schema
    self.limits = limits
  }

  // MARK: Statements

  /// Only inside a transaction.
  public func execute(_ sql: String) throws {
    let (session, operation) = try current(sql)
    try session.settle(operation)
    try session.leavePipeline()
    try session.run(sql, operation)
  }

  public func prepare(_ sql: String) throws -> any Statement {
    if let known = statements[sql] {
      known.reset()
      return known
    }
    let statement = PostgresStatement(database: self, sql: sql)
    statements[sql] = statement
    return statement
  }

  public func prepare(_ sql: SQL) throws -> any Statement {
    if sql.number < numbered.count, let known = numbered[sql.number] {
      known.reset()
      return known
    }
    let statement = PostgresStatement(database: self, sql: sql.text)
    while numbered.count <= sql.number { numbered.append(nil) }
    numbered[sql.number] = statement
    return statement
  }

  /// Sends a statement of the transaction under way.
  func queue(_ sql: String, _ parameters: EncodedParameters) throws {
    let (session, operation) = try current(sql)
    try session.queue(sql, operation, parameters)
  }

  /// What came of the last statement, once all before it are done.
  func settle(_ sql: String) throws -> PostgresResult? {
    let (session, operation) = try current(sql)
    return try session.settle(operation)
  }

  private func current(_ sql: String) throws -> (Session, Operation) {
    guard let session, isOpen else {
      throw PostgresError(.usage, "a statement outside of a transaction", query: PostgresError.name(of: sql))
    }
    return (session, Operation(seconds: limits.deadline, wakeUp: wakeUp))
  }

  // MARK: Transactions

  public func transaction<Result>(_ body: () throws -> Result) throws -> Result {
    try run("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", lock, body)
  }

  public func snapshot<Result>(_ body: () throws -> Result) throws -> Result {
    try run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", nil, body)
  }

  private func run<Result>(_ begin: String, _ lock: SQL?, _ body: () throws -> Result) throws -> Result {
    guard !isOpen else { throw PostgresError(.usage, "a transaction inside a transaction") }
    try open(begin, lock)
    defer { isOpen = false }
    let result: Result
    do {
      result = try body()
      _ = try settle("COMMIT")
    } catch {
      rollBack()
      throw error
    }
    try commit()
    return result
  }

  /// A connection that was lost since its last use is replaced unnoticed: nothing has been done on the new one.
  private func open(_ begin: String, _ lock: SQL?) throws {
    for isLast in [session == nil, true] {
      let operation = Operation(seconds: limits.deadline, wakeUp: wakeUp)
      do {
        let session = try connected(operation)
        isOpen = true
        try session.queue(begin, operation)
        try session.queue(settings, operation)
        if let lock { try session.queue(lock.text, operation) }
        try session.settle(operation)
        return
      } catch {
        rollBack()
        isOpen = false
        // Another server may have been promoted, and be reached in its place.
        if (error as? PostgresError)?.isStandby == true { forget() }
        guard !isLast, let error = error as? PostgresError, error.kind == .lost else { throw error }
      }
    }
  }

  // Where a server is set to forget the last moments of its work, not of this.
  private var settings: String {
    """
    SELECT set_config('search_path', '\(schema)', true), set_config('statement_timeout', '\(limits.statementTimeout)', true), \
    set_config('lock_timeout', '\(limits.lockTimeout)', true), \
    set_config('idle_in_transaction_session_timeout', '\(limits.idleTimeout)', true), \
    set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' \
    ELSE current_setting('synchronous_commit') END, true)
    """
  }

  private func connected(_ operation: Operation) throws -> Session {
    if let session { return session }
    let connection = try Opening.open(configuration, operation.limited(toSeconds: configuration.connectTimeout))
    let opened = Session(connection, target: name, wakeUp: wakeUp)
    guard opened.isUTF8 else {
      throw PostgresError(
        .configuration, "the database does not keep text in UTF-8: make one with ENCODING 'UTF8'", target: name)
    }
    session = opened
    connections += 1
    return opened
  }

  private func commit() throws {
    let (session, operation) = try current("COMMIT")
    do {
      try session.queue("COMMIT", operation)
      let result = try session.settle(operation)
      // A transaction in which a statement has failed answers COMMIT with ROLLBACK.
      guard result?.command == "COMMIT" else {
        throw PostgresError(.usage, "a statement had failed, so that nothing was kept", target: name)
      }
    } catch var error as PostgresError {
      if [.lost, .deadline].contains(error.kind) {
        error.message += "; whether the transaction was kept is not known"
      }
      forget()
      throw error
    }
  }

  // Never leaves a transaction open: when it cannot be ended it ends with its connection.
  private func rollBack() {
    guard let session else { return }
    if !session.isSpent {
      let grace = Operation(seconds: Session.grace, wakeUp: wakeUp)
      // What was sent and not answered may fail; the rollback behind it is still to come.
      if !session.queued.isEmpty { _ = try? session.settle(grace) }
      do {
        try session.queue("ROLLBACK", grace)
        try session.settle(grace)
      } catch {
        session.drop()
      }
    }
    if session.isSpent { forget() }
  }

  private func forget() { session = nil }
}
