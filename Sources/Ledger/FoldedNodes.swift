import ExecutionModel
import Records
import Storage

/// The events about all nodes of a dbt run, and then its end, that stand in a sink's outbox as one row: a project of
/// 20,000 models has a hundred thousand of them. Delivery takes them out slice by slice when nothing else is due.
/// Within one transaction.
struct FoldedNodes {
  let database: any Database
  let sink: SinkRegistration

  private struct Row {
    var id: Int64
    var dagRun: Int64
    var dbtRun: Int64
    /// How many nodes are in the outbox already, or delivered.
    var placed: Int
    var transition: ExecutionEvent.Transition
    var time: Instant
    var madeAt: Int64
  }

  /// Puts the oldest events that wait into the outbox, `events` at least if there are so many. Returns whether any waited.
  func unfold(now: Int64, events: Int) throws -> Bool {
    let rows = try database.prepare(Self.selectDue).binding {
      $0(sink.id)
      $0(now)
    }.rows(Self.read).compactMap(\.self)
    var left = events
    for row in rows where left > 0 { left -= try unfold(row, atMost: max(2, left)) }
    return !rows.isEmpty
  }

  /// Whether any wait.
  func isThere(now: Int64) throws -> Bool {
    try database.prepare(Self.selectDue).binding {
      $0(sink.id)
      $0(now)
    }.firstRow { _ in true } ?? false
  }

  static let selectDue = SQL(
    """
    SELECT id, dag_run, dbt_run, map_index, transition, event_time, made_at FROM outbox o
    WHERE sink = ?1 AND kind = 'dbt_nodes' AND parked_at IS NULL AND not_before <= ?2
      AND NOT EXISTS (\(Ledger.earlierDelayed))
    ORDER BY id LIMIT 64
    """)

  private static func read(_ row: any Statement) -> Row? {
    var columns = Columns(row)
    let (id, dagRun, dbtRun) = (columns.integer(), columns.integer(), columns.integer())
    let placed = columns.optionalInt() ?? 0
    guard let transition = columns.optionalText().flatMap(ExecutionEvent.Transition.init(rawValue:)),
      let time = columns.optionalInstant()
    else { return nil }
    return Row(
      id: id, dagRun: dagRun, dbtRun: dbtRun, placed: placed, transition: transition, time: time,
      madeAt: columns.integer())
  }

  /// Returns how many events came into the outbox.
  private func unfold(_ row: Row, atMost events: Int) throws -> Int {
    var outbox = OutboxWriter(database: database, sinks: [sink], now: row.madeAt, isHistory: false)
    outbox.dagRun = row.dagRun
    guard let key = try key(of: row.dbtRun) else {
      try remove(row)
      return 0
    }
    let all = try told(of: row.dbtRun)
    let slice = all.dropFirst(row.placed).prefix(events / 2)
    for (step, told) in slice {
      let node = OutboxItem.Node(step: step, uniqueID: told.uniqueID, part: told.part)
      for event in told.events(of: key, step: step) {
        try outbox.put(event, about: .dbtNode(row.dbtRun, node), for: sink)
      }
    }
    if row.placed + slice.count < all.count {
      try database.prepare(Self.advance).binding {
        $0(slice.count)
        $0(row.id)
      }.run()
      return 2 * slice.count
    }
    try remove(row)
    let end = ExecutionEvent(subject: .dbtRun(key), transition: row.transition, time: row.time)
    try outbox.put(end, about: .dbtRun(row.dbtRun, nodeEvents: 0), for: sink)
    return 2 * slice.count + 1
  }

  private static let advance = SQL(
    "UPDATE outbox SET map_index = coalesce(map_index, 0) + ?1, number = number - 2 * ?1 WHERE id = ?2")

  private func remove(_ row: Row) throws {
    try database.prepare("DELETE FROM outbox WHERE id = ?").binding { $0(row.id) }.run()
    sink.meter.add(items: -1)
  }

  // MARK: What ran

  private func key(of dbtRun: Int64) throws -> DbtRunKey? {
    try database.prepare("SELECT key FROM dbt_run WHERE id = ?").binding { $0(dbtRun) }.firstRow {
      DbtRunKey($0.text(0))
    } ?? nil
  }

  private func told(of dbtRun: Int64) throws -> [(step: Int, told: NodeRules.Told)] {
    let steps = try database.prepare(Self.selectSteps).binding { $0(dbtRun) }.rows { row in
      var columns = Columns(row)
      return (
        index: columns.int(), command: columns.optionalText(),
        times: NodeRules.StepTimes(startedAt: columns.optionalInstant(), finishedAt: columns.optionalInstant())
      )
    }
    return try steps.flatMap { step in
      let outcomes = try database.prepare(Self.selectOutcomes).binding {
        $0(dbtRun)
        $0(step.index)
      }.rows(Self.outcome)
      return NodeRules.told(of: outcomes, command: step.command, step.times).map { (step.index, $0) }
    }
  }

  // As NodeRules.StepTimes completes them.
  private static let selectSteps = SQL(
    """
    SELECT s.step_index, s.command, coalesce(s.started_at, d.started_at, d.created_at),
      coalesce(s.finished_at, d.finished_at, s.started_at, d.started_at, d.created_at)
    FROM dbt_step s JOIN dbt_run d ON d.id = s.dbt_run WHERE s.dbt_run = ? ORDER BY s.step_index
    """)
  private static let selectOutcomes = SQL(
    """
    SELECT n.unique_id, r.status, n.resource_type, r.failures, n.severity, n.attached_node, r.batches_failed,
      r.started_at, r.completed_at
    FROM dbt_result r JOIN dbt_node n ON n.id = r.node WHERE r.dbt_run = ? AND r.step_index = ? ORDER BY r.position
    """)

  private static func outcome(_ row: any Statement) -> NodeRules.Outcome {
    var columns = Columns(row)
    var outcome = NodeRules.Outcome(uniqueID: columns.text(), status: columns.text())
    outcome.resourceType = columns.optionalText()
    outcome.failures = columns.optionalInteger()
    outcome.severity = columns.optionalText()
    outcome.attachedNode = columns.optionalText()
    outcome.failedBatches = columns.optionalInt()
    outcome.startedAt = columns.optionalInstant()
    outcome.completedAt = columns.optionalInstant()
    return outcome
  }
}
