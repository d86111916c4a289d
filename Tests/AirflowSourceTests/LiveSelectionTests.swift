import Testing

@testable import AirflowSource

@Suite struct LiveSelectionTests {
  private func selection(
    _ request: LiveRequest, filter: DagFilter = .all, new: [Int64] = [], late: [Int64] = [],
    open: [Int64] = [], remembered: [Int64] = []
  ) -> LiveSelection {
    var selection = LiveSelection(request, filter)
    for id in new.prefix(selection.newLimit) { selection.add(id: id, dagID: "d\(id)", reason: .new) }
    for id in late { selection.add(id: id, dagID: "d\(id)", reason: .late) }
    for id in open { selection.add(id: id, dagID: "d\(id)", reason: .open) }
    for id in remembered { selection.add(id: id, dagID: "d\(id)", reason: .remembered) }
    return selection
  }

  @Test func everyReasonCounts() {
    let selected = selection(
      LiveRequest(cursor: 10, knownInWindow: [8], remembered: [3, 4, 5]), new: [11, 12], late: [7, 8], open: [2, 12],
      remembered: [3, 5])
    #expect(selected.ids == [2, 3, 5, 7, 11, 12])
    #expect(selected.ids.filter(selected.isNew) == [7, 11, 12])
    #expect(selected.openIDs == [2, 12])
    #expect(selected.missing == [4])
    #expect(selected.cursor(12) == 12)
    #expect(selected.resumeAfter(12) == nil)
  }

  @Test func dagsThatAreNotReadMoveTheCursorAllTheSame() {
    let selected = selection(
      LiveRequest(cursor: 10, remembered: [4]), filter: DagFilter(exclude: ["d12", "d4"]), new: [11, 12],
      remembered: [4])
    #expect(selected.ids == [11])
    #expect(selected.excluded == [4])
    #expect(selected.missing == [])
    #expect(selected.cursor(11) == 12)
  }

  @Test func theWindowEndsAtTheFloor() {
    #expect(LiveSelection(LiveRequest(cursor: 5000), .all).windowFloor == 4000)
    #expect(LiveSelection(LiveRequest(cursor: 5000, floor: 4990), .all).windowFloor == 4990)
    #expect(LiveSelection(LiveRequest(cursor: 5000, rereadWindow: -1), .all).windowFloor == 5000)
  }

  /// Whatever is open or remembered, polling in small calls reads every new run once and every other one at least once.
  @Test func smallCallsReadEverything() {
    let seed = UInt64.random(in: .min ... .max)
    var random = SeededRandom(seed)
    for _ in 0..<300 {
      let top = Int64.random(in: 1...3000, using: &random)
      let existing = (1...top).filter { _ in Bool.random(using: &random) }
      let open = existing.filter { _ in Int.random(in: 0..<50, using: &random) == 0 }
      let start = Int64.random(in: 0...top, using: &random)
      let remembered = existing.filter { $0 <= start && $0 % 37 == 0 }
      var request = LiveRequest(
        cursor: start, rereadWindow: 0, remembered: remembered, maximumRuns: Int.random(in: 1...400, using: &random))
      let filter = DagFilter(exclude: ["d*7"])
      var new: [Int64] = []
      var read: Set<Int64> = []
      var calls = 0
      while true {
        let selected = selection(
          request, filter: filter, new: existing.filter { $0 > request.cursor }, open: open, remembered: remembered)
        // A call may stop early, as it does when a run is huge.
        let ids = selected.ids.prefix(Int.random(in: 1...400, using: &random))
        new += ids.filter(selected.isNew)
        read.formUnion(ids)
        request.cursor = selected.cursor(ids.last)
        request.resumeAfter = selected.resumeAfter(ids.last)
        calls += 1
        if request.resumeAfter == nil || calls > 10_000 { break }
      }
      let isRead = { (id: Int64) in !String(id).hasSuffix("7") }
      #expect(new == existing.filter { $0 > start && isRead($0) }, "seed \(seed)")
      #expect(read.isSuperset(of: (open + remembered).filter(isRead)), "seed \(seed)")
      #expect(request.cursor == max(start, existing.last ?? 0), "seed \(seed)")
    }
  }
}
