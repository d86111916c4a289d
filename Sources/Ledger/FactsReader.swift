import ExecutionModel
import Storage

/// Reads what events are made of; keeps the last run, because items of one run stand together.
struct FactsReader {
  let database: any Database
  private var lastRun: (id: Int64, run: DagRun, dag: Dag?, version: String?)?
  /// What is known of attempts of the last run.
  private var attempts: [AttemptKey: (attempt: TaskAttempt?, triggered: [DbtRunKey])] = [:]
  private var attemptsOf: Int64 = 0
  private var lastDbtRun: (id: Int64, run: DbtRun?, parent: AttemptKey?)?
  /// Nodes of dbt projects by their row.
  var nodes: [Int64: DbtNode] = [:]

  init(database: any Database) { self.database = database }

  /// What the events of `items` are made of, in their order. An item whose rows are gone gets empty facts.
  mutating func facts(for items: [OutboxItem]) throws -> [EventFacts] {
    var facts: [EventFacts] = []
    facts.reserveCapacity(items.count)
    for (index, item) in items.enumerated() {
      if item.kind == .attempt, database.isServer { try lookAhead(items[index...]) }
      facts.append(try self.facts(for: item))
    }
    return facts
  }

  private mutating func facts(for item: OutboxItem) throws -> EventFacts {
    var facts = EventFacts(run: nil, dag: nil, attempt: nil, dbtRun: nil, triggered: [], currentAttempts: [])
    if item.dagRun != 0, let known = try run(item.dagRun) {
      (facts.run, facts.dag, facts.airflowVersion) = (known.run, known.dag, known.version)
    }
    switch item.kind {
    case .dagRun:
      if item.transition?.isTerminal == true { facts.currentAttempts = try currentAttempts(of: item.dagRun) }
    case .attempt:
      if let key = item.attempt {
        (facts.attempt, facts.triggered) = try known(key, of: item.dagRun)
      }
    case .dbtRun, .dbtNode, .dbtNodes:
      if let id = item.dbtRun {
        let known = try dbtRun(id)
        facts.dbtRun = known.run
        if let parent = known.parent { facts.attempt = try self.known(parent, of: item.dagRun).attempt }
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

  private mutating func known(
    _ key: AttemptKey, of dagRun: Int64
  ) throws -> (attempt: TaskAttempt?, triggered: [DbtRunKey]) {
    if attemptsOf != dagRun || attempts[key] == nil { try look(for: [key], of: dagRun) }
    return attempts[key] ?? (nil, [])
  }

  /// Looks for several attempts at once, where each statement travels: for the first item, and for those of the same DAG
  /// run that follow.
  private mutating func lookAhead(_ items: ArraySlice<OutboxItem>) throws {
    guard let first = items.first, let key = first.attempt else { return }
    if attemptsOf == first.dagRun, attempts[key] != nil { return }
    var keys: [AttemptKey] = []
    var seen: Set<AttemptKey> = []
    for item in items {
      guard item.dagRun == first.dagRun, keys.count < Self.attemptsAtOnce else { break }
      guard item.kind == .attempt, let key = item.attempt, seen.insert(key).inserted else { continue }
      keys.append(key)
    }
    try look(for: keys, of: first.dagRun)
  }

  private mutating func look(for keys: [AttemptKey], of dagRun: Int64) throws {
    if attemptsOf != dagRun {
      attempts.removeAll(keepingCapacity: true)
      attemptsOf = dagRun
    }
    for key in keys { attempts[key] = (nil, []) }
    func bind(_ binder: inout Binder) {
      binder(dagRun)
      for key in keys { AttemptRow.bind(key, to: &binder) }
      guard keys.count > 1, let last = keys.last else { return }
      for _ in keys.count..<Self.attemptsAtOnce { AttemptRow.bind(last, to: &binder) }
    }
    let isOne = keys.count == 1
    try database.prepare(isOne ? Self.selectAttempt : Self.selectAttempts).binding(bind).forEachRow { row in
      var columns = Columns(row)
      let attempt = AttemptRow.read(&columns)
      attempts[attempt.key]?.attempt = attempt
    }
    try database.prepare(isOne ? Self.selectTriggered : Self.selectAllTriggered).binding(bind).forEachRow { row in
      var columns = Columns(row)
      let key = AttemptRow.readKey(&columns)
      if let run = DbtRunKey(columns.text()) { attempts[key]?.triggered.append(run) }
    }
  }

  // SQLite would go through all attempts of the DAG run for them, which may be ten thousand.
  private static let attemptsAtOnce = 32
  private static let theOne = "task_id = ? AND map_index = ? AND try_number = ?"
  private static let theMany =
    "(task_id, map_index, try_number) IN (VALUES \(placeholders(rows: attemptsAtOnce, of: 3)))"
  static let selectAttempt = SQL("SELECT \(AttemptRow.columns) FROM attempt WHERE dag_run = ? AND \(theOne)")
  static let selectAttempts = SQL("SELECT \(AttemptRow.columns) FROM attempt WHERE dag_run = ? AND \(theMany)")
  static let selectTriggered = SQL(triggered(by: theOne))
  static let selectAllTriggered = SQL(triggered(by: theMany))

  private static func triggered(by attempts: String) -> String {
    """
    SELECT task_id, map_index, try_number, d.key FROM link l JOIN dbt_run d ON d.id = l.dbt_run
    WHERE l.dag_run = ? AND \(attempts) AND l.confidence = 'exact'
      AND l.relation IN ('triggered', 'reused', 'retried') ORDER BY l.run_id
    """
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
