import ExecutionModel

/// How much of what was read goes into a record (`record:` and `sinks[].results` of the configuration).
public struct RecordOptions: Hashable, Sendable {
  /// What becomes of `dag_run.conf`.
  public enum Conf: String, Hashable, Sendable, CaseIterable {
    /// Values that look like secrets become `***`.
    case redact
    /// As it is.
    case keep
    /// Null.
    case drop
  }

  /// What becomes of messages of dbt and dbt Cloud, which can hold pieces of data.
  public enum Messages: String, Hashable, Sendable, CaseIterable {
    case keep
    /// Values that look like secrets become `***`.
    case redact
    /// Null.
    case drop
  }

  /// Which results of a dbt run are written.
  public enum Results: String, Hashable, Sendable, CaseIterable {
    case all
    /// Only those that are neither a success nor a warning nor skipped. A status that is not known counts as failed.
    case failed
    case none
  }

  public var conf: Conf
  public var messages: Messages
  public var results: Results
  /// What looks like a secret.
  public var redaction: Redaction

  public init(
    conf: Conf = .redact, messages: Messages = .keep, results: Results = .all, redaction: Redaction = .standard
  ) {
    self.redaction = redaction
    self.conf = conf
    self.messages = messages
    self.results = results
  }

  /// Statuses of dbt (`run_results[].status`, `sources.json`) that are not a failure.
  public static let passedStatuses: Set<String> = ["success", "pass", "warn", "skipped", "no-op", "reused"]

  /// A message of dbt or dbt Cloud as it is shown.
  public func shown(message: String?) -> String? {
    switch messages {
    case .keep: message
    case .redact: message.map(redaction.redacted)
    case .drop: nil
    }
  }

  func writes(status: String) -> Bool {
    switch results {
    case .all: true
    case .failed: !Self.passedStatuses.contains(status)
    case .none: false
    }
  }
}
