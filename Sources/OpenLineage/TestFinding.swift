import ExecutionModel

/// What a test says of what it tests, as OpenLineage has it: whether it found anything, and how bad that is.
struct TestFinding: Hashable {
  /// `not_null`; of a test without a generic name its own.
  var kind: String
  var name: String
  /// Nothing was found. A warning is no success, and does not fail the run either.
  var isSuccess: Bool
  /// error, warn
  var severity: String
  /// How many rows failed.
  var actual: String?
  /// How many may fail.
  var expected: String?

  init(_ test: DbtNodeExecution.Result) {
    let (result, node) = (test.result, test.node)
    let outcome = DbtOutcome(
      status: result.status, failures: result.failures, severity: node.severity ?? result.severity)
    name = node.name ?? result.name ?? result.uniqueID
    // The dbt integration writes the name without its package.
    kind = (node.test ?? result.test).map { String($0.split(separator: ".").last ?? "") } ?? name
    isSuccess = outcome == .pass
    severity = outcome == .warn ? "warn" : node.severity ?? result.severity ?? "error"
    guard let failures = result.failures else { return }
    actual = String(failures)
    let threshold = outcome == .warn || severity == "warn" ? node.warnIf : node.errorIf
    expected = threshold.flatMap { $0.isEmpty || $0.filter { $0 != " " } == "!=0" ? nil : $0 } ?? "0"
  }
}
