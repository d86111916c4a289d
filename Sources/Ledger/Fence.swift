import Postgres
import Storage

/// Under which lease the present task writes to a ledger that several syncers share. Each of its transactions looks at it
/// first, under the lock that whoever takes the lease over must have too: what a syncer writes that has lost its lease,
/// because it was stopped or cut off for a while, is not kept.
public struct Fence: Sendable {
  /// The part that the task works as.
  public let part: PartName
  /// Grows each time the lease is taken.
  public let token: Int64
  private let lost: @Sendable () -> Void

  /// - Parameter lost: called when a transaction finds that another has the lease.
  public init(part: PartName, token: Int64, lost: @escaping @Sendable () -> Void) {
    self.part = part
    self.token = token
    self.lost = lost
  }

  /// Of the present task; nil where nothing but the one syncer writes, as to a file.
  @TaskLocal public static var current: Fence?

  /// Begins a transaction: it fails unless the lease is held and the schema is the one that this binary knows. Asked as
  /// the transaction's second statement, so that it sees what was committed until the lock was had.
  func check(in database: any Database) throws {
    try database.prepare(Self.isHeld).binding {
      $0(part.kind.rawValue)
      $0(part.name)
      $0(token)
      $0(LedgerServer.newestVersion)
    }.run()
  }

  // Nobody waits for the answer: the first statement behind it that is waited for fails with it.
  private static let isHeld = SQL(
    """
    SELECT 1 / count(*) FROM lease l JOIN ledger g ON g.version = ?4 WHERE l.kind = ?1 AND l.name = ?2 AND l.token = ?3
    """)

  /// What a failed transaction is to be called; nil when it did not fail here.
  func verdict(on error: any Error, path: String) -> LedgerError? {
    // Division by zero; the ledger divides nowhere else.
    guard (error as? PostgresError)?.sqlState == "22012" else { return nil }
    lost()
    return LedgerError(.leaseLost, path: path, detail: part.description)
  }
}
