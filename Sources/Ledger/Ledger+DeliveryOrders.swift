import ExecutionModel
import Storage

// What a person decides about items, beside a syncer that delivers. In many small transactions, so that none of them holds
// the syncer up.

extension Ledger {
  private static let itemsAtOnce = 500

  /// Has items tried again as soon as the sink comes to them: what is parked with no tries behind it, and what waits for its
  /// next try. The bytes that are fixed stay. A sink that is left alone for a while is not left alone any longer: whoever
  /// asks knows better than its last answer. Returns how many items there were.
  public func retry(_ filter: DeliveryFilter) throws -> Int {
    var filter = filter
    if filter.states.isEmpty { filter.states = [.parked, .retrying] }
    return try inSlices(filter) { database, number in
      // A line that shows the same facts waits already.
      try database.prepare(Self.removeOvertaken).binding { $0(number) }.run()
      try database.prepare(Self.setPending).binding { $0(number) }.run()
      try database.prepare(Self.endSilence).binding { $0(number) }.run()
    }
  }

  private static let removeOvertaken = SQL(
    """
    DELETE FROM outbox WHERE id = ? AND kind = 'record' AND parked_at IS NOT NULL
      AND EXISTS (SELECT 1 FROM outbox p WHERE p.sink = outbox.sink AND p.dag_run = outbox.dag_run AND p.kind = 'record'
        AND coalesce(p.dbt_run, 0) = coalesce(outbox.dbt_run, 0) AND p.parked_at IS NULL)
    """)
  private static let setPending = SQL(
    """
    UPDATE outbox SET parked_at = NULL, reason = NULL, answer_status = NULL, answer = NULL, tries = 0, not_before = 0
    WHERE id = ? AND (parked_at IS NOT NULL OR not_before > 0)
    """)
  private static let endSilence = SQL(
    "UPDATE sink SET not_before = 0 WHERE not_before > 0 AND id = (SELECT sink FROM outbox WHERE id = ?)")

  /// Takes items out of the outbox, never to be sent; a trace of each is kept, without the bytes. Returns how many items
  /// there were.
  public func discard(_ filter: DeliveryFilter, by person: String, because reason: String?) throws -> Int {
    let now = now
    let items = try inSlices(filter) { database, number in
      try database.prepare(Self.keepTrace).binding {
        $0(number)
        $0(now)
        $0(person)
        $0(reason)
      }.run()
      try database.prepare(Self.removeItem).binding { $0(number) }.run()
    }
    return try items + discardHistory(filter, now, person, reason)
  }

  private static let traced =
    "sink, kind, dag_run, dbt_run, task_id, map_index, number, transition, event_time, made_at, tries, parked_at, reason, answer_status, answer"
  private static let keepTrace = SQL(
    """
    INSERT INTO outbox_discarded (item, \(traced), events, discarded_at, discarded_by, discarded_because)
    SELECT id, \(traced), CASE WHEN kind = 'dbt_nodes' THEN coalesce(number, 1) ELSE 1 END, ?2, ?3, ?4
    FROM outbox WHERE id = ?1
    """)
  private static let removeItem = SQL("DELETE FROM outbox WHERE id = ?")

  private func discardHistory(
    _ filter: DeliveryFilter, _ now: Int64, _ person: String, _ reason: String?
  ) throws -> Int {
    guard filter.meansHistory else { return 0 }
    var count = 0
    while true {
      let slice = try write { database in
        let rows = try database.prepare(
          """
          SELECT o.sink, o.dag_run, o.events, o.made_at FROM \(Self.historyAsItems)
          WHERE \(DeliveryFilter.condition) ORDER BY o.sink, o.dag_run LIMIT ?8
          """
        ).binding {
          filter.bind(to: &$0)
          $0(Self.itemsAtOnce)
        }.rows { (sink: $0.integer(0), dagRun: $0.integer(1), events: $0.integer(2), madeAt: $0.integer(3)) }
        for row in rows {
          try database.prepare(
            """
            INSERT INTO outbox_discarded (sink, kind, dag_run, made_at, tries, events, discarded_at, discarded_by,
              discarded_because) VALUES (?, '\(DeliveryItem.history)', ?, ?, 0, ?, ?, ?, ?)
            """
          ).binding {
            $0(row.sink)
            $0(row.dagRun)
            $0(row.madeAt)
            $0(row.events)
            $0(now)
            $0(person)
            $0(reason)
          }.run()
          try database.prepare("DELETE FROM outbox_history WHERE sink = ? AND dag_run = ?").binding {
            $0(row.sink)
            $0(row.dagRun)
          }.run()
        }
        return rows.count
      }
      count += slice
      if slice < Self.itemsAtOnce { return count }
    }
  }

  /// Does something with each item that matches; returns how many there were. What is made meanwhile is left alone.
  private func inSlices(_ filter: DeliveryFilter, _ body: (any Database, Int64) throws -> Void) throws -> Int {
    let states = DeliveryState.allCases.filter { filter.states.isEmpty || filter.states.contains($0) }
    let end = try read { try $0.integer("SELECT max(id) FROM outbox") ?? 0 }
    var count = 0
    for state in states where state != .discarded {
      var last: DeliveryItem?
      while true {
        let slice = try deliveryItems(filter, state, after: last, limit: Self.itemsAtOnce)
        let numbers = slice.compactMap(\.id).filter { $0 <= end }
        if numbers.isEmpty { break }
        try write { database in for number in numbers { try body(database, number) } }
        count += numbers.count
        last = slice.last
      }
    }
    return count
  }
}
