import CommandLine
import Configuration
import Engine
import ExecutionModel
import JSONText
import Ledger
import Platform

/// `airflow-syncer checks list`: tests and source freshness. With `--json` one check a line.
enum ChecksListCommand {
  static func perform(_ command: ParsedCommand) async throws -> ExitCode {
    let configuration = try loadConfiguration(command)
    var filter = CheckFilter()
    filter.failingOnly = command.flag(.failing)
    filter.accounts = command.texts(.account)
    filter.dagPatterns = command.texts(.dag)
    filter.limit = command.count(.limit) ?? (command.flag(.json) ? nil : 20)
    let ledger = Ledger(at: configuration.ledgerPlace, purpose: .reading)
    try await ledger.open()
    let checks = try await ledger.checks(filter)
    let text = configuration.nodeText()
    if command.flag(.json) {
      for check in checks {
        var writer = JSONWriter()
        writer.object { text.write(check, to: &$0) }
        writer.newline()
        try StandardOutput.write(writer.bytes)
      }
    } else if checks.isEmpty {
      StandardOutput.writeError("no check matches\n")
    } else {
      try StandardOutput.write(ChecksScreen(text: text).text(checks))
      if filter.limit == checks.count { StandardOutput.writeError("the first \(checks.count); --limit N shows more\n") }
    }
    return .ok
  }
}

/// The screen of `checks list`.
struct ChecksScreen {
  var text: NodeText

  func text(_ checks: [CheckSummary]) -> String {
    let rows = checks.map { check in
      [
        check.outcome.description, check.since.map { "\($0.date) \($0.clock.prefix(5))" } ?? "-",
        "\(check.failed)/\(check.recent)",
        NodeText.name(of: check), NodeText.shortPlace(of: check), Self.name(of: check.lastRun),
      ]
    }
    var lines = text.layout.table(
      ["OUTCOME", "SINCE (UTC)", "FAILED", "CHECK", "ON", "LAST RUN"], rows, right: [2])
    for (index, check) in checks.enumerated() {
      let outcome = Layout.printable(check.outcome.description)
      guard lines[index + 1].hasPrefix(outcome) else { continue }
      lines[index + 1] =
        text.layout.coloured(outcome, Layout.colour(ofState: check.outcome.description))
        + lines[index + 1].dropFirst(outcome.count)
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func name(of run: DbtRunKey?) -> String {
    switch run {
    case .cloud(_, _, let id)?: String(id)
    // The beginning of its key will do for `runs show`.
    case .core(let name, let id)?: "core/\(name)/\(id.prefix(8))"
    case nil: "-"
    }
  }
}
