import ExecutionModel
import Storage

/// Reads what events are made of; keeps the last run, because items of one run stand together.
struct FactsReader {
  let database: any Database
  private var lastRun: (id: Int64, run: DagRun, dag: Dag?, version: String?)?
  private var lastDbtRun: (id: Int64, run: DbtRun?, parent: AttemptKey?)?
  /// Nodes of dbt projects by their row.
  var nodes: [Int64: DbtNode] = [:]

  init(database: any Database) { self.database = database }

  mutating func facts(for item: OutboxItem) throws -> EventFacts {
    var facts = EventFacts(run: nil, dag: nil, attempt: nil, dbtRun: nil, triggered: [], currentAttempts: [])
    if item.dagRun != 0, let known = try run(item.dagRun) {
      (facts.run, facts.dag, facts.airflowVersion) = (known.run, known.dag, known.version)
    }
    switch item.kind {
    case .dagRun:
      if item.transition?.isTerminal == true { facts.currentAttempts = try currentAttempts(of: item.dagRun) }
    case .attempt:
      if let key = item.attempt {
        facts.attempt = try attempt(key, of: item.dagRun)
        facts.triggered = try triggered(by: key, of: item.dagRun)
      }
    case .dbtRun, .dbtNode, .dbtNodes:
      if let id = item.dbtRun {
        let known = try dbtRun(id)
        facts.dbtRun = known.run
        if let parent = known.parent { facts.attempt = try attempt(parent, of: item.dagRun) }
        if let node = item.node, let run = known.run { facts.dbtNode = try execution(of: node, in: id, of: run) }
      }
    case .record: break
    }
    return facts
  }

  private mutating func run(_ id: Int64) throws -> (id: Int64, run: DagRun, dag: Dag?, version: String?)? {
    if let lastRun, lastRun.id == id { return lastRun }
    let found = try database.prepare(
      """
      SELECT i.name, i.airflow_version, i.id, r.dag_id, r.run_id, \(DagRunRow.columns)
      FROM dag_run r JOIN airflow_instance i ON i.id = r.instance WHERE r.id = ?
      """
    ).binding { $0(id) }.firstRow { row -> (DagRun, String?, Int64) in
      var columns = Columns(row)
      let instance = columns.text()
      let version = columns.optionalText()
      let instanceID = columns.integer()
      let key = DagRunKey(instance: instance, dagID: columns.text(), runID: columns.text())
      return (DagRunRow.read(&columns, key: key), version, instanceID)
    }
    guard let (run, version, instance) = found else { return nil }
    let dag = try database.prepare("SELECT \(DagRow.columns) FROM dag WHERE instance = ? AND dag_id = ?").binding {
      $0(instance)
      $0(run.key.dagID)
    }.firstRow { row -> Dag in
      var columns = Columns(row)
      return DagRow.read(&columns)
    }
    lastRun = (id, run, dag, version)
    return lastRun
  }

  private func attempt(_ key: AttemptKey, of dagRun: Int64) throws -> TaskAttempt? {
    try database.prepare(
      "SELECT \(AttemptRow.columns) FROM attempt WHERE dag_run = ? AND task_id = ? AND map_index = ? AND try_number = ?"
    ).binding {
      $0(dagRun)
      AttemptRow.bind(key, to: &$0)
    }.firstRow { row in
      var columns = Columns(row)
      return AttemptRow.read(&columns)
    }
  }

  private func triggered(by key: AttemptKey, of dagRun: Int64) throws -> [DbtRunKey] {
    try database.prepare(
      """
      SELECT d.key FROM link l JOIN dbt_run d ON d.id = l.dbt_run
      WHERE l.dag_run = ? AND l.task_id = ? AND l.map_index = ? AND l.try_number = ? AND l.confidence = 'exact'
        AND l.relation IN ('triggered', 'reused', 'retried') ORDER BY l.run_id
      """
    ).binding {
      $0(dagRun)
      AttemptRow.bind(key, to: &$0)
    }.rows { DbtRunKey($0.text(0)) }.compactMap(\.self)
  }

  private func currentAttempts(of dagRun: Int64) throws -> [TaskAttempt] {
    try database.prepare("SELECT \(AttemptRow.columns) FROM attempt WHERE dag_run = ? AND is_current = 1")
      .binding { $0(dagRun) }.rows { row in
        var columns = Columns(row)
        return AttemptRow.read(&columns)
      }
  }

  private mutating func dbtRun(_ id: Int64) throws -> (id: Int64, run: DbtRun?, parent: AttemptKey?) {
    if let lastDbtRun, lastDbtRun.id == id { return lastDbtRun }
    var run =
      try database.prepare("SELECT \(DbtRunRow.columns) FROM dbt_run WHERE id = ?").binding({ $0(id) })
      .firstRow({ row -> DbtRun? in
        var columns = Columns(row)
        return DbtRunRow.read(&columns)
      }) ?? nil
    run?.steps = try database.prepare(
      "SELECT \(DbtStepRow.columns) FROM dbt_step WHERE dbt_run = ? ORDER BY step_index"
    )
    .binding { $0(id) }.rows { row in
      var columns = Columns(row)
      return DbtStepRow.read(&columns)
    }
    let parent = try database.prepare(
      "SELECT parent_task_id, parent_map_index, parent_try_number FROM dbt_run WHERE id = ? AND parent_task_id IS NOT NULL"
    ).binding { $0(id) }.firstRow { row in
      var columns = Columns(row)
      return AttemptRow.readKey(&columns)
    }
    lastDbtRun = (id, run, parent)
    return (id, run, parent)
  }
}
