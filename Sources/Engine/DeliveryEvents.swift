import Ledger
import OpenLineage
import Telemetry

/// Somebody has taken items out of the outbox.
public struct ItemsDiscarded: TelemetryEvent {
  let items: Int
  let person: String
  let reason: String?

  public init(items: Int, by person: String, because reason: String?) {
    self.items = items
    self.person = person
    self.reason = reason
  }

  public var level: LogLevel { .notice }
  public var name: String { "items_discarded" }
  public var message: String { "items were taken out of the outbox and will never be sent" }
  public var fields: [TelemetryField] {
    [TelemetryField("items", .integer(Int64(items))), TelemetryField("by", .text(person))]
      + (reason.map { [TelemetryField("because", .text($0))] } ?? [])
  }
}

/// Somebody has history sent once more.
public struct HistoryReplayed: TelemetryEvent {
  let sink: String
  let count: ReplayCount

  public init(sink: String, count: ReplayCount) {
    self.sink = sink
    self.count = count
  }

  public var level: LogLevel { .notice }
  public var name: String { "history_replayed" }
  public var message: String { "history waits to be sent once more" }
  public var fields: [TelemetryField] {
    [
      TelemetryField("sink", .text(sink)), TelemetryField("events", .integer(Int64(count.events))),
      TelemetryField("dag_runs", .integer(Int64(count.dagRuns))),
      TelemetryField("dbt_runs", .integer(Int64(count.dbtRuns))),
    ]
  }
}

extension DeliveryItem {
  /// The `Idempotency-Key` that an OpenLineage backend gets with the event when it is sent alone.
  public static func key(of body: [UInt8]) -> String? { try? EventKey.of(body) }
}
