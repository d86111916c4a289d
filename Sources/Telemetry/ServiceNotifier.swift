import CPlatform
import Glibc

/// Tells systemd how the service is doing (sd_notify(3)), over the socket that `NOTIFY_SOCKET` names: a path, or
/// `@name` for an abstract one. Without it, as in a terminal, nothing is sent.
public struct ServiceNotifier: Sendable {
  /// What became of a notification.
  public enum Outcome: Hashable, Sendable {
    case sent
    /// Nobody asked for notifications.
    case notWanted
    /// It could not be sent, by errno. Not fatal: without READY or WATCHDOG systemd acts by itself.
    case failed(Int32)
  }

  /// How often ``alive()`` should be told: half of systemd's limit, as sd_watchdog_enabled(3) advises; nil when the unit
  /// has no `WatchdogSec=` or it is meant for another process.
  public let watchdogInterval: Duration?
  private let socket: String?
  /// How long a change of state waits for a manager that is busy. What is told again and again does not.
  private static let patience: Int32 = 2000

  /// - Parameter environment: looks a variable up; the process's own by default.
  public init(
    environment: (String) -> String? = { name in getenv(name).map { String(cString: $0) } }
  ) {
    socket = environment("NOTIFY_SOCKET").flatMap { $0.isEmpty ? nil : $0 }
    watchdogInterval = Self.watchdogInterval(
      microseconds: environment("WATCHDOG_USEC"), process: environment("WATCHDOG_PID"), ownProcess: getpid())
  }

  static func watchdogInterval(microseconds: String?, process: String?, ownProcess: Int32) -> Duration? {
    if let process, Int32(process) != ownProcess { return nil }
    guard let limit = microseconds.flatMap({ Int64($0) }), limit > 0 else { return nil }
    return .microseconds(limit / 2)
  }

  /// The service has started, or has finished loading its configuration anew.
  @discardableResult public func ready(status: String) -> Outcome {
    send("READY=1\n\(statusLine(status))", waiting: Self.patience)
  }

  /// One line for `systemctl status`.
  @discardableResult public func status(_ status: String) -> Outcome { send(statusLine(status)) }

  /// The service is alive. To be told when real work has moved on, not by a timer alone.
  @discardableResult public func alive() -> Outcome { send("WATCHDOG=1") }

  /// The service begins to load its configuration anew; ``ready(status:)`` ends it.
  @discardableResult public func reloading() -> Outcome {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    let now = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    return send("RELOADING=1\nMONOTONIC_USEC=\(now)", waiting: Self.patience)
  }

  /// The service begins to shut down.
  @discardableResult public func stopping(status: String) -> Outcome {
    send("STOPPING=1\n\(statusLine(status))", waiting: Self.patience)
  }

  // A line break would begin another assignment.
  private func statusLine(_ status: String) -> String {
    "STATUS=" + String(String.UnicodeScalarView(status.unicodeScalars.prefix(500).map { $0.value < 0x20 ? " " : $0 }))
  }

  private func send(_ message: String, waiting milliseconds: Int32 = 0) -> Outcome {
    guard let socket else { return .notWanted }
    let result = cplatform_notify(socket, message, milliseconds)
    return result == 0 ? .sent : .failed(-result)
  }
}
