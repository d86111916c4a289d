import ExecutionModel
import Testing

@testable import OpenLineage

@Suite struct TestFindingTests {
  private func finding(
    _ status: String, failures: Int64? = nil, severity: String? = nil, warnIf: String? = nil, errorIf: String? = nil,
    test: String? = "not_null"
  ) -> TestFinding {
    var node = DbtNode(uniqueID: "test.p.t")
    (node.name, node.test, node.severity, node.warnIf, node.errorIf) = ("t", test, severity, warnIf, errorIf)
    var result = DbtNodeResult(uniqueID: "test.p.t", status: status)
    result.failures = failures
    return TestFinding(.init(result: result, node: node))
  }

  @Test func aWarningIsNoSuccessAndNoError() {
    let warning = finding("warn", failures: 2, severity: "error", warnIf: "> 1", errorIf: "> 10")
    #expect(!warning.isSuccess && warning.severity == "warn")
    #expect(warning.actual == "2" && warning.expected == "> 1")
    let failure = finding("fail", failures: 12, severity: "error", warnIf: "> 1", errorIf: "> 10")
    #expect(!failure.isSuccess && failure.severity == "error" && failure.expected == "> 10")
  }

  @Test func whatDbtDoesNotSayIsNotMadeUp() {
    let error = finding("error")
    #expect(!error.isSuccess && error.actual == nil && error.expected == nil && error.severity == "error")
  }

  @Test(arguments: ["!= 0", "!=0", "", nil])
  func byDefaultNoRowMayFail(_ limit: String?) {
    #expect(finding("pass", failures: 0, errorIf: limit).expected == "0")
  }

  @Test func theKindIsWithoutItsPackage() {
    #expect(finding("pass", test: "dbt_utils.equality").kind == "equality")
    #expect(finding("pass", test: nil).kind == "t")
  }
}
