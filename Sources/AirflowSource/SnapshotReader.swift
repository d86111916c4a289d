import ExecutionModel
import Postgres

/// Reads whole DAG runs within one transaction, in chunks whose size follows from their number of task instances.
struct SnapshotReader {
  private let transaction: PostgresTransaction
  private let instance: InstanceName
  private let queries: Queries
  private let normaliser: AttemptNormaliser
  private let limits: ReadLimits
  private var contentBytes = 0
  private(set) var rowCounts = RowCounts()

  init(
    _ transaction: PostgresTransaction, instance: InstanceName, schema: AirflowSchema, queries: Queries,
    limits: ReadLimits
  ) {
    self.transaction = transaction
    self.instance = instance
    self.queries = queries
    normaliser = AttemptNormaliser(numbering: schema.tryNumbering)
    self.limits = limits
  }

  /// One run while its parts come in.
  private struct Parts {
    var run: DagRun
    var live: [TaskInstanceRow] = []
    var history: [TaskInstanceRow] = []
    var firstPokes: [AttemptKey: Instant] = [:]
    var xcoms: [XCom] = []
    var renderedFields: [RenderedFields] = []
    var mayHaveDbt = false
  }

  /// The runs in the order of `ids`, as many as the limits allow but at least one, and the last id of those. A run that
  /// does not exist is left out.
  mutating func read(_ ids: [Int64]) throws -> (snapshots: [DagRunSnapshot], last: Int64?) {
    guard !ids.isEmpty else { return ([], nil) }
    var (runs, sizes) = try dagRuns(ids)
    var snapshots: [DagRunSnapshot] = []
    var position = 0
    while position < ids.count, position == 0 || !isFull {
      var chunk = Chunk()
      while position < ids.count, chunk.takes(sizes[ids[position]] ?? 0, limits) {
        chunk.add(ids[position], sizes[ids[position]] ?? 0)
        position += 1
      }
      var parts: [Int64: Parts] = [:]
      for id in chunk.ids { parts[id] = runs.removeValue(forKey: id).map { Parts(run: $0) } }
      try fill(&parts, chunk.ids)
      snapshots += chunk.ids.compactMap { id in parts.removeValue(forKey: id).map(snapshot) }
    }
    return (snapshots, ids[position - 1])
  }

  private struct Chunk {
    private(set) var ids: [Int64] = []
    private var taskInstances = 0

    func takes(_ size: Int, _ limits: ReadLimits) -> Bool {
      ids.isEmpty || taskInstances + size <= limits.taskInstancesPerChunk
    }

    mutating func add(_ id: Int64, _ size: Int) {
      ids.append(id)
      taskInstances += size
    }
  }

  private var isFull: Bool {
    rowCounts.taskInstances >= limits.taskInstancesPerCall || contentBytes >= limits.contentBytesPerCall
  }

  private func snapshot(_ parts: Parts) -> DagRunSnapshot {
    var snapshot = DagRunSnapshot(
      run: parts.run,
      attempts: normaliser.attempts(
        of: parts.run, live: parts.live, history: parts.history, firstPokes: parts.firstPokes),
      xcoms: parts.xcoms, renderedFields: parts.renderedFields)
    if !parts.xcoms.isEmpty { snapshot.hiddenTries = normaliser.hiddenTries(parts.live, firstPokes: parts.firstPokes) }
    return snapshot
  }

  // MARK: Queries

  private mutating func dagRuns(_ ids: [Int64]) throws -> (runs: [Int64: DagRun], sizes: [Int64: Int]) {
    var runs: [Int64: DagRun] = [:]
    var sizes: [Int64: Int] = [:]
    try transaction.query(queries.dagRuns, [.intArray(ids), .int(Int64(limits.confBytes))]) { row in
      let run = try DagRun(row, instance: instance)
      runs[run.sourceID] = run
      sizes[run.sourceID] = Int(try row.int(18))
    }
    rowCounts.dagRuns += runs.count
    return (runs, sizes)
  }

  private mutating func fill(_ parts: inout [Int64: Parts], _ ids: [Int64]) throws {
    try taskInstances(&parts, ids)
    try xcoms(&parts, ids)
    let dbtIDs = ids.filter { parts[$0]?.mayHaveDbt ?? false }
    if !dbtIDs.isEmpty { try renderedFields(&parts, dbtIDs) }
  }

  private mutating func taskInstances(_ parts: inout [Int64: Parts], _ ids: [Int64]) throws {
    try transaction.query(queries.taskInstances, [.intArray(ids)]) { row in
      let taskInstance = try TaskInstanceRow(row)
      let id = try row.int(0)
      parts[id]?.live.append(taskInstance)
      if taskInstance.looksLikeDbt { parts[id]?.mayHaveDbt = true }
      rowCounts.taskInstances += 1
    }
    if let query = queries.taskInstanceHistory {
      try transaction.query(query, [.intArray(ids)]) { row in
        parts[try row.int(0)]?.history.append(try TaskInstanceRow(row))
        rowCounts.taskInstanceHistory += 1
      }
    }
    if let query = queries.firstPokes {
      try transaction.query(query, [.intArray(ids)]) { row in
        let key = AttemptKey(
          taskID: try row.text(1), mapIndex: Int(try row.int(2)), tryNumber: Int(try row.optionalInt(3) ?? 0))
        parts[try row.int(0)]?.firstPokes[key] = try row.optionalInstant(4)
      }
    }
  }

  private mutating func xcoms(_ parts: inout [Int64: Parts], _ ids: [Int64]) throws {
    let bounds: [PostgresParameter] = [.int(Int64(limits.xcomBytes)), .int(Int64(limits.xcomBytesPerRun))]
    try transaction.query(queries.xcoms, [.intArray(ids)] + bounds) { row in
      let bytes = Int(try row.optionalInt(5) ?? 0)
      let content: XCom.Content
      if let stored = row.optionalBytes(6) {
        content = StoredValue(stored).content
        contentBytes += bytes
      } else if row.isNull(5) {
        content = .json(RawJSON("null"))
      } else {
        content = .tooLarge(bytes: bytes)
        rowCounts.xcomsTooLarge += 1
      }
      let id = try row.int(0)
      let xcom = XCom(
        taskID: try row.text(1), mapIndex: Int(try row.int(2)), key: try row.text(3),
        // NOT NULL; an infinite one is later than every start.
        timestamp: try row.optionalInstant(4) ?? Instant(microseconds: .max), content: content)
      parts[id]?.xcoms.append(xcom)
      if xcom.key != "return_value" { parts[id]?.mayHaveDbt = true }
      rowCounts.xcoms += 1
    }
  }

  private mutating func renderedFields(_ parts: inout [Int64: Parts], _ ids: [Int64]) throws {
    let bounds: [PostgresParameter] = [.int(Int64(limits.renderedBytes)), .int(Int64(limits.renderedBytesPerRun))]
    try transaction.query(queries.renderedFields, [.intArray(ids)] + bounds) { row in
      guard let stored = row.optionalBytes(4) else {
        rowCounts.renderedFieldsTooLarge += 1
        return
      }
      contentBytes += stored.count
      parts[try row.int(0)]?.renderedFields.append(
        RenderedFields(
          taskID: try row.text(1), mapIndex: Int(try row.int(2)), fields: StoredValue(stored).rawJSON))
      rowCounts.renderedFields += 1
    }
  }
}
