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
  /// Was not carried out, most often because something upstream failed. Nothing failed here.
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
    case "skipped", "skip": self = .skipped
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
