import Ledger
import Sinks
import Telemetry

// What the daemon tells, each as a log line and as changes of metrics.

struct SyncerStarted: TelemetryEvent {
  let version: String
  let ledger: String
  var level: LogLevel { .notice }
  var name: String { "syncer_started" }
  var message: String { "started" }
  var fields: [TelemetryField] {
    [TelemetryField("version", .text(version)), TelemetryField("ledger", .text(ledger))]
  }
}

struct SyncerStopping: TelemetryEvent {
  let signal: Int32
  var level: LogLevel { .notice }
  var name: String { "syncer_stopping" }
  var message: String { "asked to stop" }
  var fields: [TelemetryField] { [TelemetryField("signal", .integer(Int64(signal)))] }
}

struct ConfigurationReloaded: TelemetryEvent {
  let started: [PartName]
  let stopped: [PartName]
  let changed: [PartName]

  init(before: [PartName: PartDefinition], after: [PartName: PartDefinition]) {
    started = after.keys.filter { before[$0] == nil }.sorted()
    stopped = before.keys.filter { after[$0] == nil }.sorted()
    changed = after.filter { before[$0.key] != nil && before[$0.key] != $0.value }.keys.sorted()
  }

  var level: LogLevel { .notice }
  var name: String { "configuration_reloaded" }
  var message: String { "a new configuration is in force" }
  var fields: [TelemetryField] {
    [("added", started), ("removed", stopped), ("changed", changed)].map { name, parts in
      TelemetryField(name, .text(parts.isEmpty ? "-" : parts.map(\.description).joined(separator: " ")))
    }
  }
}

struct ReloadRefused: TelemetryEvent {
  let detail: String
  var level: LogLevel { .error }
  var name: String { "reload_refused" }
  var message: String { "the configuration before stays in force: \(detail)" }
}

struct PartUnusable: TelemetryEvent {
  let part: PartName
  let detail: String
  var level: LogLevel { .error }
  var name: String { "part_unusable" }
  var message: String { detail }
  var fields: [TelemetryField] { [TelemetryField("part", .text(part.description))] }
}

struct LeaseTaken: TelemetryEvent {
  let part: PartName
  var level: LogLevel { .notice }
  var name: String { "lease_taken" }
  var message: String { "this daemon works on it from now on" }
  var fields: [TelemetryField] { [TelemetryField("part", .text(part.description))] }
}

struct LeaseLost: TelemetryEvent {
  let part: PartName
  var level: LogLevel { .warning }
  var name: String { "lease_lost" }
  var message: String { "another daemon has taken over; this one stands by" }
  var fields: [TelemetryField] { [TelemetryField("part", .text(part.description))] }
}

struct StatusSocketFailed: TelemetryEvent {
  let path: String
  let reason: String
  var isTaken = false
  var level: LogLevel { .warning }
  var name: String { "status_socket_failed" }
  var message: String {
    isTaken
      ? "another daemon of this host tells how it does there, this one works without: give each its own `status_socket`"
      : "nobody can ask this daemon how it does: make the socket's folder, give it to this user, or set `status_socket`"
  }
  var fields: [TelemetryField] {
    [TelemetryField("path", .text(path)), TelemetryField("reason", .text(reason))]
  }
}

struct SyncerStopped: TelemetryEvent {
  var level: LogLevel { .notice }
  var name: String { "syncer_stopped" }
  var message: String { "stopped" }
}

struct AirflowWarning: TelemetryEvent {
  let instance: String
  let text: String
  var level: LogLevel { .warning }
  var name: String { "airflow_warning" }
  var message: String { text }
  var fields: [TelemetryField] { [TelemetryField("instance", .text(instance))] }
}

struct RunsCaptured: TelemetryEvent {
  let instance: String
  let outcome: Capture.Outcome
  var level: LogLevel { .info }
  var name: String { "runs_captured" }
  var message: String { "DAG runs read" }
  var fields: [TelemetryField] {
    [
      TelemetryField("instance", .text(instance)), TelemetryField("new", .integer(Int64(outcome.newRuns))),
      TelemetryField("changed", .integer(Int64(outcome.changedRuns))),
      TelemetryField("links", .integer(Int64(outcome.newLinks))),
    ]
  }
  var metrics: [MetricChange] {
    [
      .add(
        MetricKey("airflow_syncer_runs_captured_total", ["instance": instance]),
        Double(outcome.newRuns + outcome.changedRuns))
    ]
  }
}

struct HistoryLoaded: TelemetryEvent {
  let instance: String
  let outcome: Capture.Outcome
  var level: LogLevel { outcome.isFinished ? .notice : .debug }
  var name: String { outcome.isFinished ? "history_loaded" : "history_page_loaded" }
  var message: String { outcome.isFinished ? "history is loaded" : "a page of history is loaded" }
  var fields: [TelemetryField] {
    [TelemetryField("instance", .text(instance)), TelemetryField("runs", .integer(Int64(outcome.runsRead)))]
  }
}

struct SweepFinished: TelemetryEvent {
  let instance: String
  let outcome: Capture.Outcome
  var level: LogLevel { outcome.changedRuns + outcome.newRuns > 0 ? .info : .debug }
  var name: String { "sweep_finished" }
  var message: String { "finished runs are compared with Airflow's" }
  var fields: [TelemetryField] {
    [
      TelemetryField("instance", .text(instance)), TelemetryField("new", .integer(Int64(outcome.newRuns))),
      TelemetryField("changed", .integer(Int64(outcome.changedRuns))),
      TelemetryField("removed", .integer(Int64(outcome.removedRuns))),
    ]
  }
  var metrics: [MetricChange] {
    [.add(MetricKey("airflow_syncer_sweeps_total", ["instance": instance]), 1)]
  }
}

struct DbtRunsFetched: TelemetryEvent {
  let account: String
  let outcome: Enrichment.Outcome
  var level: LogLevel { .info }
  var name: String { "dbt_runs_fetched" }
  var message: String { "dbt runs fetched" }
  var fields: [TelemetryField] {
    [
      TelemetryField("account", .text(account)), TelemetryField("asked", .integer(Int64(outcome.fetched))),
      TelemetryField("complete", .integer(Int64(outcome.completed))),
      TelemetryField("failed", .integer(Int64(outcome.failed))),
    ]
  }
  var metrics: [MetricChange] {
    [.add(MetricKey("airflow_syncer_dbt_runs_fetched_total", ["account": account]), Double(outcome.fetched))]
  }
}

struct DbtRunFailed: TelemetryEvent {
  let account: String
  let detail: String
  var level: LogLevel { .warning }
  var name: String { "dbt_run_failed" }
  var message: String { detail }
  var fields: [TelemetryField] { [TelemetryField("account", .text(account))] }
}

struct DbtCloudWarning: TelemetryEvent {
  let account: String
  let text: String
  var level: LogLevel { .warning }
  var name: String { "dbt_cloud_warning" }
  var message: String { text }
  var fields: [TelemetryField] { [TelemetryField("account", .text(account))] }
}

struct DbtRunsListed: TelemetryEvent {
  let account: String
  let runs: Int
  var level: LogLevel { .info }
  var name: String { "dbt_runs_listed" }
  var message: String { "runs of the account that are new" }
  var fields: [TelemetryField] {
    [TelemetryField("account", .text(account)), TelemetryField("runs", .integer(Int64(runs)))]
  }
}

struct DbtArtifactsRead: TelemetryEvent {
  let folder: String
  let runs: Int
  var level: LogLevel { .info }
  var name: String { "dbt_artifacts_read" }
  var message: String { "artifacts of finished invocations of dbt read" }
  var fields: [TelemetryField] {
    [TelemetryField("folder", .text(folder)), TelemetryField("runs", .integer(Int64(runs)))]
  }
}

struct DbtArtifactsWarning: TelemetryEvent {
  let folder: String
  let text: String
  var level: LogLevel { .warning }
  var name: String { "dbt_artifacts_warning" }
  var message: String { text }
  var fields: [TelemetryField] { [TelemetryField("folder", .text(folder))] }
}

struct DbtRunsSearched: TelemetryEvent {
  let account: String
  let pages: Int
  var level: LogLevel { .info }
  var name: String { "dbt_runs_searched" }
  var message: String { "runs of tries that Airflow tells nothing of were looked for" }
  var fields: [TelemetryField] {
    [TelemetryField("account", .text(account)), TelemetryField("pages", .integer(Int64(pages)))]
  }
}

struct ItemsDelivered: TelemetryEvent {
  let sink: String
  let round: DeliveryRound
  var level: LogLevel { round.parked > 0 ? .warning : .info }
  var name: String { round.parked > 0 ? "items_parked" : "items_delivered" }
  var message: String {
    round.parked > 0
      ? "the backend refuses items for good; `airflow-syncer deliveries list` says why" : "items delivered"
  }
  var fields: [TelemetryField] {
    [
      TelemetryField("sink", .text(sink)), TelemetryField("delivered", .integer(Int64(round.delivered))),
      TelemetryField("parked", .integer(Int64(round.parked))),
      TelemetryField("retried", .integer(Int64(round.retried))),
    ]
  }
  var metrics: [MetricChange] {
    [
      .add(MetricKey("airflow_syncer_items_delivered_total", ["sink": sink]), Double(round.delivered)),
      .add(MetricKey("airflow_syncer_items_parked_total", ["sink": sink]), Double(round.parked)),
    ]
  }
}

struct HistoryDeleted: TelemetryEvent {
  let outcome: RetentionOutcome
  var level: LogLevel { .info }
  var name: String { "history_deleted" }
  var message: String { "delivered history that is older than `retention` is deleted" }
  var fields: [TelemetryField] {
    [
      TelemetryField("dag_runs", .integer(Int64(outcome.dagRuns))),
      TelemetryField("attempts", .integer(Int64(outcome.attempts))),
      TelemetryField("dbt_runs", .integer(Int64(outcome.dbtRuns))),
      TelemetryField("dbt_nodes", .integer(Int64(outcome.nodes))),
    ]
  }
}

struct RoomChanged: TelemetryEvent {
  let change: LedgerStatus.RoomChange
  var level: LogLevel { change.level == .free ? .notice : .warning }
  var name: String {
    switch change.level {
    case .free: "room_again"
    case .historyPaused: "history_paused"
    case .eventsHeld: "events_held"
    case .readingStopped: "reading_stopped"
    }
  }
  var message: String { change.text }
  var fields: [TelemetryField] {
    [
      TelemetryField("name", .text(change.sink ?? "ledger")), TelemetryField("bytes", .integer(change.bytes)),
    ]
  }

  init(_ change: LedgerStatus.RoomChange) { self.change = change }
}
