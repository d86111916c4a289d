import ExecutionModel
import Testing

struct DbtOutcomeChecksTests {
  @Test(
    arguments: [
      ("test.a.b", nil, "fail", .fail), ("unit_test.a.b", nil, "pass", .pass), ("x", "test", "warn", .warn),
      ("x", "unit_test", "error", .error), ("test.a.b", nil, "reused", .skipped), ("test.a.b", nil, "no-op", .skipped),
      ("test.a.b", nil, "skipped", .skipped), ("test.a.b", nil, "vanished", .other("vanished")),
      ("model.a.b", nil, "error", nil), ("test.a.b", "operation", "error", nil), ("", nil, "fail", nil),
    ] as [(String, String?, String, DbtOutcome?)])
  func onlyTestsHaveOne(_ uniqueID: String, _ type: String?, _ status: String, _ outcome: DbtOutcome?) {
    var result = DbtNodeResult(uniqueID: uniqueID, status: status)
    result.resourceType = type
    #expect(DbtOutcome(result) == outcome)
  }

  @Test func aStaleSourceFailsAndOneThatCannotBeLookedAtIsAnError() {
    let outcomes = ["pass", "warn", "error", "runtime error", "late"].map { DbtOutcome(freshness: $0) }
    #expect(outcomes == [.pass, .warn, .fail, .error, .other("late")])
  }

  @Test(arguments: [.pass, .warn, .fail, .error, .skipped, .other("late")] as [DbtOutcome])
  func aWordIsReadBack(_ outcome: DbtOutcome) { #expect(DbtOutcome(text: outcome.description) == outcome) }
}
