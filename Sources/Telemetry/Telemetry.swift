import Platform
import Synchronization

/// Where events go: each becomes a log line, if its level is logged, and changes the metrics. May be used from any
/// thread; a line is written whole before the next.
public final class Telemetry: Sendable {
  private let level: LogLevel
  private let formatter: LogFormatter
  private let sink: any LogSink
  private let now: @Sendable () -> Int64
  private let numbers = Mutex<[MetricKey: (kind: Metric.Kind, value: Double)]>([:])
  private let writing = Mutex(())

  /// - Parameters:
  ///   - sink: takes the lines.
  ///   - level: events below it change metrics only.
  ///   - now: microseconds since 1970, for the time of a line.
  public init(
    sink: any LogSink, level: LogLevel = .info, format: LogFormat = .text,
    now: @escaping @Sendable () -> Int64 = wallClockMicroseconds
  ) {
    self.sink = sink
    self.level = level
    self.now = now
    formatter = LogFormatter(format: format, destination: sink.destination)
  }

  /// Telemetry that counts and logs nothing.
  public static var silent: Telemetry { Telemetry(sink: NoLog()) }

  /// Logs and counts an event.
  public func emit(_ event: some TelemetryEvent) {
    let changes = event.metrics
    if !changes.isEmpty {
      numbers.withLock { numbers in
        for change in changes {
          switch change {
          case .add(let key, let amount): numbers[key] = (.counter, (numbers[key]?.value ?? 0) + amount)
          case .set(let key, let value): numbers[key] = (.gauge, value)
          }
        }
      }
    }
    guard event.level >= level, sink.destination != .nowhere else { return }
    let line = formatter.line(event, microseconds: now())
    writing.withLock { _ in sink.write(line) }
  }

  /// Every number as it is now, ordered by name and labels.
  public func metrics() -> [Metric] {
    numbers.withLock { $0 }.map { Metric(key: $0, kind: $1.kind, value: $1.value) }
      .sorted { left, right in
        left.key.name != right.key.name
          ? left.key.name < right.key.name
          : left.key.labels.lexicographicallyPrecedes(right.key.labels) { ($0.name, $0.value) < ($1.name, $1.value) }
      }
  }
}
