import CommandLine
import Configuration
import Engine
import ExecutionModel
import Ledger
import Platform

/// `airflow-syncer runs list`: records, newest first. With `--json` the records themselves, one a line.
enum RunsListCommand {
  static func perform(_ command: ParsedCommand) async throws -> ExitCode {
    let configuration = try loadConfiguration(command)
    let now = Instant(microseconds: wallClockMicroseconds())
    var filter = RunFilter()
    filter.instances = command.texts(.instance)
    filter.dagPatterns = command.texts(.dag)
    filter.states = command.texts(.state)
    filter.since = command.time(.since)?.instant(now: now)
    filter.until = command.time(.until)?.instant(now: now)
    if let text = command.text(.dbtRun) {
      guard case .dbtRun(let id) = RunLookup.Name(text) else {
        throw CommandFailure(message: "--dbt-run \(text): expected a dbt Cloud run's id or its URL", code: .usage)
      }
      filter.dbtRunID = id
    }
    filter.limit = command.count(.limit) ?? (command.flag(.json) ? nil : 20)
    let ledger = Ledger(at: configuration.ledgerPlace, purpose: .reading)
    try await ledger.open()
    let runs = try await ledger.runs(filter)
    if command.flag(.json) {
      let context = configuration.recordContext()
      for run in runs { _ = try await ledger.writeRecord(run.id, context, to: { try StandardOutput.write($0) }) }
    } else if runs.isEmpty {
      StandardOutput.writeError("no record matches\n")
    } else {
      try StandardOutput.write(RunsScreen(layout: .standard).text(runs, now: now))
      if filter.limit == runs.count { StandardOutput.writeError("the newest \(runs.count); --limit N shows more\n") }
    }
    return .ok
  }
}

/// The screen of `runs list`.
struct RunsScreen {
  var layout: Layout

  func text(_ runs: [RunSummary], now: Instant) -> String {
    let rows = runs.map { run in
      let end = run.endDate ?? (run.state == "running" ? now : nil)
      let took = run.startDate.flatMap { start in end.map { Layout.duration($0.seconds(since: start)) } }
      let tasks =
        run.dagRun == nil ? "-" : run.failedTasks > 0 ? "\(run.tasks) (\(run.failedTasks) failed)" : String(run.tasks)
      return [
        run.removed ?? run.state ?? "-", run.startDate.map { "\($0.date) \($0.clock)" } ?? "-", took ?? "-", tasks,
        run.dbtRuns > 0 ? String(run.dbtRuns) : "-", run.key,
      ]
    }
    var lines = layout.table(["STATE", "START (UTC)", "TOOK", "TASKS", "DBT", "RUN"], rows, right: [2, 4])
    for (index, run) in runs.enumerated() {
      let state = Layout.printable(run.removed ?? run.state ?? "-")
      guard lines[index + 1].hasPrefix(state) else { continue }
      lines[index + 1] =
        layout.coloured(state, Layout.colour(ofState: run.state)) + lines[index + 1].dropFirst(state.count)
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
