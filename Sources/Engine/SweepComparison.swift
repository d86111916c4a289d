import AirflowSource
import ExecutionModel
import Ledger

/// What a slice of a sweep shows that the ledger does not hold. Pure.
struct SweepComparison {
  /// Runs to be read again, by rising id: they differ, or were never read.
  private(set) var differing: [Int64] = []
  /// Runs that the ledger holds and that the slice should have shown.
  private(set) var unseen: [Int64] = []

  /// - Parameters:
  ///   - kept: the ledger's runs between the slice's bounds.
  ///   - since: as the slice was asked for.
  ///   - progress: how far polls and history have come; they read what lies beyond.
  ///   - remembered: runs that polls look for until they are seen closed or gone.
  init(
    _ slice: SweepBatch, _ kept: [KeptRun], since: Instant?, progress: InstanceProgress, remembered: Set<Int64>
  ) {
    var known: [Int64: KeptRun] = [:]
    // A run that is gone stands beside none of the same id; the one that is there counts.
    for run in kept where known[run.sourceID]?.isRemoved ?? true { known[run.sourceID] = run }
    for run in slice.runs where !run.isOpen {
      if let ours = known[run.id] {
        if ours.isRemoved || ours.isOpen || ours.fingerprint != run.fingerprint { differing.append(run.id) }
      } else if Self.isOverlooked(run, progress) {
        differing.append(run.id)
      }
    }
    unseen = slice.unseen(
      of: kept.lazy.filter { run in
        !run.isRemoved && !remembered.contains(run.sourceID) && run.sourceID <= progress.cursor
          && (since.map { since in run.moment.map { $0 >= since } ?? false } ?? true)
      }.map(\.sourceID))
  }

  /// Whether a run that the ledger does not hold should be there: neither polls nor history will come to it any more. An
  /// id that was taken early and committed late may lie below where both began.
  private static func isOverlooked(_ run: SweptRun, _ progress: InstanceProgress) -> Bool {
    guard run.id <= progress.cursor else { return false }
    guard let floor = progress.floor, run.id <= floor else { return true }
    if !progress.isBackfillDone, run.id < progress.backfillBelow ?? floor + 1 { return false }
    guard let since = progress.backfillSince else { return true }
    return run.moment.map { $0 >= since } ?? false
  }
}
