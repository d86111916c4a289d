/// How a test or the freshness of a source came out, in one word for all versions of dbt.
public enum DbtOutcome: Hashable, Sendable, CustomStringConvertible {
  case pass
  /// Found something, which the project calls a warning. dbt writes this also for a test of severity `error` whose
  /// count is beyond `warn_if` and within `error_if`.
  case warn
  /// Found something.
  case fail
  /// Could not be carried out.
  case error
  /// Was not carried out: something upstream failed, or dbt knew what would come of it. It says nothing about what it
  /// tests.
  case skipped
  /// A status that is not known, as it was written.
  case other(String)

  /// - Parameters:
  ///   - status: as dbt writes it, in run_results.json or sources.json.
  ///   - failures: rows that failed, where a result has them.
  ///   - severity: `config.severity` of a test.
  public init(status: String, failures: Int64? = nil, severity: String? = nil) {
    switch status.lowercased() {
    case "pass", "passed": self = .pass
    case "warn": self = .warn
    case "fail", "failed": self = .fail
    case "error", "runtime error": self = .error
    case "skipped", "skip", "no-op", "reused": self = .skipped
    case "success":
      // The test was carried out: whether it found something is in the count alone.
      if let failures, failures > 0 {
        self = severity?.lowercased() == "warn" ? .warn : .fail
      } else {
        self = .pass
      }
    default: self = .other(status)
    }
  }

  /// Whether somebody should look: the test found what the project calls an error, or could not be carried out.
  public var isFailing: Bool { self == .fail || self == .error }

  /// pass, warn, fail, error, skipped, or the status as it was.
  public var description: String {
    switch self {
    case .pass: "pass"
    case .warn: "warn"
    case .fail: "fail"
    case .error: "error"
    case .skipped: "skipped"
    case .other(let status): status
    }
  }
}

extension DbtOutcome {
  /// The outcome of a test; nil for the result of anything else.
  public init?(_ result: DbtNodeResult) {
    let type = result.resourceType ?? result.uniqueID.split(separator: ".").first.map(String.init)
    guard type == "test" || type == "unit_test" else { return nil }
    self.init(status: result.status, failures: result.failures, severity: result.severity)
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
