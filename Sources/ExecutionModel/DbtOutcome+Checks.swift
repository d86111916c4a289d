extension DbtOutcome {
  /// The outcome of a test; nil for the result of anything else. A test that dbt did not carry out, because it knew what
  /// would come of it, says as little as one that was skipped.
  public init?(_ result: DbtNodeResult) {
    let type = result.resourceType ?? result.uniqueID.split(separator: ".").first.map(String.init)
    guard type == "test" || type == "unit_test" else { return nil }
    switch result.status {
    case "no-op", "reused": self = .skipped
    default: self.init(status: result.status, failures: result.failures, severity: result.severity)
    }
  }

  /// The outcome of looking at a source's freshness (`sources.json`): `error` says that the source is older than
  /// `error_after` allows, which is a failure; `runtime error` that it could not be looked at.
  public init(freshness status: String) { self = status == "error" ? .fail : DbtOutcome(status: status) }

  /// Reads ``description``.
  public init(text: String) {
    switch text {
    case "pass": self = .pass
    case "warn": self = .warn
    case "fail": self = .fail
    case "error": self = .error
    case "skipped": self = .skipped
    default: self = .other(text)
    }
  }
}
