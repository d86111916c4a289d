import Glibc

/// A place at which the process can be made to kill itself as it passes, for `scripts/torture`. Only in debug builds:
/// a release build passes without a look.
///
/// `AIRFLOW_SYNCER_FAILPOINT=commit:17` kills with SIGKILL when `commit` is passed for the 17th time.
public enum Failpoint: String, CaseIterable, Sendable {
  /// A snapshot of Airflow was read; nothing of it is kept yet.
  case read
  /// Rows, links and outbox of a read are written; the transaction is still open.
  case correlate
  /// A dbt run was fetched with its artifacts; it is not kept yet.
  case fetch
  /// A write transaction of the ledger is about to be committed.
  case commit
  /// A write transaction of the ledger was committed; nobody knows yet.
  case committed
  /// An event or a line is about to be sent.
  case send
  /// The backend has answered, or the file was written; the ledger does not know yet.
  case answer
  /// The ledger is writing down what was delivered; the transaction is still open.
  case acknowledge

  #if FAILPOINTS
    /// Comes here, and perhaps no further.
    public func pass() {
      guard let wish = Self.wish, wish.point == self else { return }
      if wish.count.pass() { kill(getpid(), SIGKILL) }
    }

    private static let wish = Wish(getenv("AIRFLOW_SYNCER_FAILPOINT").map { String(cString: $0) } ?? "")
  #else
    @inlinable public func pass() {}
  #endif
}

#if FAILPOINTS
  import Synchronization

  /// Where to end, and after how many passes.
  struct Wish: Sendable {
    let point: Failpoint
    let count: Countdown

    /// nil unless `text` is a point and a number from 1, with a colon between.
    init?(_ text: String) {
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 2, let point = Failpoint(rawValue: String(parts[0])), let passes = Int(parts[1]), passes > 0
      else { return nil }
      self.point = point
      count = Countdown(passes)
    }
  }

  /// Counts passes from any thread.
  final class Countdown: Sendable {
    private let left: Atomic<Int>

    init(_ passes: Int) { left = Atomic(passes) }

    /// Whether this pass is the last.
    func pass() -> Bool { left.subtract(1, ordering: .relaxed).newValue == 0 }
  }
#endif
