import CommandLine
import Configuration
import Engine
import ExecutionModel
import JSONText
import Ledger
import Platform
import Records

/// `airflow-syncer why NODE`: what became of a model, test, source or relation, and why.
enum WhyCommand {
  static func perform(_ command: ParsedCommand) async throws -> ExitCode {
    let configuration = try loadConfiguration(command)
    let ledger = Ledger(at: configuration.ledgerPlace, purpose: .reading)
    try await ledger.open()
    let name = command.arguments.first ?? ""
    let found = try await ledger.nodes(named: name)
    guard let node = found.first else {
      throw CommandFailure(
        message:
          "no node of a dbt project is known by `\(Layout.printable(name))`: it is a unique_id, a name, a relation, or a part of "
          + "one, of a dbt run in the ledger", code: .failed)
    }
    guard found.count == 1 else {
      let names = found.map { "  \(Layout.printable($0.uniqueID + ($0.relation.map { " → \($0)" } ?? "")))" }
      throw CommandFailure(
        message: "`\(Layout.printable(name))` may mean several nodes:\n\(names.joined(separator: "\n"))", code: .failed)
    }
    guard let story = try await ledger.story(ofNode: node.uniqueID, runs: command.count(.limit) ?? 5) else {
      return .failed
    }
    let text = configuration.nodeText()
    if command.flag(.json) {
      try StandardOutput.write(
        WhyDocument(text: text).bytes(story))
    } else {
      try StandardOutput.write(WhyScreen(text: text).text(story))
    }
    return .ok
  }
}

/// The screen of `why`.
struct WhyScreen {
  var text: NodeText

  func text(_ story: NodeStory) -> String {
    let node = story.node
    let relation = node.relation.map { " → \($0)" } ?? ""
    let owner = node.owner.map { "  owner \($0)" } ?? ""
    var lines = [Layout.printable("\(node.uniqueID)\(relation)\(owner)")]
    let place = [node.materialized, node.path].compactMap(\.self).joined(separator: "  ")
    if !place.isEmpty { lines.append(Layout.printable(place)) }
    let failing = story.checks.filter { $0.outcome.isFailing || $0.outcome == .warn }
    if !story.checks.isEmpty { lines.append("CHECKS  \(story.checks.count), \(failing.count) not passing") }
    let isOneScope = Set(story.checks.map(\.scope)).count < 2
    for check in failing.prefix(10) {
      let since = check.since.map { "  since \($0.date) \($0.clock)" } ?? ""
      lines.append(
        "  \(text.status(check.outcome.description)) \(Layout.printable(NodeText.name(of: check)))\(since)"
          + "  failed \(check.failed) of last \(check.recent)"
          + (isOneScope ? "" : "  in \(Layout.printable(check.scope))"))
    }
    if failing.count > 10 { lines.append("  and \(failing.count - 10) more") }
    if story.runs.isEmpty { lines.append("no dbt run of it is known") }
    for run in story.runs { lines += self.lines(of: run) }
    return lines.map(text.layout.cut).joined(separator: "\n") + "\n"
  }

  private func lines(of run: NodeRun) -> [String] {
    let start = (run.run.startedAt ?? run.run.createdAt).map { "\($0.date) \($0.clock)" } ?? "-"
    let job = run.run.jobName.map { "  \(Layout.printable($0))" } ?? ""
    var lines = ["\(start)  dbt \(Layout.printable(run.run.key.description))\(job)  \(text.status(run.run.status))"]
    for result in run.results {
      let one = result.result
      var parts = ["step \(result.step)", text.status(one.status)]
      if let time = one.executionTime { parts.append(Layout.duration(time)) }
      if let rows = one.failures ?? one.rowsAffected { parts.append(NodeText.rows(rows)) }
      lines.append("  " + parts.joined(separator: "  "))
      lines += text.lines(of: one.message).map { "    \($0)" }
    }
    for freshness in run.freshness {
      let age = freshness.ageSeconds.map { "  \(Layout.duration($0)) old" } ?? ""
      lines.append("  freshness  \(text.status(freshness.status))\(age)")
      lines += text.lines(of: freshness.error).map { "    \($0)" }
    }
    if run.results.isEmpty, run.freshness.isEmpty { lines.append("  no result of its own") }
    if run.isLineageKnown {
      lines += around("upstream", run.upstream) + around("downstream", run.downstream)
    } else {
      lines.append("  upstream and downstream are not known: the run has no manifest.json that could be read")
    }
    for attempt in run.attempts {
      for (index, line) in text.lines(of: attempt).enumerated() { lines.append((index == 0 ? "  └ " : "    ") + line) }
    }
    if let href = run.run.href { lines.append("  \(Layout.printable(href))") }
    return lines
  }

  private func around(_ side: String, _ nodes: [NodeGraph.Node]) -> [String] {
    let failed = nodes.filter { $0.status != "skipped" }
    let skipped = nodes.filter { $0.status == "skipped" }.map { $0.name ?? NodeText.name(of: $0.uniqueID) }
    var lines = failed.prefix(5).map { node in
      let rows = node.failures.map { "  \(NodeText.rows($0))" } ?? ""
      let message = node.failures == nil ? text.gist(of: node.message).map { "  \($0)" } ?? "" : ""
      let name = node.name ?? NodeText.name(of: node.uniqueID)
      return "  \(side)  \(text.status(node.status)) \(Layout.printable(name))\(rows)\(message)"
    }
    if failed.count > 5 { lines.append("  \(side)  and \(failed.count - 5) more failed") }
    if !skipped.isEmpty {
      let more = skipped.count > 3 ? ", +\(skipped.count - 3)" : ""
      lines.append("  \(side)  skipped: \(Layout.printable(skipped.prefix(3).joined(separator: ", ")))\(more)")
    }
    return lines
  }
}

/// The same as JSON.
struct WhyDocument {
  var text: NodeText

  func bytes(_ story: NodeStory) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.key("node")
      writer.object { write(story.node, to: &$0) }
      writer.key("checks")
      writer.array { writer in for check in story.checks { writer.object { text.write(check, to: &$0) } } }
      writer.key("runs")
      writer.array { writer in for run in story.runs { writer.object { write(run, to: &$0) } } }
    }
    writer.newline()
    return writer.bytes
  }

  private func write(_ node: DbtNode, to writer: inout JSONWriter) {
    writer.member("unique_id", node.uniqueID)
    writer.member("resource_type", node.resourceType)
    writer.member("name", node.name)
    writer.member("package", node.package)
    writer.member("path", node.path)
    writer.member("owner", node.owner)
    writer.member("group", node.group)
    writer.member("tags", node.tags)
    writer.member("relation", node.relation)
    writer.member("materialized", node.materialized)
    writer.member("description", node.description)
    writer.member("depends_on", node.dependsOn)
  }

  private func write(_ run: NodeRun, to writer: inout JSONWriter) {
    writer.key("dbt_run")
    writer.object { text.write(run.run, to: &$0) }
    writer.key("results")
    writer.array { writer in
      for result in run.results {
        writer.object {
          $0.member("step", result.step)
          $0.member("status", result.result.status)
          $0.member("started_at", result.result.startedAt)
          $0.member("completed_at", result.result.completedAt)
          $0.member("execution_time_s", result.result.executionTime)
          $0.member("rows_affected", result.result.rowsAffected)
          $0.member("failures", result.result.failures)
          $0.member("message", text.shown(result.result.message))
        }
      }
    }
    writer.key("freshness")
    writer.array { writer in
      for freshness in run.freshness {
        writer.object {
          $0.member("status", freshness.status)
          $0.member("max_loaded_at", freshness.maxLoadedAt)
          $0.member("max_loaded_at_time_ago_in_s", freshness.ageSeconds)
          $0.member("error", text.shown(freshness.error))
        }
      }
    }
    writer.member("lineage_known", run.isLineageKnown)
    write("upstream", run.upstream, to: &writer)
    write("downstream", run.downstream, to: &writer)
    text.write(run.attempts, to: &writer)
  }

  private func write(_ side: StaticString, _ nodes: [NodeGraph.Node], to writer: inout JSONWriter) {
    writer.key(side)
    writer.array { writer in
      for node in nodes {
        writer.object {
          $0.member("unique_id", node.uniqueID)
          $0.member("status", node.status)
          $0.member("failures", node.failures)
          $0.member("message", text.shown(node.message))
        }
      }
    }
  }
}
