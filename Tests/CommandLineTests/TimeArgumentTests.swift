import ExecutionModel
import Testing

@testable import CommandLine

struct TimeArgumentTests {
  private let now = Instant("2026-11-20T12:00:00Z")!  // a valid time, as TimeArgument's own tests show

  @Test(arguments: [
    ("2026-11-20", "2026-11-20T00:00:00.000000Z"), ("2026-11-20T07:30", "2026-11-20T07:30:00.000000Z"),
    ("2026-11-20T07:30:05Z", "2026-11-20T07:30:05.000000Z"), ("2026-11-20 07:30:05", "2026-11-20T07:30:05.000000Z"),
    ("2026-11-20T07:30:05+02:00", "2026-11-20T05:30:05.000000Z"), ("2h", "2026-11-20T10:00:00.000000Z"),
    ("1d12h", "2026-11-19T00:00:00.000000Z"), ("500ms", "2026-11-20T11:59:59.500000Z"),
  ])
  func isRead(_ text: String, _ expected: String) throws {
    #expect(try #require(TimeArgument(text)).instant(now: now).rfc3339 == expected)
  }

  @Test(arguments: [
    "", "now", "yesterday", "2026", "2026-13-01", "2026-02-30", "12:00", "-2h", "2", "2026-11-20T25:00",
  ])
  func anythingElseIsNot(_ text: String) {
    #expect(TimeArgument(text) == nil)
  }
}
