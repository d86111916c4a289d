import ExecutionModel
import Records
import SQLite

/// What a record shows beside the rows of the ledger.
public struct RecordContext: Sendable {
  public var options: RecordOptions
  /// `airflow[].ui_url` by instance.
  public var uiURLs: [InstanceName: String]

  public init(options: RecordOptions = RecordOptions(), uiURLs: [InstanceName: String] = [:]) {
    self.options = options
    self.uiURLs = uiURLs
  }
}

extension Ledger {
  /// Writes the record of a DAG run in pieces of bounded size, ended by a line feed, from one view of the ledger.
  /// - Parameters:
  ///   - id: the run's row in the ledger.
  ///   - write: gets the bytes in order; runs on the ledger's thread. What it throws ends the record.
  /// - Returns: false when there is no such row; then nothing is written.
  public func writeRecord(
    _ id: Int64, _ context: RecordContext, to write: @escaping @Sendable (borrowing [UInt8]) throws -> Void
  ) throws -> Bool {
    try writeRecord(id, context, in: { body in try body(write) })
  }

  /// As ``writeRecord(_:_:to:)``, with all of a record's pieces within one call of `line`, which may open and close
  /// what they go to.
  public func writeRecord(
    _ id: Int64, _ context: RecordContext,
    in line: @Sendable (((borrowing [UInt8]) throws -> Void) throws -> Void) throws -> Void
  ) throws -> Bool {
    try read { database in
      let reader = RecordReader(database: database)
      guard let header = try reader.header(id, context) else { return false }
      try line { write in try encode(header, id, context, reader, to: write) }
      return true
    }
  }

  private func encode(
    _ header: RecordHeader, _ id: Int64, _ context: RecordContext, _ reader: RecordReader,
    to write: (borrowing [UInt8]) throws -> Void
  ) throws {
    var encoder = RecordEncoder(options: context.options)
    func flush(atLeast bytes: Int) throws {
      if encoder.writer.bytes.count >= bytes { try write(encoder.takeBytes()) }
    }
    encoder.begin(header)
    let links = try reader.links(of: id)
    try reader.forEachAttempt(of: id) { attempt in
      encoder.attempt(attempt, links: links[attempt.key] ?? [])
      try flush(atLeast: 1 << 18)
    }
    try reader.forEachDbtRun(of: id) { row, run in
      encoder.beginDbtRun(run)
      try reader.forEachStep(of: row) { step in
        encoder.step(step)
        try flush(atLeast: 1 << 18)
      }
    }
    encoder.end()
    encoder.newline()
    try flush(atLeast: 1)
  }

  /// The record of a DAG run in memory, for screens; its dbt results included.
  public func record(_ id: Int64, _ context: RecordContext) throws -> ExecutionRecord? {
    try read { database in
      let reader = RecordReader(database: database)
      guard let header = try reader.header(id, context) else { return nil }
      var record = ExecutionRecord(header: header)
      let links = try reader.links(of: id)
      try reader.forEachAttempt(of: id) { attempt in
        record.attempts.append(LinkedAttempt(attempt: attempt, links: links[attempt.key] ?? []))
      }
      try reader.forEachDbtRun(of: id) { row, run in
        var run = run
        try reader.forEachStep(of: row) { run.steps.append($0) }
        record.dbtRuns.append(run)
      }
      return record
    }
  }

  /// How far a record's items have come at each sink.
  public func deliveries(of id: Int64) throws -> [SinkDeliveries] {
    try read { database in
      let made = try database.prepare(
        """
        SELECT r.is_history, r.event_phase + (SELECT count(*) FROM dag_run_clear c WHERE c.dag_run = r.id) * 2,
          (SELECT coalesce(sum(event_phase), 0) FROM attempt a WHERE a.dag_run = r.id),
          (SELECT coalesce(sum(event_phase), 0) FROM dbt_run d WHERE d.parent_dag_run = r.id)
        FROM dag_run r WHERE r.id = ?
        """
      ).binding { $0(id) }.firstRow {
        (isHistory: $0.bool(0), dagRuns: Int($0.integer(1)), attempts: Int($0.integer(2)), dbtRuns: Int($0.integer(3)))
      }
      guard let made else { return [] }
      return try sinks.compactMap { sink in
        guard sink.history || !made.isHistory else { return nil }
        var count = sink.wantsRecords ? 1 : 0
        if sink.wants(.dagRuns) { count += made.dagRuns }
        if sink.wants(.attempts) { count += made.attempts }
        if sink.wants(.dbtRuns) { count += made.dbtRuns }
        let left = try database.prepare(
          """
          SELECT coalesce(sum(o.parked_at IS NULL), 0), coalesce(sum(o.parked_at IS NOT NULL), 0)
          FROM sink s LEFT JOIN outbox o ON o.sink = s.id AND o.dag_run = ? WHERE s.name = ? AND o.id IS NOT NULL
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

/// How far the items of one record have come at one sink.
public struct SinkDeliveries: Hashable, Sendable {
  public var sink: String
  /// Items made for it.
  public var made: Int
  public var pending: Int
  public var parked: Int
}

private struct RecordReader {
  let database: SQLiteDatabase

  func header(_ id: Int64, _ context: RecordContext) throws -> RecordHeader? {
    let row = try database.prepare(
      """
      SELECT i.name, i.airflow_version, r.dag_id, r.run_id, r.revision, r.removed, r.removed_at, r.instance, \(DagRunRow.columns)
      FROM dag_run r JOIN airflow_instance i ON i.id = r.instance WHERE r.id = ?
      """
    ).binding { $0(id) }.firstRow { row -> (RecordHeader, Int64) in
      var columns = SQLiteColumns(row)
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
      var columns = SQLiteColumns(row)
      return DagRow.read(&columns)
    }
    header.history = try database.prepare(
      "SELECT clear_number, state, queued_at, start_date, end_date FROM dag_run_clear WHERE dag_run = ? ORDER BY position"
    ).binding { $0(id) }.rows { row in
      var columns = SQLiteColumns(row)
      return DagRunClear(
        clearNumber: columns.optionalInt(), state: columns.optionalText(), queuedAt: columns.optionalInstant(),
        startDate: columns.optionalInstant(), endDate: columns.optionalInstant())
    }
    return header
  }

  /// In record order: by start, those that never started last, then by key.
  func forEachAttempt(of id: Int64, _ body: (TaskAttempt) throws -> Void) throws {
    try database.prepare(
      """
      SELECT \(AttemptRow.columns) FROM attempt WHERE dag_run = ?
      ORDER BY start_date IS NULL, start_date, task_id, map_index, try_number
      """
    ).binding { $0(id) }.forEachRow { row in
      var columns = SQLiteColumns(row)
      try body(AttemptRow.read(&columns))
    }
  }

  /// In record order: by creation, those without last, then by key.
  func forEachDbtRun(of id: Int64, _ body: (Int64, DbtRun) throws -> Void) throws {
    let runs = try database.prepare(
      """
      SELECT d.id FROM dbt_run d WHERE d.fetch_state = 'known' AND d.id IN (SELECT dbt_run FROM link WHERE dag_run = ?)
      ORDER BY d.created_at IS NULL, d.created_at, d.key
      """
    ).binding { $0(id) }.rows { $0.integer(0) }
    for row in runs {
      let run = try database.prepare("SELECT \(DbtRunRow.columns) FROM dbt_run WHERE id = ?").binding { $0(row) }
        .firstRow { statement -> DbtRun? in
          var columns = SQLiteColumns(statement)
          return DbtRunRow.read(&columns)
        }
      if let run, let run { try body(row, run) }
    }
  }

  func forEachStep(of dbtRun: Int64, _ body: (DbtStep) throws -> Void) throws {
    let steps = try database.prepare("SELECT \(DbtStepRow.columns) FROM dbt_step WHERE dbt_run = ? ORDER BY step_index")
      .binding { $0(dbtRun) }.rows { row in
        var columns = SQLiteColumns(row)
        return DbtStepRow.read(&columns)
      }
    for var step in steps {
      step.results = try database.prepare(
        "SELECT \(DbtResultRow.columns) FROM dbt_result WHERE dbt_run = ? AND step_index = ? ORDER BY position"
      ).binding {
        $0(dbtRun)
        $0(step.index)
      }.rows { row in
        var columns = SQLiteColumns(row)
        return DbtResultRow.read(&columns)
      }
      step.freshness = try database.prepare(
        """
        SELECT unique_id, status, max_loaded_at, snapshotted_at, age_seconds, error FROM dbt_freshness
        WHERE dbt_run = ? AND step_index = ? ORDER BY position
        """
      ).binding {
        $0(dbtRun)
        $0(step.index)
      }.rows { row in
        var columns = SQLiteColumns(row)
        var freshness = DbtFreshness(uniqueID: columns.text(), status: columns.text())
        freshness.maxLoadedAt = columns.optionalInstant()
        freshness.snapshottedAt = columns.optionalInstant()
        freshness.ageSeconds = columns.optionalDouble()
        freshness.error = columns.optionalText()
        return freshness
      }
      try body(step)
    }
  }

  func links(of id: Int64) throws -> [AttemptKey: [RunLink]] {
    let rows = try database.prepare(
      """
      SELECT l.id, l.task_id, l.map_index, l.try_number, l.relation, l.confidence, l.unresolved, d.key, d.fetch_state, d.unresolved
      FROM link l LEFT JOIN dbt_run d ON d.id = l.dbt_run WHERE l.dag_run = ? AND l.is_candidate = 0 ORDER BY l.id
      """
    ).binding { $0(id) }.rows { row -> (id: Int64, attempt: AttemptKey, link: RunLink) in
      var columns = SQLiteColumns(row)
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
      return (id, attempt, link)
    }
    var links: [AttemptKey: [RunLink]] = [:]
    for var row in rows {
      row.link.evidence = try database.prepare("SELECT kind, value FROM evidence WHERE link = ? ORDER BY position")
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
