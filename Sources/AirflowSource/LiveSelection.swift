/// Which runs a poll reads, from the ids that the database answered with. Pure.
struct LiveSelection {
  enum Reason: Int64 { case new = 1, late, open, remembered, highest }

  private let request: LiveRequest
  private let filter: DagFilter
  private var decisions: [String: Bool] = [:]
  private var reasons: [Int64: Set<Reason>] = [:]
  private var isExcluded: Set<Int64> = []
  private var newRows = 0
  private(set) var databaseHighestID: Int64 = 0

  init(_ request: LiveRequest, _ filter: DagFilter) {
    self.request = request
    self.filter = filter
  }

  /// How many new ids one call looks at: more than it reads, for DAGs that are not read cost nothing more.
  var newLimit: Int { max(request.maximumRuns, 1000) }

  /// Ids at or below are not looked at again.
  var windowFloor: Int64 { max(request.cursor - max(request.rereadWindow, 0), request.floor) }

  mutating func add(id: Int64, dagID: String, reason: Reason) {
    switch reason {
    case .highest:
      databaseHighestID = id
      return
    case .late where request.knownInWindow.contains(id): return
    case .new: newRows += 1
    default: break
    }
    let isRead = decisions[dagID] ?? filter.includes(dagID)
    decisions[dagID] = isRead
    if !isRead { isExcluded.insert(id) }
    reasons[id, default: []].insert(reason)
  }

  /// Ids to read in this call, rising, without those of the calls before.
  var ids: [Int64] { Array(all.prefix(max(request.maximumRuns, 1))) }

  private var all: [Int64] {
    let bound = bound ?? .max
    return reasons.filter { id, reasons in
      !isExcluded.contains(id) && id <= bound && (id > request.resumeAfter ?? .min || reasons.contains(.new))
    }.keys.sorted()
  }

  /// The highest id of this call when the limit cut the new ones off; nil when it has got them all.
  private var bound: Int64? { newRows < newLimit ? nil : highestNew(upTo: .max) }

  private func highestNew(upTo limit: Int64) -> Int64? {
    reasons.lazy.filter { $0.key <= limit && $0.value.contains(.new) }.map(\.key).max()
  }

  var openIDs: [Int64] { included(.open) }
  var excluded: [Int64] { request.remembered.filter(isExcluded.contains).sorted() }
  var missing: [Int64] { request.remembered.filter { !has($0, .remembered) }.sorted() }

  func isNew(_ id: Int64) -> Bool { has(id, .new) || has(id, .late) }

  func isOpen(_ id: Int64) -> Bool { has(id, .open) }

  /// Where the next call goes on when this one read all up to `last`; nil when nothing is left.
  func resumeAfter(_ last: Int64?) -> Int64? {
    (last == all.last ? bound : last).map { max($0, request.resumeAfter ?? $0) }
  }

  /// The cursor when this call read all up to `last`.
  func cursor(_ last: Int64?) -> Int64 {
    max(request.cursor, highestNew(upTo: last.flatMap { $0 == all.last ? nil : $0 } ?? .max) ?? request.cursor)
  }

  private func has(_ id: Int64, _ reason: Reason) -> Bool { reasons[id]?.contains(reason) ?? false }

  private func included(_ reason: Reason) -> [Int64] {
    reasons.filter { $0.value.contains(reason) && !isExcluded.contains($0.key) }.keys.sorted()
  }
}
