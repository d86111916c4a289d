import Platform
import Synchronization

/// Remembers which partners (an Airflow database, a dbt Cloud account, a sink) are away, so that an outage is logged
/// when it begins, when its cause becomes another one, and when it ends, but not at every retry. Every failure is
/// counted.
public final class OutageLog: Sendable {
  /// A partner that is away.
  public struct Outage: Hashable, Sendable {
    /// What kind of partner: `airflow`, `dbt_cloud`, `sink`.
    public var kind: String
    /// Its name in the configuration.
    public var partner: String
    /// The cause seen last.
    public var cause: String
    /// The last failure in full.
    public var detail: String
    /// Seconds on a clock that is never set.
    public var began: Double
    /// Failures since then.
    public var failures: Int
    fileprivate var causes: Set<String>
  }

  private struct Key: Hashable {
    var kind: String
    var partner: String
  }

  private let telemetry: Telemetry
  private let now: @Sendable () -> Double
  private let outages = Mutex<[Key: Outage]>([:])

  /// - Parameter now: seconds on a clock that is never set.
  public init(_ telemetry: Telemetry, now: @escaping @Sendable () -> Double = monotonicSeconds) {
    self.telemetry = telemetry
    self.now = now
  }

  /// Notes that a partner failed.
  ///
  /// - Parameters:
  ///   - cause: a short, stable word for the kind of failure, such as `refused` or `authentication`: a cause that this
  ///     outage has not had yet is logged.
  ///   - detail: what happened and what to do, for people. Never a secret.
  public func failed(_ kind: String, _ partner: String, cause: String, detail: String) {
    let key = Key(kind: kind, partner: partner)
    let time = now()
    let event: PartnerFailed = outages.withLock { outages in
      guard var outage = outages[key] else {
        outages[key] = Outage(
          kind: kind, partner: partner, cause: cause, detail: detail, began: time, failures: 1, causes: [cause])
        return PartnerFailed(kind: kind, partner: partner, cause: cause, detail: detail, isNew: true, isFirst: true)
      }
      let isNew = outage.causes.insert(cause).inserted
      outage.cause = cause
      outage.detail = detail
      outage.failures += 1
      outages[key] = outage
      return PartnerFailed(kind: kind, partner: partner, cause: cause, detail: detail, isNew: isNew, isFirst: false)
    }
    telemetry.emit(event)
  }

  /// Notes that a partner answered as it should. Says so in the log when an outage ends with it.
  public func succeeded(_ kind: String, _ partner: String) {
    let outage = outages.withLock { $0.removeValue(forKey: Key(kind: kind, partner: partner)) }
    guard let outage else { return }
    telemetry.emit(PartnerBack(outage: outage, seconds: now() - outage.began))
  }

  /// Nobody asks the partner any more: whether it is away is not known.
  public func forget(_ kind: String, _ partner: String) {
    outages.withLock { _ = $0.removeValue(forKey: Key(kind: kind, partner: partner)) }
  }

  /// Who is away now, the longest away first.
  public var current: [Outage] {
    outages.withLock { Array($0.values) }
      .sorted { ($0.began, $0.kind, $0.partner) < ($1.began, $1.kind, $1.partner) }
  }
}

private struct PartnerFailed: TelemetryEvent {
  let kind: String
  let partner: String
  let cause: String
  let detail: String
  let isNew: Bool
  let isFirst: Bool

  // A failure that was already told is only for those who debug.
  var level: LogLevel { isNew ? .warning : .debug }
  var name: String { isFirst ? "\(kind)_lost" : isNew ? "\(kind)_lost_otherwise" : "\(kind)_still_lost" }
  var message: String { detail }
  var fields: [TelemetryField] { [TelemetryField("name", .text(partner)), TelemetryField("cause", .text(cause))] }
  var metrics: [MetricChange] {
    let labels: KeyValuePairs = ["kind": kind, "name": partner]
    return [
      .count(MetricKey("airflow_syncer_partner_failures_total", labels)),
      .set(MetricKey("airflow_syncer_partner_up", labels), 0),
    ]
  }
}

private struct PartnerBack: TelemetryEvent {
  let outage: OutageLog.Outage
  let seconds: Double

  var level: LogLevel { .notice }
  var name: String { "\(outage.kind)_back" }
  var message: String { "answers again" }
  var fields: [TelemetryField] {
    [
      TelemetryField("name", .text(outage.partner)), TelemetryField("away", .seconds(seconds)),
      TelemetryField("failures", .integer(Int64(outage.failures))),
    ]
  }
  var metrics: [MetricChange] {
    let labels: KeyValuePairs = ["kind": outage.kind, "name": outage.partner]
    return [.set(MetricKey("airflow_syncer_partner_up", labels), 1)]
  }
}
