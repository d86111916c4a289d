import CommandLine
import Configuration
import Engine
import ExecutionModel
import Ledger
import Platform
import Records

/// `airflow-syncer runs show RUN`: one record.
enum RunsShowCommand {
  static func perform(_ command: ParsedCommand) async throws -> ExitCode {
    let configuration = try loadConfiguration(command)
    let ledger = Ledger(at: configuration.ledgerPlace, purpose: .reading)
    try await ledger.open()
    let text = command.arguments.first ?? ""
    let found = try await RunLookup.find(RunLookup.Name(text), in: ledger)
    guard let run = found.first else {
      throw CommandFailure(
        message: "no record is known by `\(Layout.printable(text))`: see `airflow-syncer runs list`", code: .failed)
    }
    guard found.count == 1 else {
      let keys = found.map { "  \(Layout.printable($0.key))" }.joined(separator: "\n")
      throw CommandFailure(message: "`\(Layout.printable(text))` may mean several records:\n\(keys)", code: .failed)
    }
    let context = configuration.recordContext()
    if command.flag(.json) {
      _ = try await ledger.writeRecord(run.id, context, to: { try StandardOutput.write($0) })
      return .ok
    }
    guard let record = try await ledger.record(run.id, context) else { return .failed }
    await ledger.consider(sinks: configuration.sinks.map(\.registration))
    let deliveries = try await ledger.deliveries(of: run.id)
    let now = Instant(microseconds: wallClockMicroseconds())
    try StandardOutput.write(
      RecordScreen(text: configuration.nodeText(), now: now).text(record, deliveries: deliveries))
    return .ok
  }
}

/// The screen of `runs show`: the DAG run, its attempts on a time line, under each its dbt runs with what failed.
struct RecordScreen {
  var text: NodeText
  var now: Instant
  private var layout: Layout { text.layout }

  init(text: NodeText, now: Instant) { (self.text, self.now) = (text, now) }

  func text(_ record: ExecutionRecord, deliveries: [SinkDeliveries]) -> String {
    guard let run = record.header.run else { return dbtRunText(record, deliveries: deliveries) }
    var lines = headlines(record, run)
    let line = TimeLine(record, now: now, columns: max(0, min(40, layout.columns - 70)))
    let runs = Dictionary(record.dbtRuns.map { ($0.key, $0) }) { first, _ in first }
    let names = record.attempts.map { name(of: $0.attempt) }
    let width = min(max(4, names.map(Layout.width).max() ?? 4), max(20, layout.columns - 60))
    lines.append(row(width, "TASK", "TRY", "STATE", "START", "TOOK", line.scale))
    for (linked, name) in zip(record.attempts, names) {
      let attempt = linked.attempt
      let end = attempt.endDate ?? (attempt.isFinished ? nil : now)
      let took = attempt.startDate.flatMap { start in end.map { Layout.duration($0.seconds(since: start)) } }
      lines.append(
        row(
          width, name, attempt.key.tryNumber > 0 ? String(attempt.key.tryNumber) : "-", attempt.state ?? "-",
          attempt.startDate?.clock ?? "-", took ?? "-", line.bar(attempt.startDate, end)))
      if let removed = linked.removed { lines.append("└ gone from Airflow, seen \(removed.seenAt.rfc3339)") }
      for link in linked.links { lines += self.lines(of: link, runs: runs) }
    }
    for tries in record.unseenTries {
      let index = tries.mapIndex >= 0 ? "[\(tries.mapIndex)]" : ""
      let numbers = tries.first == tries.last ? "try \(tries.first)" : "tries \(tries.first) to \(tries.last)"
      lines.append("\(Layout.printable(tries.taskID))\(index)  \(numbers): over before they were seen")
    }
    if !deliveries.isEmpty { lines.append("SENT  " + deliveries.map(self.sent).joined(separator: "  ")) }
    return lines.map(layout.cut).joined(separator: "\n") + "\n"
  }

  /// A dbt run that no attempt is known for.
  private func dbtRunText(_ record: ExecutionRecord, deliveries: [SinkDeliveries]) -> String {
    var lines: [String] = []
    for run in record.dbtRuns {
      let status = layout.coloured(run.status.uppercased(), Layout.colour(ofState: run.status))
      let job = run.jobName.map { "  \(Layout.printable($0))" } ?? ""
      lines.append("\(status)  \(Layout.printable(run.key.description))\(job)")
      var second: [String] = []
      if let start = run.startedAt {
        second.append("\(start.date) \(start.clock) → \(run.finishedAt?.clock ?? "…") UTC")
        second.append(Layout.duration((run.finishedAt ?? now).seconds(since: start)))
      }
      if let href = run.href { second.append(Layout.printable(href)) }
      if !second.isEmpty { lines.append(second.joined(separator: "  ")) }
      lines.append(Layout.printable("no Airflow attempt is known for it" + (run.cause.map { "; cause: \($0)" } ?? "")))
      for step in run.steps where isTelling(step) { lines += self.lines(of: step) }
    }
    if !deliveries.isEmpty { lines.append("SENT  " + deliveries.map(self.sent).joined(separator: "  ")) }
    return lines.map(layout.cut).joined(separator: "\n") + "\n"
  }

  private func isTelling(_ step: DbtStep) -> Bool {
    !step.results.isEmpty || !step.freshness.isEmpty || step.runResults == .invalid
  }

  // MARK: Parts

  private func headlines(_ record: ExecutionRecord, _ run: DagRun) -> [String] {
    let state = layout.coloured((run.state ?? "unknown").uppercased(), Layout.colour(ofState: run.state))
    var first = "\(state)  \(run.key.instance)/\(Layout.printable(run.key.dagID))  \(Layout.printable(run.key.runID))"
    if let owners = record.header.dag?.owners, !owners.isEmpty {
      first += "  owner \(Layout.printable(owners.joined(separator: ", ")))"
    }
    var second: [String] = []
    if let start = run.startDate {
      second.append("\(start.date) \(start.clock) → \(run.endDate?.clock ?? "…") UTC")
      if let end = run.endDate ?? (run.isOpen ? now : nil) { second.append(Layout.duration(end.seconds(since: start))) }
    }
    if let ui = record.header.ui { second.append(ui.dagRun(run.key)) }
    var lines = [first]
    if !second.isEmpty { lines.append(second.joined(separator: "  ")) }
    if let removed = record.header.removed {
      lines.append("\(removed.kind.rawValue) in Airflow, seen \(removed.seenAt.rfc3339)")
    }
    for clear in record.header.history {
      let number = clear.clearNumber.map { "clear \($0): " } ?? ""
      lines.append(
        "before it was cleared  \(number)\(clear.state ?? "-")  \(clear.startDate?.clock ?? "-") → \(clear.endDate?.clock ?? "-")"
      )
    }
    return lines
  }

  private func name(of attempt: TaskAttempt) -> String {
    let index = attempt.key.mapIndex >= 0 ? "[\(attempt.renderedMapIndex ?? String(attempt.key.mapIndex))]" : ""
    return Layout.printable(attempt.key.taskID + index)
  }

  private func row(
    _ width: Int, _ task: String, _ number: String, _ state: String, _ start: String, _ took: String, _ bar: String
  ) -> String {
    func left(_ text: String, _ width: Int) -> String {
      let text = Layout.fitted(text, to: width)
      return text + String(repeating: " ", count: max(0, width - Layout.width(text)))
    }
    let padded = left(state, 15)
    let shown = layout.coloured(padded, Layout.colour(ofState: state))
    let right = String(repeating: " ", count: max(0, 7 - took.count)) + took
    return "\(left(task, width))  \(left(number, 3))  \(shown)  \(left(start, 8))  \(right)  \(bar)"
  }

  private func lines(of link: RunLink, runs: [DbtRunKey: DbtRun]) -> [String] {
    let why =
      link.evidence.first.map { " (\($0.kind.hasPrefix("xcom_") ? String($0.kind.dropFirst(5)) : $0.kind))" } ?? ""
    let resumed = if case .cloud(_, _, let runID)? = link.retriedRun { " \(runID)" } else { "" }
    let sure = "\(link.relation.rawValue)\(resumed), \(link.confidence.rawValue)\(why)"
    guard let key = link.key, let run = runs[key] else {
      let id = if case .cloud(_, _, let runID)? = link.key { " \(runID)" } else { "" }
      return ["└ dbt\(id)    \(sure)    \(Layout.printable(link.unresolved ?? "not known"))"]
    }
    let status = layout.coloured(run.status, Layout.colour(ofState: run.status))
    var lines = [
      "└ dbt \(run.runID.map(String.init) ?? key.description)    \(Layout.printable(run.jobName ?? "-"))    \(status)    \(sure)"
    ]
    for step in run.steps where isTelling(step) { lines += self.lines(of: step) }
    if let href = run.href, run.status != "success" { lines.append("    \(href)") }
    return lines
  }

  private func lines(of step: DbtStep) -> [String] {
    var counts: [(String, Int)] = []
    for status in step.results.map(\.status) + step.freshness.map(\.status) {
      if let index = counts.firstIndex(where: { $0.0 == status }) {
        counts[index].1 += 1
      } else {
        counts.append((status, 1))
      }
    }
    let order = ["success", "pass", "fail", "error", "warn", "skipped"]
    counts.sort { (order.firstIndex(of: $0.0) ?? 9, $0.0) < (order.firstIndex(of: $1.0) ?? 9, $1.0) }
    let tally = counts.map { "\($0.0) \($0.1)" }.joined(separator: "  ")
    let command = step.command.map { "dbt \($0)" } ?? Layout.printable(step.name ?? "-")
    var lines = [
      "  └ step \(step.index) \(command)    \(step.runResults == .invalid ? "run_results.json cannot be read" : tally)"
    ]
    let failed = step.results.filter { !RecordOptions.passedStatuses.contains($0.status) }
    for result in failed.prefix(10) {
      let rows = result.failures.map { "  \(NodeText.rows($0))" } ?? ""
      let on = result.attachedNode.map { "   on \($0)" } ?? result.relation.map { "   → \($0)" } ?? ""
      let label = layout.coloured(result.status.uppercased(), Layout.colour(ofState: result.status))
      lines.append("    \(label) \(Layout.printable(result.name ?? result.uniqueID))\(rows)\(on)")
      if result.failures == nil, let gist = text.gist(of: result.message) { lines.append("      \(gist)") }
    }
    if failed.count > 10 { lines.append("    and \(failed.count - 10) more") }
    let skipped = step.results.filter { $0.status == "skipped" }.map { $0.name ?? NodeText.name(of: $0.uniqueID) }
    if !skipped.isEmpty {
      let more = skipped.count > 3 ? ", +\(skipped.count - 3)" : ""
      lines.append("      skipped: \(Layout.printable(skipped.prefix(3).joined(separator: ", ")))\(more)")
    }
    return lines
  }

  private func sent(_ delivery: SinkDeliveries) -> String {
    let made = "\(delivery.made - delivery.pending - delivery.parked)/\(delivery.made)"
    return "\(delivery.sink) \(made)" + (delivery.parked > 0 ? " (\(delivery.parked) parked)" : "")
  }
}

/// When the attempts of a run ran, as bars.
private struct TimeLine {
  private let start: Instant?
  private let seconds: Double
  private let columns: Int

  init(_ record: ExecutionRecord, now: Instant, columns: Int) {
    let starts = record.attempts.compactMap(\.attempt.startDate)
    let ends = record.attempts.map { $0.attempt.endDate ?? ($0.attempt.isFinished ? $0.attempt.startDate : now) }
      .compactMap(\.self)
    start = starts.min()
    seconds =
      zip([starts.min()], [ends.max()]).compactMap { first, last in
        first.flatMap { first in last.map { max(1, $0.seconds(since: first)) } }
      }.first ?? 1
    self.columns = columns >= 12 ? columns : 0
  }

  var scale: String {
    guard columns > 0, start != nil else { return "" }
    let middle = Layout.duration(seconds / 2)
    let end = Layout.duration(seconds)
    let gap = String(repeating: " ", count: max(1, columns / 2 - 2 - middle.count / 2))
    let rest = String(repeating: " ", count: max(1, columns - 2 - gap.count - middle.count - end.count))
    return "0s\(gap)\(middle)\(rest)\(end)"
  }

  func bar(_ from: Instant?, _ to: Instant?) -> String {
    guard columns > 0, let start, let from, let to else { return "" }
    let first = min(columns - 1, max(0, Int(from.seconds(since: start) / seconds * Double(columns))))
    let length = max(1, min(columns - first, Int((to.seconds(since: from) / seconds * Double(columns)).rounded())))
    return String(repeating: " ", count: first) + String(repeating: "█", count: length)
  }
}
