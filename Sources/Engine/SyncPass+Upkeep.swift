import Ledger
import Platform

extension SyncPass {
  /// Seconds that a pass spends on it at most: the next one goes on.
  private static let upkeepSeconds = 10.0

  /// Deletes what need not be kept any longer, and gives the room back; unless a daemon does that, with which the ledger is
  /// shared.
  func tidy(into outcome: inout Outcome, seconds: Double = upkeepSeconds) async throws {
    guard workshop.works(as: .upkeep) else { return }
    let upkeep = workshop.upkeep()
    let end = monotonicSeconds() + seconds
    try await workshop.working(as: .upkeep) {
      while try await upkeep.step().hasMore, monotonicSeconds() < end { try Task.checkCancellation() }
    }
    let deleted = await upkeep.deleted
    outcome.deleted += deleted.dagRuns + deleted.dbtRuns
  }
}
