import Storage

/// How far the items of one record have come at one sink.
public struct SinkDeliveries: Hashable, Sendable {
  public var sink: String
  /// Items made for it.
  public var made: Int
  public var pending: Int
  public var parked: Int
}

extension Ledger {
  /// How far a record's items have come at each sink.
  public func deliveries(of record: RecordID) throws -> [SinkDeliveries] {
    switch record {
    case .dagRun(let id): try deliveries(ofDagRun: id)
    case .dbtRun(let id): try deliveries(ofDbtRun: id)
    }
  }

  private func deliveries(ofDbtRun id: Int64) throws -> [SinkDeliveries] {
    try read { database in
      let made = try database.prepare(
        """
        SELECT is_history, \(Told.countOfRow), is_complete, node_events
        FROM dbt_run WHERE id = ?
        """
      ).binding { $0(id) }.firstRow {
        (
          isHistory: $0.bool(0), events: Int($0.integer(1)), records: Int($0.integer(2)), nodes: Int($0.integer(3))
        )
      }
      guard let made else { return [] }
      return try sinks.compactMap { sink in
        guard sink.history || !made.isHistory else { return nil }
        let left = try database.prepare(
          """
          SELECT (\(Self.countOfItems)) - count(*) FILTER (WHERE o.parked_at IS NOT NULL),
            count(*) FILTER (WHERE o.parked_at IS NOT NULL)
          FROM outbox o JOIN sink s ON s.id = o.sink WHERE o.dag_run = 0 AND o.dbt_run = ? AND s.name = ?
          """
        ).binding {
          $0(id)
          $0(sink.name)
        }.firstRow { (pending: Int($0.integer(0)), parked: Int($0.integer(1))) }
        var count = sink.wantsRecords ? made.records : 0
        if sink.wants(.dbtRuns) { count += made.events }
        if sink.wants(.dbtNodes) { count += made.nodes }
        return SinkDeliveries(sink: sink.name, made: count, pending: left?.pending ?? 0, parked: left?.parked ?? 0)
      }
    }
  }

  /// The dbt runs that are told as part of the DAG run `?1`, and those that are told without one and are linked to it.
  private static let dbtRunsOfDagRun = """
    SELECT id FROM dbt_run WHERE parent_dag_run = ?1
    UNION SELECT l.dbt_run FROM link l JOIN dbt_run x ON x.id = l.dbt_run
      WHERE l.dag_run = ?1 AND l.is_candidate = 0 AND x.parent_dag_run IS NULL
    """
  private static let isOfDagRun = DeliveryFilter.isOfDagRun("?1")

  private func deliveries(ofDagRun id: Int64) throws -> [SinkDeliveries] {
    try read { database in
      let made = try database.prepare(
        """
        SELECT r.is_history, \(Told.countOfRow)
            + (SELECT count(c.start_told) + count(c.end_told) FROM dag_run_clear c WHERE c.dag_run = r.id),
          (SELECT count(a.start_told) + count(a.end_told) FROM attempt a WHERE a.dag_run = r.id),
          (SELECT count(d.start_told) + count(d.end_told) FROM dbt_run d WHERE d.id IN (\(Self.dbtRunsOfDagRun))),
          \(OutboxWriter.hasLine),
          (SELECT coalesce(sum(d.node_events), 0) FROM dbt_run d WHERE d.id IN (\(Self.dbtRunsOfDagRun)))
        FROM dag_run r WHERE r.id = ?1
        """
      ).binding { $0(id) }.firstRow {
        (
          isHistory: $0.bool(0), dagRuns: Int($0.integer(1)), attempts: Int($0.integer(2)), dbtRuns: Int($0.integer(3)),
          records: Int($0.integer(4)), dbtNodes: Int($0.integer(5))
        )
      }
      guard let made else { return [] }
      return try sinks.compactMap { sink in
        guard sink.history || !made.isHistory else { return nil }
        var count = sink.wantsRecords ? made.records : 0
        if sink.wants(.dagRuns) { count += made.dagRuns }
        if sink.wants(.attempts) { count += made.attempts }
        if sink.wants(.dbtRuns) { count += made.dbtRuns }
        if sink.wants(.dbtNodes) { count += made.dbtNodes }
        let left = try database.prepare(
          """
          SELECT (SELECT \(Self.countOfItems) FROM outbox o WHERE o.sink = s.id AND \(Self.isOfDagRun) AND o.parked_at IS NULL)
              + coalesce((SELECT h.events FROM outbox_history h WHERE h.sink = s.id AND h.dag_run = ?1), 0),
            (SELECT count(*) FROM outbox o WHERE o.sink = s.id AND \(Self.isOfDagRun) AND o.parked_at IS NOT NULL)
          FROM sink s WHERE s.name = ?2
          """
        ).binding {
          $0(id)
          $0(sink.name)
        }.firstRow { (pending: Int($0.integer(0)), parked: Int($0.integer(1))) }
        return SinkDeliveries(sink: sink.name, made: count, pending: left?.pending ?? 0, parked: left?.parked ?? 0)
      }
    }
  }
}
