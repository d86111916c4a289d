import ExecutionModel
import Storage

/// How many items stand alike.
public struct DeliveryCount: Hashable, Sendable {
  public var sink: String
  public var state: DeliveryState
  public var reason: String?
  public var items: Int
  /// How many events they stand for.
  public var events: Int
  /// When the oldest was made.
  public var oldest: Instant
}

extension Ledger {
  /// Items that match and stand so, the oldest first.
  /// - Parameter last: an item that was given before, to go on after it.
  public func deliveryItems(
    _ filter: DeliveryFilter, _ state: DeliveryState, after last: DeliveryItem? = nil, limit: Int
  ) throws -> [DeliveryItem] {
    let number = last?.position ?? 0
    guard state != .discarded else { return try discarded(filter, after: number, limit: limit) }
    if !filter.items.isEmpty {
      return try items(filter).filter { $0.state == state && ($0.id ?? 0) > number }.prefix(limit).map(\.self)
    }
    return try read { database in
      try database.prepare(
        """
        SELECT \(DeliveryItem.columns) FROM outbox o \(DeliveryItem.joins)
        WHERE \(DeliveryFilter.condition) AND \(state.condition) AND o.id > ?8 ORDER BY o.id LIMIT ?9
        """
      ).binding {
        filter.bind(to: &$0)
        $0(number)
        $0(limit)
      }.rows { DeliveryItem($0) }
    }
  }

  /// Items that are asked for by number and match besides.
  private func items(_ filter: DeliveryFilter) throws -> [DeliveryItem] {
    try read { database in
      try filter.items.sorted().compactMap { number in
        try database.prepare(
          """
          SELECT \(DeliveryItem.columns) FROM outbox o \(DeliveryItem.joins)
          WHERE \(DeliveryFilter.condition) AND o.id = ?8
          """
        ).binding {
          filter.bind(to: &$0)
          $0(number)
        }.firstRow { DeliveryItem($0) }
      }
    }
  }

  private func discarded(_ filter: DeliveryFilter, after number: Int64, limit: Int) throws -> [DeliveryItem] {
    try read { database in
      try database.prepare(
        """
        SELECT \(DeliveryItem.discardedColumns) FROM outbox_discarded o \(DeliveryItem.joins)
        WHERE \(DeliveryFilter.condition) AND o.id > ?8 ORDER BY o.id LIMIT ?9
        """
      ).binding {
        filter.bind(to: &$0)
        $0(number)
        $0(limit)
      }.rows { DeliveryItem($0) }.filter { filter.items.isEmpty || filter.items.contains($0.id ?? -1) }
    }
  }

  /// History that waits and matches, one line for each DAG run, in the order in which it will be sent.
  public func waitingHistory(_ filter: DeliveryFilter, skipping count: Int = 0, limit: Int) throws -> [DeliveryItem] {
    guard filter.meansHistory else { return [] }
    return try read { database in
      try database.prepare(
        """
        SELECT s.name, i.name, r.dag_id, r.run_id, o.made_at, o.events FROM \(Self.historyAsItems)
        WHERE \(DeliveryFilter.condition) ORDER BY s.name, o.dag_run = 0, o.dag_run LIMIT ?8 OFFSET ?9
        """
      ).binding {
        filter.bind(to: &$0)
        $0(limit)
        $0(count)
      }.rows { DeliveryItem(historyOf: $0) }
    }
  }

  /// Rows of `outbox_history` with the columns that a filter asks for.
  static let historyAsItems = """
    (SELECT sink, dag_run, events, made_at, CAST(NULL AS bigint) AS dbt_run, CAST(NULL AS text) AS reason
      FROM outbox_history) AS o JOIN sink s ON s.id = o.sink LEFT JOIN dag_run r ON r.id = o.dag_run
      LEFT JOIN airflow_instance i ON i.id = r.instance
    """

  /// How many items match, by sink, state and reason. Without what was discarded, unless that is asked for.
  public func deliveryCounts(_ filter: DeliveryFilter) throws -> [DeliveryCount] {
    if !filter.items.isEmpty { return try counts(of: items(filter)) }
    return try read { database in
      var counts: [DeliveryCount] = []
      for state in DeliveryState.allCases
      where filter.states.isEmpty ? state != .discarded : filter.states.contains(state) {
        let table = state == .discarded ? "outbox_discarded" : "outbox"
        let events = state == .discarded ? "sum(o.events)" : Self.countOfItems
        try database.prepare(
          """
          SELECT s.name, o.reason, count(*), \(events), min(o.made_at) FROM \(table) o \(DeliveryItem.joins)
          WHERE \(DeliveryFilter.condition) AND \(state.condition) GROUP BY s.name, o.reason ORDER BY s.name, count(*) DESC
          """
        ).binding { filter.bind(to: &$0) }.forEachRow { row in
          counts.append(
            DeliveryCount(
              sink: row.text(0), state: state, reason: row.optionalText(1), items: Int(row.integer(2)),
              events: Int(row.integer(3)), oldest: Instant(microseconds: row.integer(4))))
        }
      }
      guard filter.meansHistory else { return counts }
      try database.prepare(
        """
        SELECT s.name, count(*), coalesce(sum(o.events), 0), min(o.made_at) FROM \(Self.historyAsItems)
        WHERE \(DeliveryFilter.condition) GROUP BY s.name
        """
      ).binding { filter.bind(to: &$0) }.forEachRow { row in
        let more = DeliveryCount(
          sink: row.text(0), state: .pending, reason: nil, items: Int(row.integer(1)), events: Int(row.integer(2)),
          oldest: Instant(microseconds: row.integer(3)))
        if let index = counts.firstIndex(where: { $0.sink == more.sink && $0.state == .pending && $0.reason == nil }) {
          counts[index].items += more.items
          counts[index].events += more.events
          counts[index].oldest = min(counts[index].oldest, more.oldest)
        } else {
          counts.append(more)
        }
      }
      return counts
    }
  }

  private func counts(of items: [DeliveryItem]) -> [DeliveryCount] {
    struct Alike: Hashable {
      var sink: String
      var state: DeliveryState
      var reason: String?
    }
    return Dictionary(grouping: items) { Alike(sink: $0.sink, state: $0.state, reason: $0.reason) }.map {
      alike, items in
      DeliveryCount(
        sink: alike.sink, state: alike.state, reason: alike.reason, items: items.count,
        events: items.reduce(0) { $0 + $1.events }, oldest: items.map(\.madeAt).min() ?? Instant(microseconds: 0))
    }.sorted { ($0.sink, $0.state.rawValue, $0.reason ?? "") < ($1.sink, $1.state.rawValue, $1.reason ?? "") }
  }

  /// One item with its bytes, if they are fixed; nil when there is none of that number, or no more.
  public func deliveryItem(_ number: Int64) throws -> (item: DeliveryItem, body: [UInt8]?)? {
    var filter = DeliveryFilter()
    filter.items = [number]
    if let item = try items(filter).first {
      let body = try read { database in
        try database.prepare("SELECT body FROM outbox WHERE id = ?").binding { $0(number) }.firstRow {
          $0.optionalBytes(0)
        } ?? nil
      }
      return (item, body)
    }
    return try read { database in
      try database.prepare(
        "SELECT \(DeliveryItem.discardedColumns) FROM outbox_discarded o \(DeliveryItem.joins) WHERE o.item = ?"
      ).binding { $0(number) }.firstRow { DeliveryItem($0) }
    }.map { ($0, nil) }
  }
}
