import CommandLine
import Configuration
import Engine
import ExecutionModel
import JSONText
import Ledger
import Platform

/// `airflow-syncer deliveries show ITEM`: one item with the backend's answer and its bytes.
enum DeliveriesShowCommand {
  static func perform(_ command: ParsedCommand) async throws -> ExitCode {
    let configuration = try loadConfiguration(command)
    let number = try DeliveryText.number(command.arguments.first ?? "")
    let ledger = Ledger(at: configuration.ledgerPlace, purpose: .reading)
    try await ledger.open()
    guard let (item, body) = try await ledger.deliveryItem(number) else {
      throw CommandFailure(
        message: "there is no item \(number), or no more: what was delivered is not kept here", code: .failed)
    }
    if command.flag(.json) {
      var writer = JSONWriter()
      writer.object { writer in
        DeliveryText.write(item, to: &writer)
        writer.member("idempotency_key", body.flatMap(DeliveryItem.key))
        writer.member("event", body.map { RawJSON(String(decoding: $0, as: UTF8.self)) })
      }
      writer.newline()
      try StandardOutput.write(writer.bytes)
      return .ok
    }
    let screen = DeliveryScreen(
      text: DeliveryText(layout: .standard, now: Instant(microseconds: wallClockMicroseconds())))
    try StandardOutput.write(screen.text(item, body))
    return .ok
  }
}

/// The screen of `deliveries show`.
struct DeliveryScreen {
  var text: DeliveryText

  func text(_ item: DeliveryItem, _ body: [UInt8]?) -> String {
    var lines = ["\(item.state.rawValue.uppercased())  item \(item.id.map(String.init) ?? "-") of \(item.sink)"]
    lines.append(Layout.printable(DeliveryText.what(item)))
    func add(_ name: String, _ value: String?) {
      guard let value else { return }
      lines.append(name + String(repeating: " ", count: max(1, 11 - name.count)) + Layout.printable(value))
    }
    func moment(_ time: Instant?) -> String? { time.map { "\($0.date) \($0.clock) UTC, \(text.age($0)) ago" } }
    add("kind", item.kind)
    add("event time", item.eventTime?.rfc3339)
    add("made", moment(item.madeAt))
    add("tries", String(item.tries))
    add("parked", moment(item.parkedAt))
    add("retry", item.retryAt.map { "\($0.date) \($0.clock) UTC" })
    if let discarding = item.discarding {
      add("discarded", moment(discarding.at))
      add("by", discarding.by)
      add("because", discarding.reason)
    }
    add("reason", item.reason)
    add("status", item.status.map(String.init))
    if let answer = item.answer, !answer.isEmpty { add("answer", answer) }
    if let body {
      add("key", DeliveryItem.key(of: body))
      add("bytes", String(body.count))
      lines.append(Layout.printable(String(decoding: body, as: UTF8.self)))
    } else if item.state != .discarded, item.kind != OutboxItem.Kind.record.rawValue {
      lines.append("its bytes are made when it is about to be sent")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
