import ExecutionModel
import Testing

@Suite struct DbtOutcomeTests {
  private static let cases: [(String, Int64?, String?, DbtOutcome)] = [
    ("pass", 0, "error", .pass), ("pass", 3, "error", .pass), ("fail", 3, "error", .fail), ("fail", 3, nil, .fail),
    // custom warn_if and error_if
    ("warn", 3, "error", .warn), ("warn", 3, "warn", .warn),
    ("error", nil, "error", .error), ("error", nil, "warn", .error), ("runtime error", nil, nil, .error),
    ("skipped", nil, "error", .skipped), ("SKIPPED", nil, nil, .skipped),
    ("success", 0, "error", .pass), ("success", 2, "error", .fail), ("success", 2, "WARN", .warn),
    ("success", nil, nil, .pass), ("no-op", nil, nil, .skipped), ("Reused", 0, nil, .skipped),
    ("vanished", 0, nil, .other("vanished")),
  ]
  @Test(arguments: cases)
  func outcomeComesFromStatusAndFailures(
    _ status: String, _ failures: Int64?, _ severity: String?, _ expected: DbtOutcome
  ) {
    #expect(DbtOutcome(status: status, failures: failures, severity: severity) == expected)
  }

  @Test func skippedAndWarnAreNotFailing() {
    let failing = ["pass", "warn", "fail", "error", "skipped", "reused"].filter { DbtOutcome(status: $0).isFailing }
    #expect(failing == ["fail", "error"])
  }

  @Test(arguments: ["pass", "warn", "fail", "error", "skipped", "vanished"])
  func theWordIsTheStatus(_ status: String) {
    #expect(DbtOutcome(status: status).description == status)
  }

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
