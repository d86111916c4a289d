import CommandLine
import Engine
import ExecutionModel
import Glibc
import Platform

/// `airflow-syncer sync`: one full pass.
enum SyncCommand {
  static func perform(_ command: ParsedCommand) async throws -> ExitCode {
    let configuration = try loadConfiguration(command)
    let now = Instant(microseconds: wallClockMicroseconds())
    let instances = command.texts(.instance)
    for instance in instances where !configuration.airflow.contains(where: { $0.name == instance }) {
      let known = configuration.airflow.map(\.name).joined(separator: ", ")
      throw CommandFailure(
        message: "--instance \(instance): no such instance in the configuration, which has: \(known)", code: .usage)
    }
    let progress = ProgressLine()
    let pass = try SyncPass(configuration)
    let work = Task {
      try await pass.run(
        SyncPass.Request(
          instances: instances, since: command.time(.since)?.instant(now: now), progress: { progress.show($0) }))
    }
    let interrupts = Task {
      for await _ in signals([SIGTERM, SIGINT]) { work.cancel() }
    }
    defer { interrupts.cancel() }
    let outcome: SyncPass.Outcome
    do { outcome = try await work.value } catch is CancellationError {
      progress.clear()
      throw CommandFailure(message: "interrupted; the next sync goes on from here", code: .temporary)
    } catch {
      progress.clear()
      throw error
    }
    progress.clear()
    try StandardOutput.write(summary(outcome))
    for failure in outcome.failures { StandardOutput.writeError("failed: \(failure)\n") }
    if outcome.parked > 0 {
      StandardOutput.writeError(
        "failed: \(outcome.parked) items were refused by a backend and parked: see `airflow-syncer deliveries list`\n")
    }
    return outcome.isWhole ? .ok : .failed
  }

  private static func summary(_ outcome: SyncPass.Outcome) -> String {
    var parts = ["\(outcome.newRuns) new and \(outcome.changedRuns) changed of \(outcome.runsRead) DAG runs read"]
    parts.append("\(outcome.dbtRunsFetched) dbt runs fetched")
    parts.append("\(outcome.delivered) items delivered")
    if outcome.deleted > 0 {
      parts.append(outcome.deleted == 1 ? "1 old run deleted" : "\(outcome.deleted) old runs deleted")
    }
    var line = parts.joined(separator: ", ")
    if outcome.dbtRunsUnderWay > 0 { line += "; \(outcome.dbtRunsUnderWay) dbt runs are still under way" }
    if outcome.pending > 0 { line += "; \(outcome.pending) items still to deliver" }
    return line + "\n"
  }
}

/// One line on the terminal that changes in place; nothing at all in a pipe.
final class ProgressLine: Sendable {
  private let columns = StandardOutput.errorColumns

  func show(_ progress: SyncPass.Progress) {
    guard columns > 0 else { return }
    let text: String
    switch progress {
    case .reading(let instance, let runs, let attempts, let remaining, let seconds):
      let rate = seconds > 0 ? Double(runs) / seconds : 0
      var line = "\(instance): \(runs) runs, \(attempts) attempts read"
      if let remaining, remaining > 0 {
        line += " \(Layout.bar(runs, of: runs + remaining)) \(Layout.grouped(Int64(rate)))/s"
        if rate > 0 { line += ", \(Layout.duration(Double(remaining) / rate)) left" }
      }
      text = line
    case .fetching(let account, let fetched): text = "\(account): \(fetched) dbt runs fetched"
    case .delivering(let sink, let delivered, let pending): text = "\(sink): \(delivered) delivered, \(pending) to go"
    }
    StandardOutput.writeError("\r\(text.prefix(columns - 1))\u{1B}[K")
  }

  func clear() { if columns > 0 { StandardOutput.writeError("\r\u{1B}[K") } }
}
