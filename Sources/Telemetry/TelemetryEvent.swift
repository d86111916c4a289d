/// Something that happened and that an operator may want to know: one line in the log and, where it is counted, one
/// change of a metric. Each event is a type of its own in the room where it happens, so that names and fields are
/// written down once.
public protocol TelemetryEvent: Sendable {
  /// How bad it is.
  var level: LogLevel { get }
  /// A stable name in snake_case, such as `airflow_poll_finished`.
  var name: String { get }
  /// One sentence for people. What varies belongs into ``fields``.
  var message: String { get }
  /// What the sentence is about: snake_case names, in the order to be shown.
  var fields: [TelemetryField] { get }
  /// What it changes in the metrics; counted even when the line's level is not logged.
  var metrics: [MetricChange] { get }
}

extension TelemetryEvent {
  public var fields: [TelemetryField] { [] }
  public var metrics: [MetricChange] { [] }
}

/// How bad an event is, as in syslog.
public enum LogLevel: String, Sendable, CaseIterable, Comparable {
  case debug, info, notice, warning, error

  /// syslog's severity (sd-daemon(3)): 3 error … 7 debug.
  public var priority: Int {
    switch self {
    case .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    }
  }

  public static func < (left: LogLevel, right: LogLevel) -> Bool { left.priority > right.priority }
}

/// One named value of an event.
public struct TelemetryField: Hashable, Sendable {
  public var name: String
  public var value: TelemetryValue

  public init(_ name: String, _ value: TelemetryValue) {
    self.name = name
    self.value = value
  }
}

/// A value of a log line. There is none for arbitrary objects, so that nothing is printed by accident; a
/// `Configuration.Secret` in particular cannot be passed.
public enum TelemetryValue: Hashable, Sendable {
  case text(String)
  case integer(Int64)
  case double(Double)
  case bool(Bool)
  /// A length of time, shown in seconds.
  case seconds(Double)
}

extension TelemetryValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
  public init(stringLiteral value: String) { self = .text(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(_ value: some BinaryInteger) { self = .integer(Int64(clamping: value)) }
  public init(_ value: String) { self = .text(value) }
}
