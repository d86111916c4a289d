import ExecutionModel
import Ledger

/// Keeps the ledger within its bounds: deletes delivered history that is older than it is kept, then what nothing speaks of
/// any more, and gives the room back. In small steps, between which others write.
actor Upkeep {
  /// What a step did.
  struct Outcome: Sendable {
    /// What a pass has deleted that came to its end with this step.
    var finished: RetentionOutcome?
    /// What is put off since, or no longer.
    var levels: [LedgerStatus.RoomChange] = []
    /// Whether another step is due at once.
    var hasMore = false
  }

  private let ledger: Ledger
  private let expectsSources: Bool
  private let clock: @Sendable () -> Int64

  private var cursor: RetentionCursor?
  private var horizon: Instant?
  /// What the pass under way, or the last one, has deleted.
  private(set) var deleted = RetentionOutcome()
  private var nextPassAt: Int64?

  /// Microseconds between two passes.
  private static let interval: Int64 = 3_600_000_000

  /// - Parameter expectsSources: whether there are Airflow databases, whose clocks count.
  init(ledger: Ledger, expectsSources: Bool, clock: @escaping @Sendable () -> Int64) {
    self.ledger = ledger
    self.expectsSources = expectsSources
    self.clock = clock
  }

  func step() async throws -> Outcome {
    var outcome = Outcome()
    outcome.levels = try await ledger.roomChanges()
    if cursor == nil, isDue, let horizon = await ledger.horizon(expectsSources: expectsSources) {
      (cursor, self.horizon, deleted) = (RetentionCursor(), horizon, RetentionOutcome())
    }
    if let cursor, let horizon {
      let slice = try await ledger.deleteHistory(before: horizon, from: cursor)
      deleted += slice.deleted
      self.cursor = slice.next
      if slice.next == nil {
        nextPassAt = clock() + Self.interval
        try await ledger.note(deleted)
        if !deleted.isEmpty { outcome.finished = deleted }
      }
      outcome.hasMore = true
      return outcome
    }
    let slice = try await ledger.collectNodes()
    if slice.deleted > 0 {
      outcome.finished = RetentionOutcome()
      outcome.finished?.nodes = slice.deleted
    }
    outcome.hasMore = slice.isFinished ? try await ledger.shrink() : true
    return outcome
  }

  /// A clock that was set back does not put it off for longer than an interval.
  private var isDue: Bool {
    guard let nextPassAt else { return true }
    return clock() >= nextPassAt || nextPassAt - clock() > Self.interval
  }
}
