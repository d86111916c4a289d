/// How long a transaction and its statements may take.
public struct TransactionLimits: Hashable, Sendable {
  /// `statement_timeout` of the transaction in milliseconds; 0 means none.
  public var statementTimeout: Int
  /// `lock_timeout` of the transaction in milliseconds; 0 means none.
  public var lockTimeout: Int
  /// `idle_in_transaction_session_timeout` of the transaction in milliseconds; 0 means none. It ends the connection of a
  /// client that was stopped in the middle, so that its snapshot does not hold the server's vacuum up.
  public var idleTimeout: Int
  /// Seconds after which the client stops waiting, whatever the server does; connecting counts. Up to two seconds more
  /// go by while the query is cancelled.
  public var deadline: Double

  public init(
    statementTimeout: Int = 30_000, lockTimeout: Int = 2_000, idleTimeout: Int = 10_000, deadline: Double = 60
  ) {
    self.statementTimeout = statementTimeout
    self.lockTimeout = lockTimeout
    self.idleTimeout = idleTimeout
    self.deadline = deadline
  }
}
