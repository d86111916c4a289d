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
  /// `record`
  var options: RecordOptions

  /// What dbt said, as far as it is to be shown.
  func shown(_ message: String?) -> String? { options.shown(message: message) }

  /// The same for people: its first lines, without empty ones.
  func lines(of message: String?) -> [String] {
    let lines = (shown(message) ?? "").split(whereSeparator: \.isNewline).map { Layout.trimmed(String($0)) }
      .filter { !$0.isEmpty }
    return lines.prefix(5).map(Layout.printable)
  }

  /// The line of a message that tells most: dbt's first one only says which node it is about.
  func gist(of message: String?) -> String? {
    let lines = lines(of: message)
    return lines.count > 1 && lines[0].contains(" Error in ") ? lines[1] : lines.first
  }

  /// `3 rows`
  static func rows(_ count: Int64) -> String { count == 1 ? "1 row" : "\(count) rows" }

  /// What people call a node whose name is not known: `orders` of `model.shop.orders`, `not_null_orders_id` of
  /// `test.shop.not_null_orders_id.5f2b1c9d0e`, `raw.orders` of `source.shop.raw.orders`.
  static func name(of uniqueID: String) -> String {
    let parts = uniqueID.split(separator: ".", omittingEmptySubsequences: false)
    switch (parts.first, parts.count) {
    case ("test", 4...): return parts[2..<(parts.count - 1)].joined(separator: ".")
    case ("unit_test", 4...): return parts[3...].joined(separator: ".")
    case (_, 3...): return parts[2...].joined(separator: ".")
    default: return uniqueID
    }
  }

  /// What a check is called; that of a source's freshness has the source's name.
  static func name(of check: CheckSummary) -> String {
    isFreshness(check) ? "freshness" : check.name ?? name(of: check.uniqueID)
  }

  private static func isFreshness(_ check: CheckSummary) -> Bool { check.uniqueID.hasPrefix("source.") }

  /// `orders.id`
  static func shortPlace(of check: CheckSummary) -> String {
    check.node.map { name(of: $0) + (check.column.map { ".\($0)" } ?? "") } ?? "-"
  }

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
  func nodeText() -> NodeText {
    let context = recordContext()
    return NodeText(layout: .standard, uiURLs: context.uiURLs, options: context.options)
  }
}
