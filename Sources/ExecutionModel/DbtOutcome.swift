/// What came of a check: a test, or the freshness of a source.
public enum DbtOutcome: Hashable, Sendable {
  case pass
  /// Rows were found that should not be there, and the project says that this is no failure.
  case warn
  case fail
  /// The check itself could not be done.
  case error
  /// It was not done, which says nothing about what it would have found.
  case skipped
  /// A status that is not known, as dbt wrote it.
  case unknown(String)

  /// The outcome of a test.
  /// - Parameters:
  ///   - status: `run_results[].status`. It has been decided with `warn_if`, `error_if` and the severity already: a
  ///     `warn` is a warning with severity `error` too.
  ///   - failures: failing rows; nil when the test did not come so far.
  ///   - severity: `config.severity`, lower case.
  public init(status: String, failures: Int64?, severity: String?) {
    switch status {
    case "pass", "success": self = .pass
    case "warn": self = .warn
    case "fail": self = severity == "warn" && failures != nil ? .warn : .fail
    case "error", "runtime error": self = .error
    case "skipped", "no-op", "reused": self = .skipped
    default: self = .unknown(status)
    }
  }

  /// The outcome of looking at a source's freshness (`sources.json`): `error` says that the source is older than
  /// `error_after` allows, `runtime error` that it could not be looked at.
  public init(freshness status: String) {
    self = status == "error" ? .fail : DbtOutcome(status: status, failures: nil, severity: nil)
  }

  /// The word for it.
  public var text: String {
    switch self {
    case .pass: "pass"
    case .warn: "warn"
    case .fail: "fail"
    case .error: "error"
    case .skipped: "skipped"
    case .unknown(let status): status
    }
  }

  /// Reads ``text``.
  public init(text: String) {
    switch text {
    case "pass": self = .pass
    case "warn": self = .warn
    case "fail": self = .fail
    case "error": self = .error
    case "skipped": self = .skipped
    default: self = .unknown(text)
    }
  }

  /// Whether somebody has to look: a failure, an error, or a status that is not known.
  public var isFailing: Bool {
    switch self {
    case .pass, .warn, .skipped: false
    case .fail, .error, .unknown: true
    }
  }
}
