import ExecutionModel
import Records
import Storage

extension DbtRunWriter {
  private struct Parent {
    var dagRun: Int64
    var attempt: AttemptKey
    var isHistory: Bool
  }

  /// The attempt under which a dbt run appears in events: the first that triggered it. Runs that attempts only reused,
  /// waited for or read from have none, nor have those that are only guessed to be an attempt's: a parent cannot be
  /// taken back.
  private func parent(of id: Int64) throws -> Parent? {
    try database.prepare(
      """
      SELECT l.dag_run, l.task_id, l.map_index, l.try_number, r.is_history
      FROM link l JOIN dag_run r ON r.id = l.dag_run LEFT JOIN attempt a USING (dag_run, task_id, map_index, try_number)
      WHERE l.dbt_run = ? AND l.relation IN ('triggered', 'retried') AND l.confidence IN ('exact', 'strong')
      ORDER BY a.start_date IS NULL, a.start_date, r.source_id, l.task_id, l.map_index, l.try_number LIMIT 1
      """
    ).binding { $0(id) }.firstRow { row in
      var columns = Columns(row)
      return Parent(dagRun: columns.integer(), attempt: AttemptRow.readKey(&columns), isHistory: columns.bool())
    }
  }

  /// Puts the run's due events into the outbox. Its parent is fixed when its START is made.
  /// - Parameter nodeEvents: how many there are about its nodes, where they are counted already.
  func events(for run: DbtRun, id: Int64, nodeEvents: Int? = nil, sinks: [SinkRegistration], now: Int64) throws {
    let row = try database.prepare(
      """
      SELECT parent_dag_run, coalesce((SELECT is_history FROM dag_run r WHERE r.id = parent_dag_run),
          (SELECT min(r.is_history) FROM link l JOIN dag_run r ON r.id = l.dag_run WHERE l.dbt_run = dbt_run.id), is_history),
        \(Told.columns)
      FROM dbt_run WHERE id = ?
      """
    ).binding { $0(id) }.firstRow { row in
      var columns = Columns(row)
      return (parent: columns.optionalInteger(), isHistory: columns.optionalBool(), told: Told(&columns))
    }
    guard let row else { return }
    // The end is told when everything was read, so that it can say what the run did.
    let due = LineageRules.events(for: run, told: row.told.transitions).filter {
      run.isComplete || !$0.transition.isTerminal
    }
    guard !due.isEmpty else { return }
    var outbox = OutboxWriter(database: database, sinks: sinks, now: now, isHistory: row.isHistory ?? false)
    outbox.dagRun = row.parent ?? 0
    if row.told.start == nil, let parent = try parent(of: id) {
      try keep(parent, of: id)
      outbox = OutboxWriter(database: database, sinks: sinks, now: now, isHistory: parent.isHistory)
      outbox.dagRun = parent.dagRun
    }
    let nodeEvents = due.contains(where: \.transition.isTerminal) ? nodeEvents ?? NodeRules.count(of: run) : 0
    if nodeEvents > 0 { try note(nodeEvents: nodeEvents, of: id) }
    for event in due { try outbox.event(event, about: .dbtRun(id, nodeEvents: nodeEvents)) }
    var told = row.told
    told.note(due, mark: sinks.mark)
    try database.prepare("UPDATE dbt_run SET (\(Told.columns)) = (\(placeholders(Told.count))) WHERE id = ?").binding {
      told.bind(to: &$0)
      $0(id)
    }.run()
  }

  private func note(nodeEvents: Int, of id: Int64) throws {
    try database.prepare("UPDATE dbt_run SET node_events = ? WHERE id = ?").binding {
      $0(nodeEvents)
      $0(id)
    }.run()
  }

  private func keep(_ parent: Parent, of id: Int64) throws {
    try database.prepare(
      """
      UPDATE dbt_run SET parent_dag_run = ?, parent_task_id = ?, parent_map_index = ?, parent_try_number = ? WHERE id = ?
      """
    ).binding {
      $0(parent.dagRun)
      AttemptRow.bind(parent.attempt, to: &$0)
      $0(id)
    }.run()
  }

  /// Every DAG run that shows this dbt run is a new line for the file sinks.
  func enqueueRecords(of id: Int64, sinks: [SinkRegistration], now: Int64) throws {
    let runs = try database.prepare(
      "SELECT DISTINCT r.id, r.is_history FROM link l JOIN dag_run r ON r.id = l.dag_run WHERE l.dbt_run = ?"
    ).binding { $0(id) }.rows { (id: $0.integer(0), isHistory: $0.bool(1)) }
    for run in runs {
      var outbox = OutboxWriter(database: database, sinks: sinks, now: now, isHistory: run.isHistory)
      outbox.dagRun = run.id
      try outbox.record()
    }
  }
}
