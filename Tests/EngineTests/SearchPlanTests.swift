import ExecutionModel
import Ledger
import Testing

@testable import Engine

@Suite struct SearchPlanTests {
  private func search(_ from: Int64, _ to: Int64) -> DueSearch {
    DueSearch(link: from, from: Instant(microseconds: from * 1_000_000), to: Instant(microseconds: to * 1_000_000))
  }

  private func links(_ plan: SearchPlan, _ due: [DueSearch]) -> [Int64] {
    plan.next(of: due.sorted { $0.from > $1.from })?.searches.map(\.link) ?? []
  }

  @Test func nothingIsDue() { #expect(SearchPlan().next(of: []) == nil) }

  @Test func timesThatOverlapOrLieNearAreOneList() throws {
    let due = [search(0, 10), search(1_000, 2_000), search(2_500, 2_600), search(2_550, 9_000)]
    #expect(links(SearchPlan(), due) == [2_550, 2_500, 1_000])
    let batch = try #require(SearchPlan().next(of: due.reversed()))
    #expect(batch.from == due[1].from && batch.to == due[3].to)
  }

  @Test func aListCoversSixHoursAtFirstUnlessOneTimeIsLonger() {
    #expect(links(SearchPlan(), (0..<100).map { search($0 * 600, $0 * 600 + 60) }).count == 36)
    #expect(links(SearchPlan(), [search(0, 900_000), search(100, 200)]) == [100])
    #expect(links(SearchPlan(), [search(0, 900_000)]) == [0])
  }

  @Test func aGapIsBridgedWhenAPageHoldsWhatIsExpectedInIt() {
    var quiet = SearchPlan()
    quiet.note(runs: 24, seconds: 86_400)
    #expect(abs(quiet.gap - 360_000) < 1 && quiet.length >= quiet.gap)
    var busy = SearchPlan()
    busy.note(runs: 10_000, seconds: 1_000)
    #expect(busy.gap == 60 && abs(busy.length - 100) < 1e-6)
    // An account without any run: not for ever, but for a week.
    var empty = SearchPlan()
    empty.note(runs: 0, seconds: 1e7)
    #expect(empty.gap == 7 * 86_400)
    empty.note(runs: 5, seconds: 0)
    #expect(empty.gap == 7 * 86_400)
  }
}
