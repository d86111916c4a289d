import ExecutionModel
import Platform
import Storage

/// How a sink stands.
public struct SinkProgress: Hashable, Sendable {
  public var id: Int64
  /// Nothing is tried before this time (microseconds).
  public var notBefore: Int64
  /// Failures in a row.
  public var failures: Int
}

/// Why a sink could not be reached, or asked for silence.
public struct SinkOutage: Hashable, Sendable {
  public var error: String
  /// Microseconds; nothing is tried before.
  public var retryAt: Int64

  public init(error: String, retryAt: Int64) {
    self.error = error
    self.retryAt = retryAt
  }
}

extension Ledger {
  /// How a registered sink stands.
  public func progress(ofSink name: String) throws -> SinkProgress {
    guard let progress = try knownSink(name) else {
      throw LedgerError(.other, path: path, detail: "sink \(name) is not registered")
    }
    return progress
  }

  /// How a sink stands; nil when none of that name was ever registered.
  public func knownSink(_ name: String) throws -> SinkProgress? {
    try read { database in
      try database.prepare(
        "SELECT id, not_before, failures FROM sink WHERE name = ?"
      ).binding { $0(name) }.firstRow {
        SinkProgress(id: $0.integer(0), notBefore: $0.integer(1), failures: Int($0.integer(2)))
      }
    }
  }

  /// How many items a registered sink still waits for, whether or not they are in the outbox yet. Counts them all.
  public func pendingCount(ofSink name: String) throws -> Int {
    try read { database in
      let count = try database.prepare("SELECT \(Self.pendingOfSink) FROM sink s WHERE s.name = ?").binding { $0(name) }
        .firstRow { Int($0.integer(0)) }
      guard let count else { throw LedgerError(.other, path: path, detail: "sink \(name) is not registered") }
      return count
    }
  }

  /// For a row `s` of `sink`.
  static let pendingOfSink = """
    (SELECT \(countOfItems) FROM outbox o WHERE o.sink = s.id AND o.parked_at IS NULL)
      + (SELECT coalesce(sum(h.events), 0) FROM outbox_history h WHERE h.sink = s.id)
    """

  /// Of rows `o` of `outbox`, some of which stand for many items.
  static let countOfItems = "count(*) + coalesce(sum(CASE o.kind WHEN 'dbt_nodes' THEN o.number - 1 END), 0)"

  /// The oldest items of a sink that are due, in order. What comes after an item that waits for its next try waits with
  /// it, if it belongs to the same record; dbt runs without one do not wait for each other. The nodes of dbt runs come
  /// when nothing else is due, and then history.
  /// - Parameter after: only items with a higher number than this.
  public func pendingItems(
    ofSink sink: Int64, now: Int64, limit: Int, after number: Int64 = 0
  ) throws -> [OutboxItem] {
    var items = try dueItems(ofSink: sink, now: now, limit: limit, after: number)
    while items.count < limit, try unfold(ofSink: sink, now: now, events: limit - items.count) {
      items = try dueItems(ofSink: sink, now: now, limit: limit, after: number)
    }
    return items
  }

  private func dueItems(ofSink sink: Int64, now: Int64, limit: Int, after number: Int64) throws -> [OutboxItem] {
    try read { database in
      try database.prepare(Self.selectDue).binding {
        $0(sink)
        $0(now)
        $0(limit)
        $0(number)
      }.rows(OutboxItem.read).compactMap(\.self)
    }
  }

  static let selectDue = SQL(
    """
    SELECT \(OutboxItem.columns) FROM outbox o
    WHERE sink = ?1 AND parked_at IS NULL AND not_before <= ?2 AND kind <> 'dbt_nodes' AND id > ?4
      AND NOT EXISTS (\(earlierDelayed) AND e.not_before > ?2)
    ORDER BY id LIMIT ?3
    """)

  /// So many at once that it is seldom done.
  private static let eventsToUnfold = 2000

  /// Puts what waits for a sink in folded form into its outbox; returns whether there was any.
  private func unfold(ofSink id: Int64, now: Int64, events: Int) throws -> Bool {
    guard let sink = sinks.first(where: { $0.id == id }) else { return false }
    // What is there is delivered first.
    if isOverfull(sink), try read({ try hasPendingItems(ofSink: id, in: $0) }) { return false }
    let events = max(events, Self.eventsToUnfold)
    if try read({ try FoldedNodes(database: $0, sink: sink).isThere(now: now) }) {
      return try write { try FoldedNodes(database: $0, sink: sink).unfold(now: now, events: events) }
    }
    guard try read({ try WaitingHistory(database: $0, sink: sink).isThere() }) else { return false }
    try write { try WaitingHistory(database: $0, sink: sink).unfold(events: events) }
    return true
  }

  /// Whether there are items, due or not.
  private func hasPendingItems(ofSink sink: Int64, in database: any Database) throws -> Bool {
    try database.prepare(Self.selectPending).binding { $0(sink) }.firstRow { _ in true } ?? false
  }

  private static let selectPending = SQL(
    "SELECT 1 FROM outbox WHERE sink = ? AND parked_at IS NULL AND kind <> 'dbt_nodes' LIMIT 1")

  /// The item to find out with whether a backend is back: the oldest that was not tried yet, else the one that has
  /// waited longest for its next try. So one item that always fails cannot keep the others from being tried.
  public func probingItem(ofSink sink: Int64, now: Int64) throws -> OutboxItem? {
    if let item = try item(ofSink: sink, now: now, Self.selectUntried) { return item }
    while try unfold(ofSink: sink, now: now, events: 1) {
      if let item = try item(ofSink: sink, now: now, Self.selectUntried) { return item }
    }
    return try item(ofSink: sink, now: now, Self.selectTried)
  }

  private func item(ofSink sink: Int64, now: Int64, _ sql: SQL) throws -> OutboxItem? {
    try read { database in
      try database.prepare(sql).binding {
        $0(sink)
        $0(now)
      }.firstRow(OutboxItem.read) ?? nil
    }
  }

  static let selectUntried = SQL(
    """
    SELECT \(OutboxItem.columns) FROM outbox o
    WHERE sink = ?1 AND parked_at IS NULL AND not_before <= ?2 AND not_before = 0 AND kind <> 'dbt_nodes'
      AND NOT EXISTS (\(earlierDelayed))
    ORDER BY id LIMIT 1
    """)
  static let selectTried = SQL(
    """
    SELECT \(OutboxItem.columns) FROM outbox o
    WHERE sink = ?1 AND parked_at IS NULL AND not_before <= ?2 AND not_before > 0 AND NOT EXISTS (\(earlierDelayed))
    ORDER BY not_before, id LIMIT 1
    """)

  /// What stands before an item `o` in its record and has to be tried again. Without a DAG run the record is the dbt run.
  static let earlierDelayed = """
    SELECT 1 FROM outbox e WHERE e.sink = ?1 AND e.dag_run = o.dag_run AND (o.dag_run <> 0 OR e.dbt_run IS o.dbt_run)
      AND e.not_before > 0 AND e.parked_at IS NULL AND e.id < o.id
    """

  /// When the first item that waits for its next try is due; nil when none waits.
  public func nextRetry(ofSink sink: Int64) throws -> Int64? {
    try read { database in
      try database.prepare(
        "SELECT min(not_before) FROM outbox WHERE sink = ? AND not_before > 0 AND parked_at IS NULL"
      ).binding { $0(sink) }.firstRow { $0.optionalInteger(0) } ?? nil
    }
  }

  /// What the events of `items` are made of, in their order. An item whose rows are gone gets empty facts.
  public func facts(for items: [OutboxItem]) throws -> [EventFacts] {
    try read { database in
      var reader = FactsReader(database: database)
      return try reader.facts(for: items)
    }
  }

  /// What is fixed or deleted by one statement; no item has the number 0.
  private static let itemsAtOnce = 64
  private static let setBodies = SQL(
    """
    UPDATE outbox SET body = fixed.column2 FROM (VALUES \(placeholders(rows: itemsAtOnce, of: 2))) AS fixed
    WHERE outbox.id = fixed.column1
    """)
  private static let remove = SQL("DELETE FROM outbox WHERE id IN (\(placeholders(itemsAtOnce)))")

  /// Fixes the bytes of items before the first of them is sent.
  public func fix(bodies: [(id: Int64, body: [UInt8])]) throws {
    guard !bodies.isEmpty else { return }
    try write { database in
      for slice in slices(of: bodies, Self.itemsAtOnce) {
        try database.prepare(Self.setBodies).binding { binder in
          for (id, body) in slice {
            binder(id)
            binder(bytes: body)
          }
          for _ in slice.count..<Self.itemsAtOnce {
            binder(Int64(0))
            binder(bytes: [])
          }
        }.run()
      }
      try noteFixed(bodies, in: database)
    }
  }

  /// What became of items that were tried.
  public struct DeliveryReport: Sendable {
    public var delivered: [Int64] = []
    public var parked: [Parked] = []
    public var retried: [(id: Int64, notBefore: Int64)] = []
    /// The sink as a whole: nil leaves it, `.some(nil)` says that it answers.
    public var outage: SinkOutage??

    /// An item that the backend refuses for good.
    public struct Parked: Hashable, Sendable {
      public var id: Int64
      public var reason: String
      public var status: Int?
      /// The beginning of the backend's answer.
      public var answer: String?

      public init(id: Int64, reason: String, status: Int?, answer: String?) {
        self.id = id
        self.reason = reason
        self.status = status
        self.answer = answer
      }
    }

    public init() {}

    var isEmpty: Bool { delivered.isEmpty && parked.isEmpty && retried.isEmpty && outage == nil }
  }

  /// Keeps what became of items of one sink.
  public func note(_ report: DeliveryReport, ofSink sink: Int64) throws {
    guard !report.isEmpty else { return }
    let now = now
    try write { database in
      try noteTaken(report.delivered, ofSink: sink, in: database)
      for slice in slices(of: report.delivered, Self.itemsAtOnce) {
        try database.prepare(Self.remove).binding { binder in
          for id in slice { binder(id) }
          for _ in slice.count..<Self.itemsAtOnce { binder(Int64(0)) }
        }.run()
      }
      if !report.delivered.isEmpty { Failpoint.acknowledge.pass() }
      for item in report.parked {
        try database.prepare(
          "UPDATE outbox SET parked_at = ?, reason = ?, answer_status = ?, answer = ?, tries = tries + 1 WHERE id = ?"
        ).binding {
          $0(now)
          $0(item.reason)
          $0(item.status)
          $0(item.answer)
          $0(item.id)
        }.run()
      }
      for (id, notBefore) in report.retried {
        try database.prepare("UPDATE outbox SET tries = tries + 1, not_before = ? WHERE id = ?").binding {
          $0(notBefore)
          $0(id)
        }.run()
      }
      if !report.delivered.isEmpty {
        try database.prepare("UPDATE sink SET delivered = delivered + ?, last_delivery_at = ? WHERE id = ?").binding {
          $0(report.delivered.count)
          $0(now)
          $0(sink)
        }.run()
      }
      switch report.outage {
      case .none: break
      case .some(.none):
        try database.prepare(
          "UPDATE sink SET not_before = 0, failures = 0, error = NULL, error_since = NULL WHERE id = ? AND (failures > 0 OR error IS NOT NULL)"
        ).binding { $0(sink) }.run()
      case .some(.some(let outage)):
        try database.prepare(
          "UPDATE sink SET not_before = ?, failures = failures + 1, error = ?, error_since = coalesce(error_since, ?) WHERE id = ?"
        ).binding {
          $0(outage.retryAt)
          $0(outage.error)
          $0(now)
          $0(sink)
        }.run()
      }
    }
  }
}
extension OutboxItem {
  fileprivate static let columns =
    "id, kind, dag_run, dbt_run, task_id, map_index, number, transition, event_time, tries, body"

  /// nil for a kind that this release does not know.
  fileprivate static func read(_ row: any Statement) -> OutboxItem? {
    var columns = Columns(row)
    let id = columns.integer()
    guard let kind = Kind(rawValue: columns.text()) else { return nil }
    let dagRun = columns.integer()
    let dbtRun = columns.optionalInteger()
    let name = columns.optionalText()
    let place = columns.optionalInt()
    let number = columns.optionalInt()
    let transition = columns.optionalText().flatMap(ExecutionEvent.Transition.init(rawValue:))
    let time = columns.optionalInstant()
    var item = OutboxItem(
      id: id, kind: kind, dagRun: dagRun, dbtRun: dbtRun, attempt: nil, clearNumber: nil, node: nil,
      transition: transition, eventTime: time, tries: columns.int(), body: columns.optionalBytes())
    switch kind {
    case .dagRun: item.clearNumber = number
    case .attempt:
      item.attempt = name.map { AttemptKey(taskID: $0, mapIndex: place ?? -1, tryNumber: number ?? 0) }
    case .dbtNode:
      item.node = name.map { OutboxItem.Node(step: number ?? 0, uniqueID: $0, part: place == 1 ? .tests : .run) }
    case .dbtRun, .dbtNodes, .record: break
    }
    return item
  }
}
