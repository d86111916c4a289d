import Telemetry

/// An event of the tests' own.
struct SampleEvent: TelemetryEvent {
  var level = LogLevel.info
  var name = "poll_finished"
  var message = "polled"
  var fields: [TelemetryField] = []
  var metrics: [MetricChange] = []
}
