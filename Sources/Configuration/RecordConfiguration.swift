/// What goes into records as it came: `record:`.
public struct RecordConfiguration: Sendable, Hashable {
  public var conf: ConfPolicy
  public var messages: MessagePolicy
}

/// What becomes of a DAG run's `conf`.
public enum ConfPolicy: String, Sendable, CaseIterable {
  /// Values whose key looks like a secret's become `***`.
  case redact
  case keep
  case drop
}

/// What becomes of the messages in dbt's results, which may quote data.
public enum MessagePolicy: String, Sendable, CaseIterable {
  case keep
  case drop
}
