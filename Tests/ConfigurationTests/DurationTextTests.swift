import Testing

@testable import Configuration

struct DurationTextTests {
  @Test(arguments: [
    ("0s", Duration.zero), ("5s", .seconds(5)), ("200ms", .milliseconds(200)), ("1h30m", .seconds(5400)),
    ("30d", .seconds(2_592_000)), ("2w", .seconds(1_209_600)), ("1d2h3m4s5ms", .milliseconds(93_784_005)),
    ("90s", .seconds(90)), ("36525d", .seconds(36_525 * 86_400)),
  ])
  func isRead(_ text: String, _ duration: Duration) {
    #expect(Duration(configured: text) == duration)
    #expect(Duration(configured: duration.configuredText) == duration)
  }

  @Test(arguments: [
    "", "5", "s", "5 s", "5S", "-5s", "+5s", "1.5h", "1m1h", "5s5s", "5x", "5sec", "1h 30m", "36526d", "５s",
    "99999999999999999999s", "999999999999999w", "5s\n",
  ])
  func anythingElseIsNot(_ text: String) {
    #expect(Duration(configured: text) == nil)
  }

  @Test func isWrittenInFewUnits() {
    #expect(Duration.seconds(90).configuredText == "1m30s")
    #expect(Duration.seconds(86_400).configuredText == "1d")
    #expect(Duration.milliseconds(1).configuredText == "1ms")
    #expect(Duration.zero.configuredText == "0s")
    #expect(Duration.milliseconds(1500).totalSeconds == 1.5)
  }
}
