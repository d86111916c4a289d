import CommandLine
import Configuration
import Engine
import ExecutionModel
import JSONText
import Ledger
import Platform

/// `airflow-syncer checks show CHECK`: one check with its history.
enum ChecksShowCommand {
  static func perform(_ command: ParsedCommand) async throws -> ExitCode {
    let configuration = try loadConfiguration(command)
    let ledger = Ledger(at: configuration.ledgerPlace, purpose: .reading)
    try await ledger.open()
    let name = command.arguments.first ?? ""
    let found = try await ledger.checks(named: name)
    guard let check = found.first else {
      throw CommandFailure(
        message: "no check is known by `\(Layout.printable(name))`: see `airflow-syncer checks list`", code: .failed)
    }
    guard found.count == 1 else {
      let keys = found.map { "  \(Layout.printable($0.key))" }.joined(separator: "\n")
      throw CommandFailure(message: "`\(Layout.printable(name))` may mean several checks:\n\(keys)", code: .failed)
    }
    let history = try await ledger.history(ofCheck: check.id, limit: command.count(.limit) ?? 20)
    let text = configuration.nodeText()
    guard command.flag(.json) else {
      try StandardOutput.write(CheckScreen(text: text).text(check, history))
      return .ok
    }
    var writer = JSONWriter()
    writer.object { writer in
      text.write(check, to: &writer)
      writer.key("history")
      writer.array { writer in
        for outcome in history {
          writer.object {
            $0.member("at", outcome.at)
            $0.member("outcome", outcome.outcome.description)
            $0.member("failures", outcome.failures)
            $0.member("message", text.shown(outcome.message))
            $0.member("step", outcome.step)
            $0.key("dbt_run")
            $0.object { text.write(outcome.run, to: &$0) }
            text.write(outcome.attempts, to: &$0)
          }
        }
      }
    }
    writer.newline()
    try StandardOutput.write(writer.bytes)
    return .ok
  }
}

/// The screen of `checks show`.
struct CheckScreen {
  var text: NodeText

  func text(_ check: CheckSummary, _ history: [CheckOutcome]) -> String {
    var lines = ["\(text.status(check.outcome.description))  \(Layout.printable(check.key))"]
    var second = ["on \(text.place(of: check))"]
    if let owner = check.owner { second.append("owner \(owner)") }
    if let severity = check.severity { second.append("severity \(severity)") }
    lines.append(Layout.printable(second.joined(separator: "  ")))
    let since = check.since.map { "since \($0.date) \($0.clock) UTC, " } ?? ""
    lines.append("\(since)failed \(check.failed) of the last \(check.recent)")
    for outcome in history {
      let rows = outcome.failures.map { "  \(NodeText.rows($0))" } ?? ""
      lines.append(
        "\(outcome.at.date) \(outcome.at.clock)  \(text.status(outcome.outcome.description))\(rows)  dbt \(outcome.run.key)"
          + (outcome.run.jobName.map { "  \(Layout.printable($0))" } ?? ""))
      if outcome.outcome != .pass { lines += text.lines(of: outcome.message).map { "  \($0)" } }
      for attempt in outcome.attempts { lines.append("  └ \(text.lines(of: attempt)[0])") }
      if outcome.outcome.isFailing, let href = outcome.run.href { lines.append("  \(Layout.printable(href))") }
    }
    return lines.map(text.layout.cut).joined(separator: "\n") + "\n"
  }
}
