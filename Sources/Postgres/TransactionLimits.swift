/// How long a transaction and its statements may take.
public struct TransactionLimits: Hashable, Sendable {
  /// `statement_timeout` of the transaction in milliseconds; 0 means none.
  public var statementTimeout: Int
  /// `lock_timeout` of the transaction in milliseconds; 0 means none. While one lock is held and another waited for, somebody
  /// else may have it the other way round: far below the server's `deadlock_timeout` (1 s unless it is set otherwise), it is
  /// this transaction that gives way.
  public var lockTimeout: Int
  /// `idle_in_transaction_session_timeout` of the transaction in milliseconds; 0 means none. It ends the connection of a
  /// client that was stopped in the middle, so that its snapshot does not hold the server's vacuum up.
  public var idleTimeout: Int
  /// Seconds after which the client stops waiting, whatever the server does; connecting counts. Up to two seconds more
  /// go by while the query is cancelled.
  public var deadline: Double

  public init(
    statementTimeout: Int = 30_000, lockTimeout: Int = 100, idleTimeout: Int = 10_000, deadline: Double = 60
  ) {
    self.statementTimeout = statementTimeout
    self.lockTimeout = lockTimeout
    self.idleTimeout = idleTimeout
    self.deadline = deadline
  }
}
