import CommandLine
import Configuration
import Engine
import ExecutionModel
import Ledger
import Platform

/// `airflow-syncer deliveries replay`: history goes to a sink once more.
enum DeliveriesReplayCommand {
  static func perform(_ command: ParsedCommand) async throws -> ExitCode {
    let configuration = try loadConfiguration(command)
    let now = Instant(microseconds: wallClockMicroseconds())
    let names = command.texts(.sink)
    guard let name = names.first, names.count == 1 else {
      throw CommandFailure(message: "--sink NAME is needed, once", code: .usage)
    }
    guard configuration.sinks.contains(where: { $0.name == name }) else {
      let known = configuration.sinks.map(\.name).joined(separator: ", ")
      throw CommandFailure(
        message: "--sink \(Layout.printable(name)): no such sink in the configuration, which has: \(known)",
        code: .usage)
    }
    guard let since = command.time(.since)?.instant(now: now) else {
      throw CommandFailure(message: "--since TIME is needed: what had ended before is not sent again", code: .usage)
    }
    var request = ReplayRequest(sink: name, since: since)
    request.until = command.time(.until)?.instant(now: now)
    request.dagPatterns = command.texts(.dag)
    let ledger = Ledger(at: configuration.ledgerPlace, purpose: .correcting)
    try await ledger.open()
    await ledger.consider(sinks: configuration.sinks.map(\.registration))
    guard try await ledger.knownSink(name) != nil else {
      throw CommandFailure(
        message: "the ledger does not know sink `\(name)` yet: start the daemon, and it gets all of history by itself",
        code: .failed)
    }
    let before = try await ledger.pendingCount(ofSink: name)
    let planned = try await ledger.replay(request, isTrial: true)
    try StandardOutput.write("\(Self.words(planned)) to be sent to \(name) once more; \(before) wait for it now\n")
    guard planned.events > 0 else { return .ok }
    let done = try await ledger.replay(request, isTrial: false)
    let after = try await ledger.pendingCount(ofSink: name)
    makeTelemetry(command).emit(HistoryReplayed(sink: name, count: done))
    let isRunning = try await ledger.status().syncer?.isRunning == true
    try StandardOutput.write(
      "\(after) wait for \(name) now; they go when nothing newer is due"
        + (isRunning ? "" : "; no daemon is running: start it, or run `airflow-syncer sync`") + "\n")
    return .ok
  }

  private static func words(_ count: ReplayCount) -> String {
    let runs = [
      count.dagRuns > 0 ? "\(Layout.grouped(Int64(count.dagRuns))) DAG runs" : nil,
      count.dbtRuns > 0 ? "\(Layout.grouped(Int64(count.dbtRuns))) dbt runs without one" : nil,
    ].compactMap(\.self).joined(separator: " and ")
    return "\(Layout.grouped(Int64(count.events))) items" + (runs.isEmpty ? "" : " of \(runs)")
  }
}
