/// Which number a metric change is about: a name and its labels.
public struct MetricKey: Hashable, Sendable {
  /// In Prometheus' style: `airflow_syncer_polls_total`.
  public var name: String
  /// Label names and values, such as the instance. Few different values each: never a run id.
  public var labels: [Label]

  public struct Label: Hashable, Sendable {
    public var name: String
    public var value: String
  }

  public init(_ name: String, _ labels: KeyValuePairs<String, String> = [:]) {
    self.name = name
    self.labels = labels.map { Label(name: $0.key, value: $0.value) }
  }
}

/// What an event does to the metrics.
public enum MetricChange: Hashable, Sendable {
  /// Adds to a number that only grows.
  case add(MetricKey, Double)
  /// Sets a number that goes up and down.
  case set(MetricKey, Double)

  /// Adds one.
  public static func count(_ key: MetricKey) -> MetricChange { .add(key, 1) }
}

/// One number of ``Telemetry/metrics()``.
public struct Metric: Hashable, Sendable {
  public enum Kind: Hashable, Sendable { case counter, gauge }

  public var key: MetricKey
  public var kind: Kind
  public var value: Double
}
