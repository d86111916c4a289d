/// What is kept and sent of what others have written: `record:`.
public struct RecordConfiguration: Sendable, Hashable {
  public var conf: ConfPolicy
  public var messages: MessagePolicy
  /// Names that hold secrets, besides those that Airflow knows.
  public var sensitiveNames: [String] = []
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
  /// Values whose name looks like a secret's, and passwords in addresses, become `***`.
  case redact
  case drop
}
