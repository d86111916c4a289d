import ExecutionModel
import Records
import Storage

/// Reads the parts of one record, in record order.
struct RecordReader {
  let database: any Database

  func header(_ id: RecordID, _ context: RecordContext) throws -> RecordHeader? {
    switch id {
    case .dagRun(let id): try header(ofDagRun: id, context)
    case .dbtRun(let id): try header(ofDbtRun: id)
    }
  }

  private func header(ofDagRun id: Int64, _ context: RecordContext) throws -> RecordHeader? {
    let row = try database.prepare(
      """
      SELECT i.name, i.airflow_version, r.dag_id, r.run_id, r.revision, r.removed, r.removed_at, r.instance, \(DagRunRow.columns)
      FROM dag_run r JOIN airflow_instance i ON i.id = r.instance WHERE r.id = ?
      """
    ).binding { $0(id) }.firstRow { row -> (RecordHeader, Int64) in
      var columns = Columns(row)
      let instance = columns.text()
      let version = columns.optionalText()
      let key = DagRunKey(instance: instance, dagID: columns.text(), runID: columns.text())
      let revision = columns.int()
      let removed = columns.optionalText().map { RecordHeader.Removed.Kind(rawValue: $0) ?? .unknown }
      let removedAt = columns.optionalInstant()
      let instanceID = columns.integer()
      let run = DagRunRow.read(&columns, key: key)
      let gone = removed.flatMap { kind in removedAt.map { RecordHeader.Removed(kind: kind, seenAt: $0) } }
      return (
        RecordHeader(
          run: run, airflowVersion: version, revision: revision, removed: gone, uiURL: context.uiURLs[instance]),
        instanceID
      )
    }
    guard let (first, instance) = row, let run = first.run else { return nil }
    var header = first
    header.dag = try database.prepare("SELECT \(DagRow.columns) FROM dag WHERE instance = ? AND dag_id = ?").binding {
      $0(instance)
      $0(run.key.dagID)
    }.firstRow { row in
      var columns = Columns(row)
      return DagRow.read(&columns)
    }
    header.history = try database.prepare(
      "SELECT clear_number, state, queued_at, start_date, end_date FROM dag_run_clear WHERE dag_run = ? ORDER BY position"
    ).binding { $0(id) }.rows { row in
      var columns = Columns(row)
      return DagRunClear(
        clearNumber: columns.optionalInt(), state: columns.optionalText(), queuedAt: columns.optionalInstant(),
        startDate: columns.optionalInstant(), endDate: columns.optionalInstant())
    }
    return header
  }

  /// In record order: by start, those that never started last, then by key.
  func forEachAttempt(of id: Int64, _ body: (TaskAttempt, RecordHeader.Removed?) throws -> Void) throws {
    try database.prepare(
      """
      SELECT removed_at, \(AttemptRow.columns) FROM attempt WHERE dag_run = ?
      ORDER BY start_date IS NULL, start_date, task_id, map_index, try_number
      """
    ).binding { $0(id) }.forEachRow { row in
      var columns = Columns(row)
      let removed = columns.optionalInstant().map { RecordHeader.Removed(kind: .deleted, seenAt: $0) }
      try body(AttemptRow.read(&columns), removed)
    }
  }

  /// Gaps in the numbers of tries, by key.
  func unseenTries(of id: Int64) throws -> [UnseenTries] {
    try database.prepare(
      """
      SELECT task_id, map_index, before + 1, try_number - 1
      FROM (SELECT task_id, map_index, try_number,
          coalesce(lag(try_number) OVER (PARTITION BY task_id, map_index ORDER BY try_number), 0) AS before
        FROM attempt WHERE dag_run = ? AND try_number > 0) AS tries
      WHERE try_number > before + 1 ORDER BY task_id, map_index, try_number
      """
    ).binding { $0(id) }.rows { row in
      var columns = Columns(row)
      return UnseenTries(
        taskID: columns.text(), mapIndex: columns.int(), first: columns.int(), last: columns.int())
    }
  }

  /// In record order: by creation, those without last, then by key.
  func forEachDbtRun(of record: RecordID, _ body: (Int64, DbtRun) throws -> Void) throws {
    guard case .dagRun(let id) = record else {
      if case .dbtRun(let id) = record, let run = try dbtRun(id) { try body(id, run) }
      return
    }
    let runs = try database.prepare(
      """
      SELECT d.id FROM dbt_run d WHERE d.fetch_state = 'known' AND d.id IN (SELECT dbt_run FROM link WHERE dag_run = ?)
      ORDER BY d.created_at IS NULL, d.created_at, d.key
      """
    ).binding { $0(id) }.rows { $0.integer(0) }
    for row in runs { if let run = try dbtRun(row) { try body(row, run) } }
  }

  /// A dbt run without its steps.
  func dbtRun(_ id: Int64) throws -> DbtRun? {
    try database.prepare(Self.selectDbtRun).binding { $0(id) }.firstRow { statement -> DbtRun? in
      var columns = Columns(statement)
      return DbtRunRow.read(&columns)
    } ?? nil
  }

  private static let selectDbtRun = SQL("SELECT \(DbtRunRow.columns) FROM dbt_run WHERE id = ?")

  /// The header of a dbt run that is a record of its own; nil when it is none, or no more.
  private func header(ofDbtRun id: Int64) throws -> RecordHeader? {
    try database.prepare("SELECT d.key, d.revision FROM dbt_run d WHERE d.id = ? AND \(DbtRunWriter.isRecord)").binding
    {
      $0(id)
    }.firstRow { row in DbtRunKey(row.text(0)).map { RecordHeader(dbtRun: $0, revision: Int(row.integer(1))) } } ?? nil
  }

  /// What came of a step, without what its project says of the nodes besides.
  private func readResults(of dbtRun: Int64, into step: inout DbtStep) throws {
    var inputs: [[Int64]] = []
    step.results = try database.prepare(Self.selectResults).binding {
      $0(dbtRun)
      $0(step.index)
    }.rows { row in
      var columns = Columns(row)
      let (result, read) = DbtResultRow.read(&columns)
      inputs.append(read)
      return result
    }
    var names: [Int64: String] = [:]
    for (position, ids) in inputs.enumerated() {
      step.results[position].inputs = try ids.compactMap { id in
        if names[id] == nil {
          names[id] = try database.prepare(Self.selectName).binding { $0(id) }.firstRow { $0.text(0) }
        }
        return names[id]
      }
    }
  }

  private static let selectResults = SQL(
    """
    SELECT \(DbtResultRow.selected) FROM dbt_result r JOIN dbt_node n ON n.id = r.node
    WHERE r.dbt_run = ? AND r.step_index = ? ORDER BY r.position
    """)
  private static let selectName = SQL("SELECT unique_id FROM dbt_node WHERE id = ?")

  /// What the project says of the nodes of a step's results and of those that they read.
  func nodes(of dbtRun: Int64, step: Int) throws -> [String: DbtNode] {
    let nodes = try database.prepare(Self.selectNodes).binding {
      $0(dbtRun)
      $0(step)
    }.rows { row -> DbtNode in
      var columns = Columns(row)
      return DbtNodeRow.read(&columns)
    }
    return Dictionary(nodes.map { ($0.uniqueID, $0) }) { first, _ in first }
  }

  private static let selectNodes = SQL(
    """
    SELECT \(DbtNodeRow.columns) FROM dbt_node WHERE id IN (
      SELECT node FROM dbt_result WHERE dbt_run = ?1 AND step_index = ?2
      UNION SELECT CAST(value AS BIGINT) FROM dbt_result r, json_each(r.inputs) WHERE r.dbt_run = ?1 AND r.step_index = ?2)
    """)

  func forEachStep(of dbtRun: Int64, _ body: (DbtStep) throws -> Void) throws {
    let steps = try database.prepare("SELECT \(DbtStepRow.columns) FROM dbt_step WHERE dbt_run = ? ORDER BY step_index")
      .binding { $0(dbtRun) }.rows { row in
        var columns = Columns(row)
        return DbtStepRow.read(&columns)
      }
    for var step in steps {
      try readResults(of: dbtRun, into: &step)
      step.freshness = try database.prepare(
        """
        SELECT \(DbtFreshnessRow.columns) FROM dbt_freshness
        WHERE dbt_run = ? AND step_index = ? ORDER BY position
        """
      ).binding {
        $0(dbtRun)
        $0(step.index)
      }.rows { row in
        var columns = Columns(row)
        return DbtFreshnessRow.read(&columns)
      }
      try body(step)
    }
  }

  func links(of id: Int64) throws -> [AttemptKey: [RunLink]] {
    let rows = try database.prepare(
      """
      SELECT l.id, l.task_id, l.map_index, l.try_number, l.relation, l.confidence, l.unresolved, d.key, d.fetch_state, d.unresolved,
        d.host, d.account_id, d.retrying_run_id
      FROM link l LEFT JOIN dbt_run d ON d.id = l.dbt_run WHERE l.dag_run = ? AND l.is_candidate = 0 ORDER BY l.id
      """
    ).binding { $0(id) }.rows { row -> (id: Int64, attempt: AttemptKey, link: RunLink) in
      var columns = Columns(row)
      let id = columns.integer()
      let attempt = AttemptRow.readKey(&columns)
      var link = RunLink(
        key: nil, relation: Relation(rawValue: columns.text()) ?? .triggered,
        confidence: Confidence(rawValue: columns.text()) ?? .ambiguous, unresolved: columns.optionalText(), evidence: []
      )
      link.key = columns.optionalText().flatMap(DbtRunKey.init)
      let state = columns.optionalText()
      let reason = columns.optionalText()
      if link.key != nil, state != "known" { link.unresolved = reason ?? "not fetched yet" }
      if link.key == nil, link.unresolved == nil {
        link.unresolved = "not known yet which configured account has this run"
      }
      if link.relation == .retried, let host = columns.optionalText(), let account = columns.optionalInteger(),
        let retried = columns.optionalInteger()
      {
        link.retriedRun = .cloud(host: host, accountID: account, runID: retried)
      }
      return (id, attempt, link)
    }
    var links: [AttemptKey: [RunLink]] = [:]
    for var row in rows {
      row.link.evidence = try database.prepare("SELECT kind, value FROM evidence WHERE link = ? ORDER BY kind, value")
        .binding { $0(row.id) }.rows { Evidence(kind: $0.text(0), value: $0.text(1)) }
      if row.link.confidence == .ambiguous {
        row.link.candidates = try database.prepare(
          "SELECT d.key FROM link_target t JOIN dbt_run d ON d.id = t.dbt_run WHERE t.link = ? AND d.fetch_state = 'known' ORDER BY d.key"
        ).binding { $0(row.id) }.rows { DbtRunKey($0.text(0)) }.compactMap(\.self)
      }
      links[row.attempt, default: []].append(row.link)
    }
    return links
  }
}
