import CommandLine
import Configuration
import Engine
import ExecutionModel
import Ledger
import Platform

/// `airflow-syncer deliveries retry`: parked and delayed items are sent again.
enum DeliveriesRetryCommand {
  static func perform(_ command: ParsedCommand) async throws -> ExitCode {
    let configuration = try loadConfiguration(command)
    let ledger = Ledger(at: configuration.ledgerPlace, purpose: .correcting)
    try await ledger.open()
    try await DeliveryText.check(command.texts(.sink), ledger)
    let filter = try await DeliveryText.filter(command, ledger, now: Instant(microseconds: wallClockMicroseconds()))
    guard DeliveryText.isNarrow(filter) else {
      throw CommandFailure(
        message:
          "say which items: their numbers, or options such as --sink NAME; `--state parked` means all that are parked",
        code: .usage)
    }
    let count = try await ledger.retry(filter)
    let isRunning = try await ledger.status().syncer?.isRunning == true
    try StandardOutput.write(
      "\(count) \(count == 1 ? "item" : "items") to be sent again"
        + (count > 0 && !isRunning ? "; no daemon is running: start it, or run `airflow-syncer sync`" : "") + "\n")
    return count > 0 || filter.items.isEmpty ? .ok : .failed
  }
}
