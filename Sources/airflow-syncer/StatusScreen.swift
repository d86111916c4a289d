import Engine
import ExecutionModel
import Ledger

/// The screen of `status`.
struct StatusScreen {
  var layout: Layout

  func text(_ reading: StatusReading, _ health: Health, _ source: StatusSource, now: Instant) -> String {
    let (status, loading) = (reading.status, reading.loading)
    var lines = [headline(health, status, now: now)]
    if !status.members.isEmpty {
      lines += layout.table(["DAEMON", "MODE", "VERSION", "SINCE", "SEEN", "LEADS"], status.members.map(row))
    }
    if !status.airflow.isEmpty {
      lines += layout.table(
        ["AIRFLOW", "VERSION", "SOURCE", "LAG", "RUNS", "OPEN", "DB ms/POLL", "BACKFILL", "LAST SWEEP", "ERROR"],
        status.airflow.map { row($0, now: now) }, right: [3, 4, 5, 6])
    }
    if !status.accounts.isEmpty {
      lines += layout.table(
        ["DBT CLOUD", "ACCOUNT", "LAST CALL", "RUNS WAITING", "CALLS/MIN", "ALL RUNS", "ERROR"],
        status.accounts.map { account in
          let silence = account.coolingDownUntil.map { "silent until \($0.clock)" }
          return [
            account.name, String(account.accountID), account.lastCallAt?.clock ?? "-", String(account.waiting),
            account.callsPerMinute.map(String.init) ?? "-", allRuns(loading[account.name]),
            account.isConfigured ? account.error ?? silence ?? "-" : Self.notConfigured,
          ]
        }, right: [3, 4])
    }
    if !status.folders.isEmpty {
      lines += layout.table(
        ["DBT ARTIFACTS", "FOLDER", "LAST LOOK", "RECORDED", "LAST", "ERROR"],
        status.folders.map { folder in
          [
            folder.name, folder.path, folder.lookedAt.clock, Layout.grouped(folder.runs),
            folder.recordedAt.map { "\($0.date) \($0.clock)" } ?? "-",
            folder.isConfigured ? folder.error ?? "-" : Self.notConfigured,
          ]
        }, right: [3])
    }
    if !status.sinks.isEmpty {
      lines += layout.table(
        ["SINK", "TYPE", "SENT", "PENDING", "OLDEST", "PARKED", "ERROR"],
        status.sinks.map { sink in
          let age = sink.oldestPendingAt.map { Layout.duration(now.seconds(since: $0)) }
          return [
            sink.name, sink.type, Layout.grouped(sink.delivered), String(sink.pending), age ?? "-", String(sink.parked),
            sink.isConfigured
              ? sink.error ?? sink.newestReason ?? "-"
              : leftOver(sink),
          ]
        }, right: [2, 3, 4, 5])
    }
    let links = status.links
    lines.append(
      "LINKS 24h  exact \(links.exact)  strong \(links.strong)  inferred \(links.inferred)  ambiguous \(links.ambiguous)"
        + (links.unresolved > 0 ? "  unresolved \(links.unresolved)" : "")
        + "  dbt task without link \(links.withoutLink)")
    let kind = status.isFile ? "sqlite " : ""
    let limit = status.fullness?.bytesAtMost.map { " of \(Layout.bytes($0))" } ?? ""
    let kept = status.retention?.kept.map { "  keeps \(Duration.seconds($0).configuredText)" } ?? ""
    lines.append("LEDGER     \(kind)\(Layout.bytes(status.bytes))\(limit)\(kept)  \(status.path)")
    lines += status.putOff
    lines += source.lines
    if let next = health.next { lines.append("NEXT       \(next)") }
    return lines.map { Layout.fitted($0, to: max(layout.columns, $0.hasPrefix("\u{1B}") ? Int.max : layout.columns)) }
      .joined(separator: "\n") + "\n"
  }

  private static let notConfigured = "not configured"

  /// What a sink that is gone from the configuration has still to get.
  private func leftOver(_ sink: LedgerStatus.Sink) -> String {
    guard sink.pending + sink.parked > 0 else { return Self.notConfigured }
    return "\(Self.notConfigured): its items wait until it is, and keep their runs from `retention`; "
      + "or `airflow-syncer deliveries discard --sink \(sink.name)`"
  }

  private func row(_ member: LedgerStatus.Member) -> [String] {
    let leads = member.leads.map(\.description).joined(separator: " ")
    return [
      "\(member.host) \(member.pid)", member.mode, member.version, "\(member.startedAt.date) \(member.startedAt.clock)",
      member.seenAt.clock, !member.isAlive ? "gone" : leads.isEmpty ? "stands by" : leads,
    ]
  }

  private func allRuns(_ loading: StatusReading.Loading?) -> String {
    guard let loading else { return "-" }
    let count = Layout.grouped(Int64(loading.known))
    guard loading.isListed else { return "\(count), listing history" }
    return loading.complete < loading.known ? Layout.bar(loading.complete, of: loading.known) : count
  }

  private func headline(_ health: Health, _ status: LedgerStatus, now: Instant) -> String {
    let state = layout.coloured(health.state.rawValue.uppercased(), Layout.colour(ofState: health.state.rawValue))
    let age = health.since.map { " for \(Layout.duration(now.seconds(since: $0)))" } ?? ""
    var line = state + age
    if let reason = health.reason { line += ": \(Layout.printable(reason))" }
    guard let syncer = status.syncer else { return line }
    switch (syncer.mode, syncer.isRunning) {
    case ("sync", false): line += " (last sync \(syncer.startedAt.date) \(syncer.startedAt.clock) UTC)"
    case ("sync", true): line += " (a sync is under way)"
    default: break
    }
    return line
  }

  private func row(_ airflow: LedgerStatus.Airflow, now: Instant) -> [String] {
    let lag = airflow.lastPollAt.map { Layout.duration(now.seconds(since: $0)) }
    let replay = airflow.replayLag.map { "+\(Layout.duration(Double($0) / 1e6))" } ?? ""
    var backfill = "done"
    if !airflow.isBackfillDone {
      backfill = airflow.backfillTotal.map { Layout.bar(airflow.backfillRuns, of: $0) } ?? "waiting"
      if let rate = airflow.backfillRate { backfill += " \(Layout.grouped(Int64(rate)))/s" }
      if let left = airflow.backfillSecondsLeft { backfill += ", \(Layout.duration(left)) left" }
    }
    let sweep = airflow.sweep.map { "\($0.finishedAt.clock) (\(Layout.duration($0.milliseconds / 1e3)))" }
    let sweepError = airflow.sweepError.map { "sweep: \($0)" }
    return [
      airflow.name, airflow.airflowVersion ?? "-", (airflow.role ?? "-") + replay, lag ?? "-",
      Layout.grouped(Int64(airflow.runs)), String(airflow.openRuns),
      airflow.pollMilliseconds.map { String(Double(Int($0 * 10)) / 10) } ?? "-", backfill,
      sweep ?? "-", airflow.isConfigured ? airflow.error ?? sweepError ?? "-" : Self.notConfigured,
    ]
  }
}

extension LedgerStatus {
  /// What is put off, since when, and what to do.
  fileprivate var putOff: [String] {
    let all = [(nil, fullness)] + sinks.map { (Optional($0.name), $0.fullness) }
    return all.compactMap { sink, fullness in
      guard let fullness, fullness.level != .free else { return nil }
      let change = RoomChange(sink: sink, level: fullness.level, bytes: fullness.bytes)
      let since = fullness.since.map { " (since \($0.date) \($0.clock) UTC)" } ?? ""
      return "FULL       \(change.text)\(since)"
    }
  }
}
