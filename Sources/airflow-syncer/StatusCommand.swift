import CommandLine
import Configuration
import Engine
import ExecutionModel
import Glibc
import JSONText
import Ledger
import Platform

/// `airflow-syncer status`: how the syncer itself does. Exit status 0 healthy, 1 degraded, 2 down.
///
/// A running daemon is asked over its status socket. When none answers, the ledger is read.
enum StatusCommand {
  static func perform(_ command: ParsedCommand) async throws -> ExitCode {
    let configuration = try loadConfiguration(command)
    let ledger = Ledger(at: configuration.ledgerPlace, purpose: .reading)
    let daemon = LocalClient(path: configuration.statusSocket)
    while true {
      let code = try await show(configuration, ledger, daemon, command)
      guard command.flag(.watch) else { return code }
      try await Task.sleep(for: .seconds(2))
    }
  }

  /// Seconds that a daemon may take to answer.
  private static let patience = 4.0

  private static func show(
    _ configuration: Configuration, _ ledger: Ledger, _ daemon: LocalClient, _ command: ParsedCommand
  ) async throws -> ExitCode {
    let question = command.flag(.json) ? StatusAnswer.Question.json : .screen(.standard)
    let answer: StatusAnswer
    do {
      answer = try StatusAnswer(parsing: await daemon.ask(question.text, seconds: patience))
    } catch {
      let outcome: StatusReading.Outcome
      do { outcome = .read(try await StatusReading(ledger, configuration)) } catch let error as LedgerError {
        outcome = .failed(error.description)
      } catch { outcome = .failed("\(error)") }
      let reason = StatusAnswer.reason(error, socket: configuration.statusSocket)
      answer = StatusAnswer(to: question, outcome, .ledger(reason))
    }
    let clear = command.flag(.watch) && !command.flag(.json) && StandardOutput.columns > 0 ? "\u{1B}[H\u{1B}[2J" : ""
    try StandardOutput.write(clear + answer.text)
    switch answer.state {
    case .healthy: return .ok
    case .degraded: return .failed
    case .down: return .down
    }
  }
}

/// `status --json`, version 1.
enum StatusJSON {
  static func text(_ reading: StatusReading, _ health: Health, _ source: StatusSource, now: Instant) -> String {
    let (status, loading) = (reading.status, reading.loading)
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("status_version", 1)
      writer.member("state", health.state.rawValue)
      writer.member("since", health.since)
      writer.member("reason", health.reason)
      writer.key("syncer")
      if let syncer = status.syncer {
        writer.object {
          $0.member("mode", syncer.mode)
          $0.member("version", syncer.version)
          $0.member("running", syncer.isRunning)
          $0.member("started_at", syncer.startedAt)
          $0.member("stopped_at", syncer.stoppedAt)
          $0.member("reload_error", syncer.reloadError)
          $0.member("reload_failed_at", syncer.reloadFailedAt)
        }
      } else {
        writer.null()
      }
      writer.key("daemons")
      writer.array { writer in for member in status.members { write(member, to: &writer) } }
      writer.key("ledger")
      writer.object {
        $0.member("path", status.path)
        $0.member("bytes", status.bytes)
        $0.member("schema_version", status.schemaVersion)
        $0.member("keeps_seconds", status.retention?.kept)
        $0.member("history_deleted_at", status.retention?.lastAt)
        $0.key("room")
        Self.write(status.fullness, to: &$0)
      }
      writer.key("airflow")
      writer.array { writer in for airflow in status.airflow { write(airflow, now: now, to: &writer) } }
      writer.key("dbt_cloud")
      writer.array { writer in
        for account in status.accounts { write(account, loading[account.name], to: &writer) }
      }
      writer.key("sinks")
      writer.array { writer in for sink in status.sinks { write(sink, now: now, to: &writer) } }
      writer.key("links_24h")
      writer.object {
        $0.member("exact", status.links.exact)
        $0.member("strong", status.links.strong)
        $0.member("inferred", status.links.inferred)
        $0.member("ambiguous", status.links.ambiguous)
        $0.member("unresolved", status.links.unresolved)
        $0.member("dbt_tasks_without_link", status.links.withoutLink)
      }
      source.write(to: &writer)
    }
    return writer.text
  }

  static func unreadable(_ reason: String, _ source: StatusSource) -> String {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("status_version", 1)
      writer.member("state", "down")
      writer.member("since", Instant?.none)
      writer.member("reason", reason)
      for name: StaticString in ["syncer", "ledger"] {
        writer.key(name)
        writer.null()
      }
      for name: StaticString in ["daemons", "airflow", "dbt_cloud", "sinks"] { writer.member(name, [String]()) }
      source.write(to: &writer)
    }
    return writer.text
  }

  private static func write(_ member: LedgerStatus.Member, to writer: inout JSONWriter) {
    writer.object {
      $0.member("host", member.host)
      $0.member("pid", member.pid)
      $0.member("mode", member.mode)
      $0.member("version", member.version)
      $0.member("alive", member.isAlive)
      $0.member("started_at", member.startedAt)
      $0.member("seen_at", member.seenAt)
      $0.member("leads", member.leads.map(\.description))
    }
  }

  private static func write(_ fullness: LedgerStatus.Fullness?, to writer: inout JSONWriter) {
    guard let fullness else { return writer.null() }
    writer.object {
      $0.member("state", fullness.level.word)
      $0.member("since", fullness.since)
      $0.member("bytes", fullness.bytes)
      $0.member("max_bytes", fullness.bytesAtMost)
      $0.member("max_age_seconds", fullness.secondsAtMost)
    }
  }

  private static func write(_ airflow: LedgerStatus.Airflow, now: Instant, to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("name", airflow.name)
      writer.member("configured", airflow.isConfigured)
      writer.member("airflow_version", airflow.airflowVersion)
      writer.member("alembic_version", airflow.alembicVersion)
      writer.member("connected", airflow.isConnected)
      writer.member("role", airflow.role)
      writer.member("replay_lag_seconds", airflow.replayLag.map { Double($0) / 1e6 })
      writer.member("dag_run_cursor", airflow.cursor)
      writer.member("runs", airflow.runs)
      writer.member("open_runs", airflow.openRuns)
      writer.member("lag_seconds", airflow.lastPollAt.map { max(0, now.seconds(since: $0)) })
      writer.member("last_poll_at", airflow.lastPollAt)
      writer.member("poll_milliseconds", airflow.pollMilliseconds)
      writer.member("last_sweep_at", airflow.sweep?.finishedAt)
      writer.key("sweep")
      if let sweep = airflow.sweep {
        writer.object {
          $0.member("started_at", sweep.startedAt)
          $0.member("finished_at", sweep.finishedAt)
          $0.member("runs", sweep.runs)
          $0.member("changed", sweep.changed)
          $0.member("removed", sweep.removed)
          $0.member("server_milliseconds", sweep.milliseconds)
        }
      } else {
        writer.null()
      }
      writer.member("sweep_error", airflow.sweepError)
      writer.key("backfill")
      writer.object {
        $0.member("done", airflow.isBackfillDone)
        $0.member("runs", airflow.backfillRuns)
        $0.member("total", airflow.backfillTotal)
        $0.member("runs_per_second", airflow.isBackfillDone ? nil : airflow.backfillRate)
        $0.member("seconds_left", airflow.backfillSecondsLeft)
      }
      writer.member("error", airflow.error)
      writer.member("error_since", airflow.errorSince)
    }
  }

  private static func write(
    _ account: LedgerStatus.DbtAccount, _ loading: StatusReading.Loading?, to writer: inout JSONWriter
  ) {
    writer.object {
      $0.member("name", account.name)
      $0.member("configured", account.isConfigured)
      $0.member("account_id", account.accountID)
      $0.member("pending", account.waiting)
      $0.key("all_runs")
      if let loading {
        $0.object {
          $0.member("known", loading.known)
          $0.member("complete", loading.complete)
          $0.member("backfill_listed", loading.isListed)
        }
      } else {
        $0.null()
      }
      $0.member("cooling_down_until", account.coolingDownUntil)
      $0.member("last_call_at", account.lastCallAt)
      $0.member("error", account.error)
      $0.member("error_since", account.errorSince)
    }
  }

  private static func write(_ sink: LedgerStatus.Sink, now: Instant, to writer: inout JSONWriter) {
    writer.object {
      $0.member("name", sink.name)
      $0.member("configured", sink.isConfigured)
      $0.member("type", sink.type)
      $0.member("delivered", sink.delivered)
      $0.member("pending", sink.pending)
      $0.member("oldest_pending_seconds", sink.oldestPendingAt.map { max(0, now.seconds(since: $0)) })
      $0.member("parked", sink.parked)
      $0.member("parked_reason", sink.newestReason)
      $0.key("room")
      write(sink.fullness, to: &$0)
      $0.member("last_delivery_at", sink.lastDeliveryAt)
      $0.member("error", sink.error)
      $0.member("error_since", sink.errorSince)
    }
  }
}

extension RoomLevel {
  /// For programs.
  var word: String {
    switch self {
    case .free: "free"
    case .historyPaused: "history_paused"
    case .eventsHeld: "events_held"
    case .readingStopped: "reading_stopped"
    }
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
    if !status.sinks.isEmpty {
      lines += layout.table(
        ["SINK", "TYPE", "SENT", "PENDING", "OLDEST", "PARKED", "ERROR"],
        status.sinks.map { sink in
          let age = sink.oldestPendingAt.map { Layout.duration(now.seconds(since: $0)) }
          return [
            sink.name, sink.type, Layout.grouped(sink.delivered), String(sink.pending), age ?? "-", String(sink.parked),
            sink.isConfigured
              ? sink.error ?? sink.newestReason ?? "-"
              : sink.pending > 0 ? "\(Self.notConfigured): what is pending waits until it is" : Self.notConfigured,
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
