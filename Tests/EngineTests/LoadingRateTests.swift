import Testing

@testable import Engine

@Suite struct LoadingRateTests {
  @Test func nothingLoadedHasNoRate() { #expect(LoadingRate().perSecond == nil) }

  @Test func theRateIsThatOfTheLastSeconds() throws {
    var rate = LoadingRate()
    rate.add(100, in: 2)
    #expect(rate.perSecond == 50)
    for _ in 1...40 { rate.add(1000, in: 1) }
    let lately = try #require(rate.perSecond)
    #expect(abs(lately - 1000) < 25, "what was slow long ago has faded: \(lately)")
  }

  @Test func aPageThatTookNoTimeDividesByNothing() {
    var rate = LoadingRate()
    rate.add(5, in: 0)
    #expect(rate.perSecond == nil)
    rate.add(5, in: 1)
    #expect(rate.perSecond == 10)
  }
}
