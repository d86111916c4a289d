import Configuration
import ExecutionModel

/// A time on the command line.
public enum TimeArgument: Hashable, Sendable {
  case at(Instant)
  /// So long before now.
  case ago(Duration)

  /// The forms that are read, for messages and the help.
  public static let forms = "a time such as 2026-11-20, 2026-11-20T07:00:00Z, or 2h, 3d (ago)"

  /// A date (midnight UTC), a date with a clock (UTC unless it says otherwise), or a duration (`2h`, `1d12h`).
  public init?(_ text: String) {
    if let duration = Duration(configured: text) {
      self = .ago(duration)
    } else if let instant = Instant(text) ?? Instant("\(text)T00:00:00Z") ?? Instant("\(text):00Z") {
      self = .at(instant)
    } else {
      return nil
    }
  }

  /// The point in time that is meant.
  public func instant(now: Instant) -> Instant {
    switch self {
    case .at(let instant): instant
    case .ago(let duration):
      Instant(microseconds: now.microseconds - Int64((duration.totalSeconds * 1e6).rounded()))
    }
  }
}
