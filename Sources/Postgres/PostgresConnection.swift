import CLibPQ
import Platform

/// One connection to Postgres, opened when it is needed and opened again after it was lost.
///
/// Everything runs on a thread of its own, one call after the other, and nothing waits without an end. Nothing but
/// transactions is ever sent, with unnamed statements and `SET LOCAL`, so that it works through PgBouncer in transaction
/// mode as well.
public actor PostgresConnection {
  private let executor: ThreadExecutor
  private let configuration: PostgresConfiguration
  private let wakeUp = WakeUp()
  private var session: Session?

  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// - Parameter name: of the connection's thread; at most 15 bytes are kept.
  public init(_ configuration: PostgresConfiguration, name: String) {
    self.configuration = configuration
    executor = ThreadExecutor(name: name)
  }

  /// Opens the connection when it is not open.
  ///
  /// - Throws: ``PostgresError`` of kind `configuration`, `connect`, `authentication` or `cancelled`.
  public func connect() async throws {
    try await interruptible(configuration.connectTimeout) { operation in _ = try open(operation) }
  }

  /// Closes the connection after what runs on it. A later use opens it again.
  public func close() async { session = nil }

  /// The server's version as libpq counts: 150020 for 15.20; nil while not connected.
  public var serverVersion: Int? { session?.serverVersion }

  /// Whether the connection was open when it was last used.
  public var isConnected: Bool { session != nil }

  /// Reads in one snapshot: `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY` with the limits and `TimeZone=UTC` as
  /// `SET LOCAL` and the locks, in one round trip; then `body`, on this connection's thread; then `COMMIT`, or `ROLLBACK` when `body`
  /// throws or swallowed an error. Connects first when needed; a connection that was lost since its last use is
  /// replaced unnoticed.
  ///
  /// - Parameter tables: names as SQL writes them. They are locked (`ACCESS SHARE`) before the snapshot is taken;
  ///   the role needs SELECT on each as a whole.
  /// - Throws: ``PostgresError``, or what `body` throws. A deadline, a cancellation and a lost connection are thrown
  ///   even when `body` swallows them.
  public func readOnly<R: Sendable>(
    _ limits: TransactionLimits = TransactionLimits(), locking tables: [String] = [],
    _ body: @Sendable (PostgresTransaction) throws -> R
  ) async throws -> R {
    try await interruptible(limits.deadline) { operation in
      let session = try begin(limits, locking: tables, operation)
      let transaction = PostgresTransaction(session, operation)
      do {
        let value = try body(transaction)
        try transaction.end()
        // What was read is right even if the connection breaks during COMMIT, so that is not an error.
        end(session, "COMMIT")
        return value
      } catch {
        end(session, "ROLLBACK")
        throw error
      }
    }
  }

  private func interruptible<R: Sendable>(_ seconds: Double, _ work: (Operation) throws -> R) async throws -> R {
    let operation = Operation(seconds: seconds, wakeUp: wakeUp)
    return try await withTaskCancellationHandler {
      // Only a closure that captures the actor runs on it: without this line the work would block the cooperative pool.
      assertIsolated()
      return try work(operation)
    } onCancel: {
      operation.cancel()
    }
  }

  private func open(_ operation: Operation) throws -> Session {
    if let session { return session }
    let connection = try Opening.open(configuration, operation.limited(toSeconds: configuration.connectTimeout))
    let keywords = try PostgresConfiguration.keywords(of: configuration.conninfo)
    let opened = Session(connection, target: PostgresConfiguration.target(keywords), wakeUp: wakeUp)
    session = opened
    return opened
  }

  private func begin(
    _ limits: TransactionLimits, locking tables: [String], _ operation: Operation
  ) throws -> Session {
    let wasOpen = session != nil
    do {
      let session = try open(operation)
      // A database without an encoding refuses to send text that is no UTF-8 to a client that wants UTF-8.
      let encoding = session.isSQLASCII ? "; SET LOCAL client_encoding = 'SQL_ASCII'" : ""
      let locks = tables.isEmpty ? "" : "; LOCK TABLE \(tables.joined(separator: ", ")) IN ACCESS SHARE MODE"
      do {
        try session.run(
          """
          BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = \(limits.statementTimeout); \
          SET LOCAL lock_timeout = \(limits.lockTimeout); \
          SET LOCAL idle_in_transaction_session_timeout = \(limits.idleTimeout); SET LOCAL TimeZone = 'UTC'\(encoding)\(locks)
          """, operation)
        return session
      } catch {
        end(session, "ROLLBACK")
        throw error
      }
    } catch let error as PostgresError where error.kind == .lost && wasOpen {
      return try begin(limits, locking: tables, operation)
    }
  }

  // Never leaves a transaction open: when it cannot be ended it ends with its connection.
  private func end(_ session: Session, _ command: String) {
    let grace = Operation(seconds: Session.grace, wakeUp: wakeUp)
    if !session.isSpent {
      do {
        switch session.transactionState {
        case .none: break
        case .open: try session.run(command, grace)
        case .failed: try session.run("ROLLBACK", grace)
        case .unknown: session.drop()
        }
      } catch {
        session.drop()
      }
    }
    if session.isSpent, self.session === session { self.session = nil }
  }
}
