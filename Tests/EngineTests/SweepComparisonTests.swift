import ExecutionModel
import Testing

@testable import AirflowSource
@testable import Engine
@testable import Ledger

@Suite struct SweepComparisonTests {
  private func at(_ day: Int64) -> Instant { Instant(microseconds: day * 86_400_000_000) }

  private func swept(_ id: Int64, _ fingerprint: Int64, day: Int64 = 100, isOpen: Bool = false) -> SweptRun {
    SweptRun(id: id, dagID: "d", isOpen: isOpen, moment: at(day), fingerprint: fingerprint)
  }

  private func kept(
    _ id: Int64, _ fingerprint: Int64?, day: Int64 = 100, isOpen: Bool = false, isRemoved: Bool = false
  ) -> KeptRun {
    KeptRun(
      sourceID: id, dagID: "d", startDate: at(day), moment: at(day), fingerprint: fingerprint, isOpen: isOpen,
      isRemoved: isRemoved)
  }

  /// First contact was at id 50; polls have come to 200, history is loaded.
  private func progress(
    below: Int64? = 1, isDone: Bool = true, since: Instant? = nil
  ) -> InstanceProgress {
    InstanceProgress(
      id: 1, cursor: 200, floor: 50, backfillBelow: below, isBackfillDone: isDone, backfillSince: since, openRuns: [])
  }

  private func slice(_ runs: [SweptRun], through last: Int64 = 200, isFinished: Bool = true) -> SweepBatch {
    var batch = SweepBatch(after: 0, lastID: last, moment: ReadMoment(readAt: at(101), isReplica: false))
    batch.runs = runs
    batch.isFinished = isFinished
    return batch
  }

  private func compare(
    _ runs: [SweptRun], _ kept: [KeptRun], progress: InstanceProgress? = nil, remembered: Set<Int64> = [],
    isFinished: Bool = true
  ) -> SweepComparison {
    SweepComparison(
      slice(runs, isFinished: isFinished), kept, since: at(90), progress: progress ?? self.progress(),
      remembered: remembered)
  }

  @Test func onlyWhatDiffersIsReadAgain() {
    let result = compare(
      [swept(1, 10), swept(2, 20), swept(3, 30)], [kept(1, 10), kept(2, 21), kept(3, nil)])
    #expect(result.differing == [2, 3])
    #expect(result.unseen == [])
  }

  @Test func openRunsAreThePolls() {
    #expect(compare([swept(1, 10, isOpen: true)], [kept(1, nil, isOpen: true)]).differing == [])
  }

  @Test func aRunThatClosedSinceTheLastPollIsRead() {
    #expect(compare([swept(1, 10)], [kept(1, nil, isOpen: true)], remembered: [1]).differing == [1])
  }

  @Test func aRunThatWasTakenForGoneAndIsThereIsRead() {
    #expect(compare([swept(1, 10)], [kept(1, 10, isRemoved: true)]).differing == [1])
  }

  @Test func aRunThatIsKeptAndNotShownIsLookedFor() {
    #expect(compare([swept(1, 10)], [kept(1, 10), kept(2, 20)]).unseen == [2])
    #expect(compare([swept(1, 10)], [kept(1, 10), kept(2, 20, isRemoved: true)]).unseen == [], "that is known")
    #expect(compare([], [kept(2, nil, isOpen: true)], remembered: [2]).unseen == [], "polls look for it")
    #expect(compare([], [kept(2, 20, day: 80)]).unseen == [], "older than the sweep looks")
    #expect(compare([], [kept(201, 20)]).unseen == [], "a poll that is under way has kept it")
  }

  @Test func aSliceSaysNothingOfWhatLiesBehindIt() {
    let slice = slice([swept(1, 10)], through: 1, isFinished: false)
    let result = SweepComparison(slice, [kept(2, 20)], since: nil, progress: progress(), remembered: [])
    #expect(result.unseen == [])
  }

  /// An id that was taken early and committed late.
  @Test func aRunThatNeitherPollsNorHistoryWillReadIsRead() {
    #expect(compare([swept(150, 10)], []).differing == [150])
    #expect(compare([swept(30, 10)], []).differing == [30], "below first contact")
    #expect(compare([swept(201, 10)], []).differing == [], "the next poll reads it")
  }

  @Test func historyThatIsNotLoadedYetIsLeftToHistory() {
    let loading = progress(below: 30, isDone: false)
    #expect(compare([swept(29, 10), swept(30, 10)], [], progress: loading).differing == [30])
    #expect(
      compare([swept(50, 10), swept(51, 10)], [], progress: progress(below: nil, isDone: false)).differing == [51])
  }

  @Test func historyThatIsNotWantedIsNotRead() {
    let young = progress(since: at(100))
    #expect(compare([swept(10, 1, day: 99), swept(11, 1, day: 100)], [], progress: young).differing == [11])
  }
}
