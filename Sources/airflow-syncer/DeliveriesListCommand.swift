import CommandLine
import Configuration
import Engine
import ExecutionModel
import JSONText
import Ledger
import Platform

/// `airflow-syncer deliveries list`: what waits, is tried again, is parked or was discarded. With `--json` one item a line.
enum DeliveriesListCommand {
  private static let page = 500

  static func perform(_ command: ParsedCommand) async throws -> ExitCode {
    let configuration = try loadConfiguration(command)
    let now = Instant(microseconds: wallClockMicroseconds())
    let ledger = Ledger(at: configuration.ledgerPlace, purpose: .reading)
    try await ledger.open()
    try await DeliveryText.check(command.texts(.sink), ledger)
    let filter = try await DeliveryText.filter(command, ledger, now: now)
    let isJSON = command.flag(.json)
    let limit = command.count(.limit) ?? (isJSON ? .max : 20)
    var shown: [DeliveryItem] = []
    var count = 0
    try await forEach(filter, ledger, limit: limit) { items in
      count += items.count
      if !isJSON { shown += items }
      guard isJSON else { return }
      for item in items {
        var writer = JSONWriter()
        writer.object { DeliveryText.write(item, to: &$0) }
        writer.newline()
        try StandardOutput.write(writer.bytes)
      }
    }
    if isJSON { return .ok }
    if shown.isEmpty {
      StandardOutput.writeError("no item matches\n")
      return .ok
    }
    let text = DeliveryText(layout: .standard, now: now)
    try StandardOutput.write(text.table(shown).joined(separator: "\n") + "\n")
    let counts = try await ledger.deliveryCounts(filter)
    try StandardOutput.write(DeliveryText.totals(counts).joined(separator: "\n") + "\n")
    if counts.reduce(0, { $0 + $1.items }) > count {
      StandardOutput.writeError("the first \(count); --limit N shows more\n")
    }
    return .ok
  }

  /// Parked items first, then what is tried again, then what waits; discarded ones only when they are asked for.
  static func forEach(
    _ filter: DeliveryFilter, _ ledger: Ledger, limit: Int, _ body: ([DeliveryItem]) throws -> Void
  ) async throws {
    var left = limit
    for state in DeliveryState.allCases
    where filter.states.isEmpty ? state != .discarded : filter.states.contains(state) {
      var last: DeliveryItem?
      while left > 0 {
        let items = try await ledger.deliveryItems(filter, state, after: last, limit: min(left, page))
        if items.isEmpty { break }
        try body(items)
        (last, left) = (items.last, left - items.count)
      }
      guard state == .pending else { continue }
      var skipped = 0
      while left > 0 {
        let items = try await ledger.waitingHistory(filter, skipping: skipped, limit: min(left, page))
        if items.isEmpty { break }
        try body(items)
        (skipped, left) = (skipped + items.count, left - items.count)
      }
    }
  }
}
