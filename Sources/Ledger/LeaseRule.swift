/// A row of the leases.
struct LeaseRow: Hashable, Sendable {
  var part: PartName
  /// Grows each time the lease is taken.
  var token: Int64
  /// The syncer that has it; nil when it was given back.
  var holder: String?
  /// Microseconds, by the database's clock.
  var expiresAt: Int64
}

/// When leases are renewed and may be taken over. Pure; all times are the database's.
struct LeaseRule {
  /// Microseconds for which a lease is good when nobody renews it.
  static let life: Int64 = 10_000_000
  /// Seconds between two looks at the leases, of those who have them and of those who wait.
  static let interval = 3.0
  /// Seconds that one look may wait for another's transaction.
  static let patience = 1.0
  /// Seconds after which the transaction of a syncer that says nothing is ended by one that waits for it.
  static let silence = 5.0

  /// Whether somebody else may take the lease.
  static func isFree(_ row: LeaseRow, now: Int64) -> Bool { row.holder == nil || row.expiresAt <= now }

  /// Of the leases that are wanted, those that may be taken.
  static func free(_ wanted: Set<PartName>, rows: [LeaseRow], now: Int64, for holder: String) -> [PartName] {
    let taken = rows.filter { $0.holder == holder || !isFree($0, now: now) }.map(\.part)
    return wanted.subtracting(taken).sorted()
  }
}
