import ExecutionModel
import Telemetry

/// What only a running daemon knows of itself.
public struct LiveState: Sendable {
  /// A partner that is away.
  public struct Outage: Sendable {
    /// `airflow`, `dbt_cloud`, `sink` or `ledger`
    public var kind: String
    public var partner: String
    public var detail: String
    public var seconds: Double
    public var failures: Int
  }

  public var version: String
  public var processID: Int32
  public var startedAt: Instant
  public var uptime: Double
  /// The configuration file in force.
  public var configurationPath: String
  /// The longest away first.
  public var outages: [Outage]
  public var stages: [StageTimes.Stage]
}
