import Ledger

/// Which of the events at hand may be sent now: those of one record one after the other, records side by side. Pure.
///
/// A record is a DAG run, or a dbt run without one. The nodes of a dbt run depend on each other only as far as the two
/// events of each do; they come after what stands before them in their record, and what comes after them waits for all.
struct SendingOrder {
  /// How much is sent at once.
  enum Portion {
    /// Events that one connection sends one by one.
    case single
    /// One array of so many events and bytes at most; one event may be larger.
    case batch(events: Int, bytes: Int)
  }

  private struct Record {
    var waiting: ArraySlice<EventSender.Ready> = []
    /// Nodes with an event under way.
    var nodes: Set<OutboxItem.Node> = []
    /// Nodes of which an event was not delivered: what comes after it waits.
    var heldNodes: Set<OutboxItem.Node> = []
    /// Something else than a node's event is under way.
    var isUnderWay = false
    var isHeld = false
    /// Stands in the list of those that may go on.
    var isListed = false
  }

  private var records: [Int64: Record] = [:]
  private var listed: ArraySlice<Int64> = []
  /// Events that are still to be given out.
  private(set) var waiting = 0

  /// One connection has a record's events for so long at a time that others get their turn.
  private static let singlesAtOnce = 32

  mutating func add(_ events: [EventSender.Ready]) {
    for event in events {
      let id = event.item.recordNumber
      if records[id, default: Record()].isHeld { continue }
      records[id, default: Record()].waiting.append(event)
      waiting += 1
      list(id)
    }
  }

  /// What one connection may send now, in order; nothing when all waits for what is under way.
  mutating func next(_ portion: Portion) -> [EventSender.Ready] {
    switch portion {
    case .single: nextSingles()
    case .batch(let events, let bytes): nextBatch(events: events, bytes: bytes)
    }
  }

  /// Notes what became of what ``next(_:)`` has given. What comes after an event that was not delivered is dropped: the
  /// ledger gives it again.
  mutating func finish(_ events: [EventSender.Ready], _ tried: [TriedItem]) {
    var done: Set<Int64> = []
    for item in tried {
      switch item.outcome {
      case .delivered, .parked: done.insert(item.item.id)
      case .retry, .silence, .tokenRefused, .unanswered: break
      }
    }
    for event in events {
      let id = event.item.recordNumber
      guard var record = records[id] else { continue }
      if let node = event.item.node { record.nodes.remove(node) } else { record.isUnderWay = false }
      if !done.contains(event.item.id) {
        if let node = event.item.node { record.heldNodes.insert(node) } else { record.isHeld = true }
      }
      records[id] = record
    }
    for id in Set(events.map(\.item.recordNumber)) {
      list(id)
      if let record = records[id], record.waiting.isEmpty, record.nodes.isEmpty, record.heldNodes.isEmpty,
        !record.isUnderWay, !record.isHeld
      {
        records[id] = nil
      }
    }
  }

  /// Gives up everything that waits.
  mutating func drop() {
    waiting = 0
    listed = []
    for id in records.keys {
      records[id]?.waiting = []
      records[id]?.isListed = false
    }
  }

  // MARK: Turns

  private mutating func nextSingles() -> [EventSender.Ready] {
    while let id = listed.popFirst() {
      guard var record = records[id] else { continue }
      record.isListed = false
      var events: [EventSender.Ready] = []
      if mayGoOn(&record), let node = record.waiting.first?.item.node {
        while let event = record.waiting.first, event.item.node == node, events.count < Self.singlesAtOnce {
          events.append(event)
          record.waiting.removeFirst()
        }
        record.nodes.insert(node)
      } else if mayGoOn(&record) {
        while let event = record.waiting.first, event.item.node == nil, events.count < Self.singlesAtOnce {
          events.append(event)
          record.waiting.removeFirst()
        }
        record.isUnderWay = true
      }
      waiting -= events.count
      records[id] = record
      if events.isEmpty { continue }
      list(id)
      return events
    }
    return []
  }

  private mutating func nextBatch(events limit: Int, bytes: Int) -> [EventSender.Ready] {
    var events: [EventSender.Ready] = []
    var (count, size) = (limit, 2)
    while let id = listed.popFirst() {
      guard var record = records[id] else { continue }
      record.isListed = false
      var isFull = false
      // Within an array the order is kept: what follows in the record need not wait.
      while !record.isUnderWay, record.nodes.isEmpty, mayGoOn(&record), let event = record.waiting.first {
        count = min(count, Self.batchSize(after: event.item.tries, limit: limit))
        isFull = !events.isEmpty && (events.count >= count || size + event.body.count + 1 > bytes)
        if isFull { break }
        record.waiting.removeFirst()
        size += event.body.count + 1
        waiting -= 1
        events.append(event)
      }
      record.isUnderWay = record.isUnderWay || events.last?.item.recordNumber == id
      records[id] = record
      if isFull {
        if !record.isUnderWay { list(id, first: true) }
        break
      }
    }
    return events
  }

  /// An event that a server breaks down of fails with its whole batch: the oftener it did, the fewer go with it.
  private static func batchSize(after tries: Int, limit: Int) -> Int { max(1, limit >> (3 * min(tries, 10))) }

  /// Drops what has to wait for something that was not delivered; whether the first of what is left may be sent.
  private mutating func mayGoOn(_ record: inout Record) -> Bool {
    while let event = record.waiting.first {
      let node = event.item.node
      guard record.isHeld || node.map(record.heldNodes.contains) ?? !record.heldNodes.isEmpty else { break }
      if node == nil { record.isHeld = true }
      record.waiting.removeFirst()
      waiting -= 1
    }
    guard let event = record.waiting.first, !record.isUnderWay else { return false }
    return event.item.node.map { !record.nodes.contains($0) } ?? record.nodes.isEmpty
  }

  private mutating func list(_ id: Int64, first: Bool = false) {
    guard records[id]?.isListed == false, records[id]?.waiting.isEmpty == false else { return }
    records[id]?.isListed = true
    if first { listed.insert(id, at: listed.startIndex) } else { listed.append(id) }
  }
}

extension OutboxItem {
  /// What has to be sent one after the other has the same number: the DAG run, or the dbt run without one.
  var recordNumber: Int64 { dagRun != 0 ? dagRun : -(dbtRun ?? 0) }
}
