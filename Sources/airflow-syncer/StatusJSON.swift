import Engine
import ExecutionModel
import JSONText
import Ledger

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
      writer.key("dbt_artifacts")
      writer.array { writer in for folder in status.folders { write(folder, to: &writer) } }
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
      for name: StaticString in ["daemons", "airflow", "dbt_cloud", "dbt_artifacts", "sinks"] {
        writer.member(name, [String]())
      }
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

  private static func write(_ folder: LedgerStatus.Folder, to writer: inout JSONWriter) {
    writer.object {
      $0.member("name", folder.name)
      $0.member("configured", folder.isConfigured)
      $0.member("path", folder.path)
      $0.member("last_look_at", folder.lookedAt)
      $0.member("recorded", folder.runs)
      $0.member("last_recorded_at", folder.recordedAt)
      $0.member("error", folder.error)
      $0.member("error_since", folder.errorSince)
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
