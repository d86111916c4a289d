/// What one round of delivery did.
public struct DeliveryRound: Hashable, Sendable {
  public var delivered = 0
  public var parked = 0
  public var retried = 0
  /// Nothing was due.
  public var wasIdle = false
  /// Why the backend as a whole could not be used; nothing is tried before it is due again.
  public var outage: Outage?

  /// A backend that is away or refuses us.
  public struct Outage: Hashable, Sendable {
    /// A short, stable word for the kind of failure.
    public var cause: String
    public var detail: String
    /// Microseconds since 1970.
    public var retryAt: Int64
  }

  public init() {}
}

/// Where records or events go. One round takes a bounded number of items from the outbox, tries them, and keeps what
/// became of them.
public protocol Sink: Sendable {
  /// `sinks[].name`
  var name: String { get }
  /// Tries what is due.
  /// - Throws: what the ledger throws; a backend's failure is part of the answer.
  func deliver() async throws -> DeliveryRound
  /// Gives back what is held: a file that another process may now write. The next delivery takes it again.
  func close() async
}
