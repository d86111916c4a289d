import Testing

@testable import Engine

@Suite struct ReadsUnderWayTests {
  @Test func whatOthersKeptSinceAReadBeganIsNamed() {
    var reads = ReadsUnderWay()
    let page = reads.begin()
    let poll = reads.begin()
    reads.kept([1, 2], by: poll)
    #expect(reads.keptByOthers(since: page) == [1, 2])
    #expect(reads.keptByOthers(since: poll) == [])
    reads.end(poll)
    let next = reads.begin()
    #expect(reads.keptByOthers(since: next) == [], "what was kept before is no news")
    reads.kept([2, 3], by: next)
    #expect(reads.keptByOthers(since: page) == [1, 2, 3])
  }

  @Test func aReadThatEndedHearsOfNothing() {
    var reads = ReadsUnderWay()
    let page = reads.begin()
    reads.end(page)
    let poll = reads.begin()
    reads.kept([1], by: poll)
    #expect(reads.keptByOthers(since: page) == [])
  }
}
