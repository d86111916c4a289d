import Storage

extension Ledger {
  /// Nothing is put off for longer than an hour: what is due later than this was put off by a clock that was ahead.
  private static let longestWait: Int64 = 2 * 3_600_000_000
  /// A clock that was set back by less makes nothing wait for longer than it may.
  private static let tolerance: Int64 = 60_000_000

  /// After the clock was set back, or before it is known how it stood when the ledger was closed: what is due in hours or
  /// years is due now, so that it does not wait for the clock to come there again.
  /// - Parameter before: the clock when it was looked at last; nil when that was before the ledger was opened.
  func mindClock(now: Int64, before: Int64?, in database: any Database) throws {
    guard before.map({ now < $0 - Self.tolerance }) ?? true else { return }
    for sql in Self.dueNow {
      try database.prepare(sql).binding {
        $0(now)
        $0(now &+ Self.longestWait)
      }.run()
    }
  }

  private static let dueNow = [
    // Still in its order: an item that waits for its next try goes before the later ones of its record.
    "UPDATE outbox SET not_before = ?1 WHERE not_before > ?2 AND parked_at IS NULL",
    "UPDATE sink SET not_before = ?1 WHERE not_before > ?2",
    "UPDATE dbt_run SET next_fetch_at = ?1 WHERE next_fetch_at > ?2 AND is_complete = 0 AND fetch_state <> 'absent'",
    "UPDATE lost_try SET judge_at = ?1 WHERE judge_at > ?2", "UPDATE search SET next_at = ?1 WHERE next_at > ?2",
    "UPDATE dbt_account SET cooling_down_until = NULL WHERE cooling_down_until > ?2 AND ?1 > 0",
  ]
}
