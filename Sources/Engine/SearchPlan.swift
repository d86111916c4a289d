import ExecutionModel
import Ledger

/// Which of many times in which runs are looked for are asked about with one list. Pure.
///
/// One more list costs a call; a list over a gap costs the pages of what ran in the gap. So gaps are bridged as long as
/// fewer runs than a page holds are expected in them.
struct SearchPlan {
  /// Runs of a page of the API.
  static let pageSize = 100
  /// Pages that one list should have at most, so that what is lost with a killed process is asked again soon.
  static let pages = 10

  /// Runs per second that the account was seen to have; nil before the first answer.
  private(set) var density: Double?

  /// Seconds that may lie between two times of one list.
  var gap: Double { density.map { min(max(Double(Self.pageSize) / $0, 60), 7 * 86_400) } ?? 900 }
  /// Seconds that one list may cover, unless a single time is longer.
  var length: Double { max(gap, density.map { Double(Self.pageSize * Self.pages) / $0 } ?? 6 * 3_600) }

  /// The searches that are asked about together.
  struct Batch: Equatable {
    var searches: [DueSearch]
    var from: Instant
    var to: Instant
  }

  /// The newest of the searches with those that lie near.
  /// - Parameter due: newest first.
  func next(of due: [DueSearch]) -> Batch? {
    guard let newest = due.first else { return nil }
    var batch = Batch(searches: [], from: newest.from, to: newest.to)
    for search in due {
      let to = max(batch.to, search.to)
      let isNear = batch.from.seconds(since: search.to) <= gap
      let isShort = search.from >= batch.from || to.seconds(since: search.from) <= length
      guard batch.searches.isEmpty || (isNear && isShort) else { break }
      batch.searches.append(search)
      batch.from = min(batch.from, search.from)
      batch.to = to
    }
    return batch
  }

  /// Learns from a list how many runs the account has. Half of what was known before counts, so that one busy hour does
  /// not decide.
  mutating func note(runs: Int, seconds: Double) {
    guard seconds > 0 else { return }
    // No run at all says that there is less than one.
    let seen = max(Double(runs), 0.5) / seconds
    density = density.map { ($0 + seen) / 2 } ?? seen
  }
}
