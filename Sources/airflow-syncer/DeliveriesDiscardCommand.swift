import CommandLine
import Configuration
import Engine
import ExecutionModel
import Ledger
import Platform

/// `airflow-syncer deliveries discard`: items are taken out of the outbox, with a trace.
enum DeliveriesDiscardCommand {
  static func perform(_ command: ParsedCommand) async throws -> ExitCode {
    let configuration = try loadConfiguration(command)
    let now = Instant(microseconds: wallClockMicroseconds())
    let ledger = Ledger(at: configuration.ledgerPlace, purpose: .correcting)
    try await ledger.open()
    try await DeliveryText.check(command.texts(.sink), ledger)
    let filter = try await DeliveryText.filter(command, ledger, now: now)
    guard DeliveryText.isNarrow(filter) else {
      throw CommandFailure(
        message: "say which items: their numbers, or options such as --sink NAME with --yes", code: .usage)
    }
    guard !filter.states.contains(.discarded) else {
      throw CommandFailure(message: "--state discarded: those are discarded already", code: .usage)
    }
    let counts = try await ledger.deliveryCounts(filter)
    guard !counts.isEmpty else {
      StandardOutput.writeError("no item matches\n")
      return .failed
    }
    var shown: [DeliveryItem] = []
    try await DeliveriesListCommand.forEach(filter, ledger, limit: 20) { shown += $0 }
    let text = DeliveryText(layout: .standard, now: now)
    try StandardOutput.write(
      (text.table(shown) + DeliveryText.totals(counts)).joined(separator: "\n") + "\n")
    guard !filter.items.isEmpty || command.flag(.yes) else {
      StandardOutput.writeError("nothing is discarded yet: add --yes to discard all of these, never to be sent\n")
      return .failed
    }
    let reason = command.text(.because)
    let count = try await ledger.discard(filter, by: DeliveryText.person, because: reason)
    makeTelemetry(command).emit(ItemsDiscarded(items: count, by: DeliveryText.person, because: reason))
    try StandardOutput.write("\(count) \(count == 1 ? "item" : "items") discarded\n")
    return .ok
  }
}
