import Configuration
import ExecutionModel
import JSONText
import Ledger
import Records

/// What is said of dbt runs, checks and nodes alike, as text and as JSON.
struct NodeText {
  var layout: Layout
  /// `airflow[].ui_url` by instance.
  var uiURLs: [InstanceName: String]

  func status(_ status: String) -> String {
    layout.coloured(Layout.printable(status.uppercased()), Layout.colour(ofState: status))
  }

  /// The attempt, the DAG run with its owner, and Airflow's page for it.
  func lines(of attempt: AttemptReference) -> [String] {
    let index = attempt.attempt.mapIndex >= 0 ? "[\(attempt.attempt.mapIndex)]" : ""
    let task = "\(attempt.attempt.taskID)\(index) try \(attempt.attempt.tryNumber)"
    let owner = attempt.owners.isEmpty ? "" : "  owner \(attempt.owners.joined(separator: ", "))"
    var lines = [
      "\(task)  \(attempt.state ?? "-")  of \(attempt.run.description)  \(attempt.runState ?? "-")\(owner)",
      "\(attempt.relation.rawValue), \(attempt.confidence.rawValue)",
    ].map(Layout.printable)
    if let url = url(of: attempt) { lines.append(Layout.printable(url)) }
    return lines
  }

  private func url(of attempt: AttemptReference) -> String? {
    uiURLs[attempt.run.instance].map {
      AirflowURL(uiURL: $0, airflowVersion: attempt.airflowVersion).attempt(attempt.attempt, of: attempt.run)
    }
  }

  /// `model.shop.orders.id → analytics.mart.orders`
  func place(of check: CheckSummary) -> String {
    let node = check.node.map { $0 + (check.column.map { ".\($0)" } ?? "") } ?? "-"
    return node + (check.relation.map { " → \($0)" } ?? "")
  }

  // MARK: JSON

  func write(_ run: DbtRun, to writer: inout JSONWriter) {
    writer.member("key", run.key.description)
    writer.member("account", run.account)
    writer.member("job_name", run.jobName)
    writer.member("environment_name", run.environmentName)
    writer.member("status", run.status)
    writer.member("started_at", run.startedAt)
    writer.member("finished_at", run.finishedAt)
    writer.member("href", run.href)
  }

  func write(_ attempts: [AttemptReference], to writer: inout JSONWriter) {
    writer.key("attempts")
    writer.array { writer in
      for attempt in attempts {
        writer.object {
          $0.member("dag_run", attempt.run.description)
          $0.member("dag_run_state", attempt.runState)
          $0.member("task_id", attempt.attempt.taskID)
          $0.member("map_index", attempt.attempt.mapIndex)
          $0.member("try_number", attempt.attempt.tryNumber)
          $0.member("state", attempt.state)
          $0.member("relation", attempt.relation.rawValue)
          $0.member("confidence", attempt.confidence.rawValue)
          $0.member("owners", attempt.owners)
          $0.member("url", url(of: attempt))
        }
      }
    }
  }

  func write(_ check: CheckSummary, to writer: inout JSONWriter) {
    writer.member("key", check.key)
    writer.member("unique_id", check.uniqueID)
    writer.member("name", check.name)
    writer.member("outcome", check.outcome.description)
    writer.member("since", check.since)
    writer.member("node", check.node)
    writer.member("column", check.column)
    writer.member("relation", check.relation)
    writer.member("owner", check.owner)
    writer.member("severity", check.severity)
    writer.member("last_at", check.lastAt)
    writer.member("last_run", check.lastRun?.description)
    writer.member("failed", check.failed)
    writer.member("of_last", check.recent)
  }
}

extension Configuration {
  /// How dbt runs, checks and nodes are shown.
  func nodeText() -> NodeText { NodeText(layout: .standard, uiURLs: recordContext().uiURLs) }
}
