import Testing

@testable import Platform

@Suite struct FailpointTests {
  /// What `scripts/torture` and the documentation name.
  @Test func pointsAreKnownByTheirNames() {
    #expect(
      Failpoint.allCases.map(\.rawValue) == [
        "read", "correlate", "fetch", "commit", "committed", "send", "answer", "acknowledge",
      ])
  }

  #if FAILPOINTS
    @Test(arguments: Failpoint.allCases)
    func aWishIsAPointAndANumberOfPasses(_ point: Failpoint) throws {
      let wish = try #require(Wish("\(point.rawValue):3"))
      #expect(wish.point == point)
      #expect((1...4).map { _ in wish.count.pass() } == [false, false, true, false])
    }

    @Test(arguments: ["", "commit", "commit:", "commit:0", "commit:-1", "commit:x", "commits:1", "commit:1:2", ":1"])
    func whatIsNoWishIsPassedOver(_ text: String) { #expect(Wish(text) == nil) }
  #endif
}
