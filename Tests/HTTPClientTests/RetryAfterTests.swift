import HTTPClient
import Testing

@Suite struct RetryAfterTests {
  /// Sun, 06 Nov 1994 08:49:37 GMT, in microseconds.
  private static let date: Int64 = 784_111_777_000_000

  @Test(arguments: [
    ("0", 0.0), ("120", 120.0), (" 7 \t", 7.0), ("1.5", 1.5), ("99999999999999999999", 1e20),
  ])
  func secondsAreSeconds(header: String, seconds: Double) {
    #expect(RetryAfter.seconds(header, now: Self.date) == seconds)
  }

  @Test(arguments: ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
  func everyFormOfADateIsRead(header: String) {
    #expect(RetryAfter.seconds(header, now: Self.date - 90_500_000) == 90.5)
    #expect(RetryAfter.seconds(header, now: Self.date) == 0)
    #expect(RetryAfter.seconds(header, now: Self.date + 1_000_000) == 0)
  }

  @Test(arguments: ["", " ", "-1", "soon", "1e5", "0x10", "12 34", "1.2.3", "Sun, 99 Foo 1994", "NaN", "٣", "inf"])
  func anythingElseIsNothing(header: String) {
    #expect(RetryAfter.seconds(header, now: Self.date) == nil)
  }
}
