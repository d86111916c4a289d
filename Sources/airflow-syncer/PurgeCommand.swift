import CommandLine
import Configuration
import Engine
import ExecutionModel
import Ledger
import Platform

/// `airflow-syncer purge`: removes what was kept, also beside the daemon.
enum PurgeCommand {
  static func perform(_ command: ParsedCommand) async throws -> ExitCode {
    let configuration = try loadConfiguration(command)
    var request = PurgeRequest()
    request.dags = command.texts(.dag)
    request.before = command.time(.before)?.instant(now: Instant(microseconds: wallClockMicroseconds()))
    request.instances = command.texts(.instance)
    request.withPending = command.flag(.pending)
    guard !request.dags.isEmpty || request.before != nil else {
      throw CommandFailure(
        message: "say what to remove: --dag DAG_ID, --before TIME, or both; --dry-run shows what that is", code: .usage)
    }
    let isTrial = command.flag(.dryRun) || !command.flag(.yes)
    let ledger = Ledger(at: configuration.ledgerPlace, purpose: isTrial ? .reading : .correcting)
    try await ledger.open()
    let outcome = try await purge(request, in: ledger, isTrial: isTrial)
    if !isTrial { try await ledger.finishPurge() }
    await ledger.close()
    try StandardOutput.write(PurgeText(outcome: outcome, isTrial: isTrial, command: command).text)
    return .ok
  }

  /// Slice by slice, with as much time between them for the daemon.
  private static func purge(_ request: PurgeRequest, in ledger: Ledger, isTrial: Bool) async throws -> PurgeOutcome {
    var outcome = PurgeOutcome()
    var cursor: PurgeCursor? = PurgeCursor()
    while let next = cursor {
      let begin = monotonicSeconds()
      (cursor, outcome) = try await ledger.purged(request, from: next, isTrial: isTrial, outcome)
      if !isTrial { try await Task.sleep(for: .seconds(min(1, monotonicSeconds() - begin))) }
    }
    return outcome
  }
}

extension Ledger {
  fileprivate func purged(
    _ request: PurgeRequest, from cursor: PurgeCursor, isTrial: Bool, _ before: PurgeOutcome
  ) throws -> (PurgeCursor?, PurgeOutcome) {
    var outcome = before
    let next = try purge(request, from: cursor, isTrial: isTrial, into: &outcome)
    return (next, outcome)
  }
}

/// What `purge` tells.
struct PurgeText {
  var outcome: PurgeOutcome
  var isTrial: Bool
  var command: ParsedCommand

  var text: String {
    let what = [
      Self.count(outcome.dagRuns, "DAG run"), "with \(Self.count(outcome.attempts, "attempt"))",
      "and \(Self.count(outcome.dbtRuns, "dbt run"))",
    ].joined(separator: " ")
    var lines = [isTrial ? "would remove \(what)" : "removed \(what)"]
    if outcome.deliveries > 0 {
      let deliveries = Self.count(outcome.deliveries, "delivery", "deliveries")
      lines.append(isTrial ? "would give up \(deliveries)" : "gave up \(deliveries) that had not been made")
    }
    if outcome.waiting > 0 {
      lines.append(
        "kept \(Self.count(outcome.waiting, "run")) of which "
          + "\(Self.count(outcome.waitingDeliveries, "delivery waits", "deliveries wait")) for a sink or "
          + "\(outcome.waitingDeliveries == 1 ? "was" : "were") refused: --pending gives them up")
    }
    if outcome.open > 0 {
      lines.append(
        "kept \(Self.count(outcome.open, "run")) that Airflow is not done with: purge them when they are over, or exclude "
          + "the DAG first (`dags: { exclude: [...] }`)")
    }
    if isTrial, !command.flag(.dryRun), outcome.dagRuns + outcome.dbtRuns > 0 {
      lines.append("nothing was removed: add --yes to do it")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func count(_ count: Int, _ one: String, _ many: String? = nil) -> String {
    "\(Layout.grouped(Int64(count))) \(count == 1 ? one : many ?? one + "s")"
  }
}
