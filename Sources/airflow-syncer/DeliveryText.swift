import CommandLine
import Engine
import ExecutionModel
import Glibc
import JSONText
import Ledger
import Platform

/// What the commands of `deliveries` have in common: which items are meant, and how they are written.
struct DeliveryText {
  var layout: Layout
  var now: Instant

  /// The items that the command line means.
  /// - Throws: ``CommandFailure`` when a number is none, or no record of that name is known.
  static func filter(_ command: ParsedCommand, _ ledger: Ledger, now: Instant) async throws -> DeliveryFilter {
    var filter = DeliveryFilter()
    filter.items = try command.arguments.map(number)
    filter.sinks = command.texts(.sink)
    for text in command.texts(.state) {
      guard let state = DeliveryState(rawValue: text) else {
        let known = DeliveryState.allCases.map(\.rawValue).joined(separator: ", ")
        throw CommandFailure(message: "--state: expected \(known), found `\(Layout.printable(text))`", code: .usage)
      }
      filter.states.insert(state)
    }
    filter.reason = command.text(.reason)
    filter.dagPatterns = command.texts(.dag)
    filter.since = command.time(.since)?.instant(now: now)
    filter.until = command.time(.until)?.instant(now: now)
    if let name = command.text(.run) {
      let runs = try await RunLookup.find(RunLookup.Name(name), in: ledger)
      guard let run = runs.first else {
        throw CommandFailure(
          message: "no record is known by `\(Layout.printable(name))`: see `airflow-syncer runs list`", code: .failed)
      }
      guard runs.count == 1 else {
        let keys = runs.map { "  \(Layout.printable($0.key))" }.joined(separator: "\n")
        throw CommandFailure(message: "`\(Layout.printable(name))` may mean several records:\n\(keys)", code: .failed)
      }
      filter.record = run.id
    }
    return filter
  }

  static func number(_ text: String) throws -> Int64 {
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int64(text), number > 0 else {
      throw CommandFailure(
        message:
          "expected the number of an item, found `\(Layout.printable(text))`: see `airflow-syncer deliveries list`",
        code: .usage)
    }
    return number
  }

  /// Whether anything but the kind of state narrows it down.
  static func isNarrow(_ filter: DeliveryFilter) -> Bool {
    !filter.items.isEmpty || !filter.sinks.isEmpty || filter.reason != nil || !filter.dagPatterns.isEmpty
      || filter.record != nil || filter.since != nil || filter.until != nil || !filter.states.isEmpty
  }

  /// A sink that nobody knows is a slip of the pen.
  static func check(_ sinks: [String], _ ledger: Ledger) async throws {
    for sink in sinks where try await ledger.knownSink(sink) == nil {
      let known = try await ledger.status().sinks.map(\.name).joined(separator: ", ")
      throw CommandFailure(
        message:
          "--sink \(Layout.printable(sink)): the ledger knows no such sink\(known.isEmpty ? "" : ", only \(known)")",
        code: .usage)
    }
  }

  // MARK: Screens

  func table(_ items: [DeliveryItem]) -> [String] {
    let rows = items.map { item in
      [
        item.id.map(String.init) ?? "-", item.sink, item.state.rawValue, Self.what(item),
        age(item.madeAt), item.tries > 0 ? String(item.tries) : "-", Self.why(item, now: now),
      ]
    }
    return layout.table(["ITEM", "SINK", "STATE", "WHAT", "AGE", "TRIES", "REASON"], rows, right: [0, 4, 5])
  }

  func age(_ moment: Instant) -> String { Layout.duration(now.seconds(since: moment)) }

  /// `START prod/daily/r1 load try 2`
  static func what(_ item: DeliveryItem) -> String {
    var words: [String] = []
    if item.events > 1 {
      words.append("\(item.events) events of")
    } else if let transition = item.transition {
      words.append(transition.rawValue)
    } else {
      words.append("record")
    }
    if let run = item.dagRun { words.append(run.description) }
    if item.dagRun == nil || item.subject == nil, let run = item.dbtRun { words.append("dbt \(run)") }
    if item.dagRun == nil, item.dbtRun == nil { words.append("dbt runs") }
    if let subject = item.subject { words.append(subject) }
    return words.joined(separator: " ")
  }

  static func why(_ item: DeliveryItem, now: Instant) -> String {
    if let discarding = item.discarding {
      return "by \(discarding.by)" + (discarding.reason.map { ": \($0)" } ?? "")
    }
    if let reason = item.reason { return reason }
    guard let retryAt = item.retryAt else { return "-" }
    let wait = retryAt.seconds(since: now)
    return wait > 0 ? "again in \(Layout.duration(wait))" : "due"
  }

  /// `parked 12 (14 events), pending 3`, by sink.
  static func totals(_ counts: [DeliveryCount]) -> [String] {
    var lines: [String] = []
    for sink in Set(counts.map(\.sink)).sorted() {
      let parts = DeliveryState.allCases.compactMap { state -> String? in
        let alike = counts.filter { $0.sink == sink && $0.state == state }
        let items = alike.reduce(0) { $0 + $1.items }
        let events = alike.reduce(0) { $0 + $1.events }
        guard items > 0 else { return nil }
        return "\(state.rawValue) \(Layout.grouped(Int64(items)))"
          + (events > items ? " (\(Layout.grouped(Int64(events))) events)" : "")
      }
      lines.append("\(sink): " + parts.joined(separator: ", "))
    }
    return lines
  }

  // MARK: JSON

  static func write(_ item: DeliveryItem, to writer: inout JSONWriter) {
    writer.member("item", item.id.map(Int.init))
    writer.member("sink", item.sink)
    writer.member("state", item.state.rawValue)
    writer.member("kind", item.kind)
    writer.member("events", item.events)
    writer.member("dag_run", item.dagRun?.description)
    writer.member("dbt_run", item.dbtRun?.description)
    writer.member("subject", item.subject)
    writer.member("event_type", item.transition?.rawValue)
    writer.member("event_time", item.eventTime)
    writer.member("made_at", item.madeAt)
    writer.member("tries", item.tries)
    writer.member("retry_at", item.retryAt)
    writer.member("parked_at", item.parkedAt)
    writer.member("reason", item.reason)
    writer.member("status", item.status)
    writer.member("answer", item.answer)
    writer.member("bytes", item.bytes)
    if let discarding = item.discarding {
      writer.member("discarded_at", discarding.at)
      writer.member("discarded_by", discarding.by)
      writer.member("discarded_because", discarding.reason)
    }
  }

  /// Who runs the command: with sudo, who called it.
  static var person: String {
    if let name = getenv("SUDO_USER").map({ String(cString: $0) }), !name.isEmpty { return name }
    return getpwuid(getuid()).flatMap { $0.pointee.pw_name }.map { String(cString: $0) } ?? "uid \(getuid())"
  }
}
