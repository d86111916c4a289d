import Configuration
import ExecutionModel
import Ledger

/// How the syncer does, judged from its ledger. About the syncer only: a failing dbt test or DAG never changes it.
public struct Health: Sendable {
  public enum State: String, Sendable {
    case healthy, degraded, down
  }

  public var state: State
  /// Since when it is not healthy.
  public var since: Instant?
  /// Why, in one line.
  public var reason: String?
  /// A command that helps.
  public var next: String?

  /// - Parameters:
  ///   - now: what a running daemon has not read for a minute, and for three of its polls, it does not read any more.
  ///   - pollIntervals: `airflow[].poll_interval` in seconds, by instance.
  ///   - outages: what the daemon says of itself: a ledger that cannot be written does not say so.
  public init(
    _ status: LedgerStatus, now: Instant, pollIntervals: [String: Double] = [:], outages: [LiveState.Outage] = []
  ) {
    var status = status
    // What is left of earlier configurations is nobody's trouble.
    status.airflow.removeAll { !$0.isConfigured }
    status.accounts.removeAll { !$0.isConfigured }
    status.sinks.removeAll { !$0.isConfigured }
    let away = status.airflow.filter { $0.error != nil }
    let stopped = status.syncer.map { $0.mode == "run" && !$0.isRunning } ?? false
    if let outage = outages.first(where: { $0.kind == "ledger" }) {
      self.init(
        .down, now.advanced(bySeconds: -Int64(outage.seconds)), "nothing can be kept: \(outage.detail)",
        next: "journalctl -u airflow-syncer")
    } else if status.syncer == nil {
      self.init(.down, nil, "nothing was ever synced with this ledger", next: "airflow-syncer sync")
    } else if stopped {
      let crash = status.syncer?.stoppedAt == nil
      let lastSeen = status.airflow.compactMap(\.lastPollAt).max()
      self.init(
        .down, status.syncer?.stoppedAt ?? lastSeen,
        crash ? "the daemon is not running; it did not stop in good order" : "the daemon is stopped",
        next: "systemctl status airflow-syncer")
    } else if !away.isEmpty, away.count == status.airflow.count {
      self.init(
        .down, away.compactMap(\.errorSince).min(), "no Airflow database can be read: \(Self.names(away.map(\.name)))",
        next: "airflow-syncer validate")
    } else {
      self.init(troublesOf: status, away: away, stale: Self.stale(status, now: now, pollIntervals: pollIntervals))
    }
  }

  private init(_ state: State, _ since: Instant?, _ reason: String?, next: String?) {
    self.state = state
    self.since = since
    self.reason = reason
    self.next = next
  }

  /// Instances whose polls hang, or of which nothing can be kept.
  private static func stale(
    _ status: LedgerStatus, now: Instant, pollIntervals: [String: Double]
  ) -> [LedgerStatus.Airflow] {
    guard let syncer = status.syncer, syncer.mode == "run", syncer.isRunning else { return [] }
    return status.airflow.filter { airflow in
      guard airflow.error == nil else { return false }
      let last = max(airflow.lastPollAt ?? syncer.startedAt, syncer.startedAt)
      return now.seconds(since: last) > max(60, 3 * (pollIntervals[airflow.name] ?? 0))
    }
  }

  private init(troublesOf status: LedgerStatus, away: [LedgerStatus.Airflow], stale: [LedgerStatus.Airflow]) {
    var troubles: [(text: String, since: Instant?, next: String)] = []
    if let error = status.syncer?.reloadError {
      troubles.append(
        ("the configuration was not taken up: \(error)", status.syncer?.reloadFailedAt, "airflow-syncer validate"))
    }
    for airflow in away {
      troubles.append(
        ("Airflow database `\(airflow.name)` cannot be read", airflow.errorSince, "airflow-syncer validate"))
    }
    for airflow in stale {
      troubles.append(
        (
          "Airflow database `\(airflow.name)` is not read at the moment", airflow.lastPollAt,
          "journalctl -u airflow-syncer"
        ))
    }
    if let fullness = status.fullness, fullness.level != .free {
      troubles.append((fullness.trouble(of: nil), fullness.since, "airflow-syncer purge --before 90d --dry-run"))
    }
    for sink in status.sinks {
      guard let fullness = sink.fullness, fullness.level != .free else { continue }
      troubles.append((fullness.trouble(of: sink.name), fullness.since, "airflow-syncer validate"))
    }
    for account in status.accounts where account.error != nil {
      troubles.append(
        ("dbt Cloud account `\(account.name)` does not answer", account.errorSince, "airflow-syncer validate"))
    }
    for sink in status.sinks {
      if sink.error != nil {
        troubles.append(("sink `\(sink.name)` does not answer", sink.errorSince, "airflow-syncer validate"))
      }
      if sink.parked > 0 {
        let deliveries = sink.parked == 1 ? "1 delivery" : "\(sink.parked) deliveries"
        troubles.append(
          (
            "\(deliveries) parked in `\(sink.name)`", sink.firstParkedAt,
            "airflow-syncer deliveries list --sink \(sink.name) --state parked"
          ))
      }
    }
    guard let first = troubles.first else {
      self.init(.healthy, nil, nil, next: nil)
      return
    }
    let text = troubles.count == 1 ? first.text : "\(first.text), and \(troubles.count - 1) more"
    self.init(.degraded, troubles.compactMap(\.since).min(), text, next: first.next)
  }

  private static func names(_ names: [String]) -> String { names.map { "`\($0)`" }.joined(separator: ", ") }
}

extension LedgerStatus.Fullness {
  /// - Parameter sink: whose outbox it is; nil for the ledger.
  fileprivate func trouble(of sink: String?) -> String {
    let whose = sink.map { "outbox of `\($0)`" } ?? "ledger"
    return switch level {
    case .free, .historyPaused: "\(whose) nearly full: no history is loaded"
    case .eventsHeld: "\(whose) \(sink == nil ? "nearly full" : "full"): events are made later"
    case .readingStopped: "\(whose) full: nothing is read"
    }
  }
}
