import Testing

@testable import Telemetry

struct TelemetryTests {
  @Test func anEventIsALineAndANumber() {
    let log = LogMemory()
    let telemetry = Telemetry(sink: log)
    let key = MetricKey("polls_total", ["instance": "prod"])
    for _ in 0..<3 { telemetry.emit(SampleEvent(metrics: [.count(key), .set(MetricKey("lag_seconds"), 2.5)])) }
    #expect(log.lines == Array(repeating: "<6>level=info event=poll_finished message=\"polled\"", count: 3))
    #expect(
      telemetry.metrics() == [
        Metric(key: MetricKey("lag_seconds"), kind: .gauge, value: 2.5), Metric(key: key, kind: .counter, value: 3),
      ])
  }

  @Test(arguments: LogLevel.allCases)
  func eventsBelowTheLevelAreCountedButNotLogged(_ level: LogLevel) {
    let log = LogMemory()
    let telemetry = Telemetry(sink: log, level: level)
    for each in LogLevel.allCases { telemetry.emit(SampleEvent(level: each, metrics: [.count(MetricKey("n"))])) }
    #expect(log.lines.count == LogLevel.allCases.count { $0 >= level })
    #expect(telemetry.metrics().map(\.value) == [5])
  }

  @Test func levelsAreOrderedByHowBadTheyAre() {
    #expect(LogLevel.allCases.sorted() == [.debug, .info, .notice, .warning, .error])
    #expect(LogLevel.allCases.map(\.priority) == [7, 6, 5, 4, 3])
  }

  @Test func metricsAreOrderedAndLabelsToldApart() {
    let telemetry = Telemetry.silent
    for name in ["b", "a"] {
      for instance in ["y", "x"] {
        telemetry.emit(SampleEvent(metrics: [.count(MetricKey(name, ["i": instance]))]))
      }
    }
    #expect(telemetry.metrics().map { $0.key.name + $0.key.labels[0].value } == ["ax", "ay", "bx", "by"])
  }

  @Test func manyThreadsLoseNothing() async {
    let log = LogMemory()
    let telemetry = Telemetry(sink: log)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<500 { telemetry.emit(SampleEvent(metrics: [.count(MetricKey("n"))])) }
        }
      }
    }
    #expect(log.lines.count == 4000 && telemetry.metrics()[0].value == 4000)
  }

  @Test func theTimeIsThatOfTheGivenClock() {
    let log = LogMemory(destination: .stream)
    Telemetry(sink: log, now: { 1_795_132_804_000_001 }).emit(SampleEvent())
    #expect(log.lines[0].hasPrefix("time=2026-11-20T00:00:04.000001Z level=info"))
  }
}
