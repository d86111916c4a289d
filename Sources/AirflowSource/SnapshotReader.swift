import ExecutionModel
import Postgres

/// Reads whole DAG runs within one transaction, in chunks whose size follows from their number of task instances.
struct SnapshotReader {
  private let transaction: PostgresTransaction
  private let instance: InstanceName
  private let queries: Queries
  private let normaliser: AttemptNormaliser
  private let limits: ReadLimits
  private var texts = TextPool()
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
  }

  /// The runs of one chunk. Rows come run by run, so that the run of a row mostly is that of the row before.
  private struct Chunk {
    private(set) var ids: [Int64] = []
    var parts: [Parts] = []
    private var positions: [Int64: Int] = [:]
    private var last: (id: Int64, position: Int)?
    private var taskInstances = 0

    func takes(_ size: Int, _ limits: ReadLimits) -> Bool {
      ids.isEmpty || taskInstances + size <= limits.taskInstancesPerChunk
    }

    mutating func add(_ run: DagRun, _ size: Int) {
      positions[run.sourceID] = parts.count
      ids.append(run.sourceID)
      var new = Parts(run: run)
      new.live.reserveCapacity(size)
      parts.append(new)
      taskInstances += size
    }

    /// Where the parts of that run are; nil when it was not asked for.
    mutating func position(of id: Int64) -> Int? {
      if let last, last.id == id { return last.position }
      guard let position = positions[id] else { return nil }
      last = (id, position)
      return position
    }
  }

  /// The runs in the order of `ids`, as many as the limits allow but at least one, and the last id of those. A run that
  /// does not exist is left out.
  mutating func read(_ ids: [Int64]) throws -> (snapshots: [DagRunSnapshot], last: Int64?) {
    guard !ids.isEmpty else { return ([], nil) }
    let (runs, sizes) = try dagRuns(ids)
    var snapshots: [DagRunSnapshot] = []
    snapshots.reserveCapacity(runs.count)
    var position = 0
    while position < ids.count, position == 0 || !isFull {
      var chunk = Chunk()
      while position < ids.count, chunk.takes(sizes[ids[position]] ?? 0, limits) {
        if let run = runs[ids[position]] { chunk.add(run, sizes[ids[position]] ?? 0) }
        position += 1
      }
      try fill(&chunk)
      for parts in chunk.parts { snapshots.append(snapshot(parts)) }
    }
    return (snapshots, ids[position - 1])
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

  private mutating func fill(_ chunk: inout Chunk) throws {
    guard !chunk.ids.isEmpty else { return }
    try taskInstances(&chunk)
    try xcoms(&chunk)
    try renderedFields(&chunk)
  }

  private mutating func taskInstances(_ chunk: inout Chunk) throws {
    try transaction.copyOut(Queries.inlined(queries.taskInstances, chunk.ids)) { row in
      rowCounts.taskInstances += 1
      guard let position = chunk.position(of: try row.int(0)) else { return }
      chunk.parts[position].live.append(try TaskInstanceRow(row, &texts))
    }
    if let query = queries.taskInstanceHistory {
      try transaction.copyOut(Queries.inlined(query, chunk.ids)) { row in
        rowCounts.taskInstanceHistory += 1
        guard let position = chunk.position(of: try row.int(0)) else { return }
        chunk.parts[position].history.append(try TaskInstanceRow(row, &texts))
      }
    }
    if let query = queries.firstPokes {
      try transaction.query(query, [.intArray(chunk.ids)]) { row in
        guard let position = chunk.position(of: try row.int(0)) else { return }
        let key = AttemptKey(
          taskID: try row.text(1), mapIndex: Int(try row.int(2)), tryNumber: Int(try row.optionalInt(3) ?? 0))
        chunk.parts[position].firstPokes[key] = try row.optionalInstant(4)
      }
    }
  }

  private mutating func xcoms(_ chunk: inout Chunk) throws {
    var haveLarge: Set<Int64> = []
    try transaction.copyOut(Queries.inlined(queries.smallXComs, chunk.ids, limits.xcomBytesAtOnce)) { row in
      let id = try row.int(0)
      let content: XCom.Content? = row.withBytes(6) { bytes in
        contentBytes += bytes?.count ?? 0
        return bytes.map(StoredValue.content)
      }
      if let content {
        try add(row, content, &chunk)
      } else if try row.optionalBool(5) ?? false {
        try add(row, .json(RawJSON("null")), &chunk)
      } else {
        haveLarge.insert(id)
      }
    }
    guard !haveLarge.isEmpty else { return }
    let bounds = [limits.xcomBytes, limits.xcomBytesPerRun, limits.xcomBytesAtOnce]
    try transaction.query(queries.xcoms, [.intArray(haveLarge.sorted())] + bounds.map { .int(Int64($0)) }) { row in
      let bytes = Int(try row.optionalInt(5) ?? 0)
      let content: XCom.Content? = row.withBytes(6) { $0.map(StoredValue.content) }
      if content == nil { rowCounts.xcomsTooLarge += 1 } else { contentBytes += bytes }
      try add(row, content ?? .tooLarge(bytes: bytes), &chunk)
    }
  }

  private mutating func add(_ row: PostgresRow, _ content: XCom.Content, _ chunk: inout Chunk) throws {
    rowCounts.xcoms += 1
    guard let position = chunk.position(of: try row.int(0)) else { return }
    chunk.parts[position].xcoms.append(
      XCom(
        taskID: try row.text(1, &texts), mapIndex: Int(try row.int(2)), key: try row.text(3, &texts),
        // NOT NULL; an infinite one is later than every start.
        timestamp: try row.optionalInstant(4) ?? Instant(microseconds: .max), content: content))
  }

  /// Those of task instances that look like dbt: by the operator's name, or because they wrote one of the dbt operators'
  /// XComs.
  private mutating func renderedFields(_ chunk: inout Chunk) throws {
    var ids: [Int64] = []
    var dagIDs: [String] = []
    var runIDs: [String] = []
    var taskIDs: [String] = []
    var mapIndexes: [Int64] = []
    for (id, parts) in zip(chunk.ids, chunk.parts) {
      var wanted: Set<AttemptKey> = []
      for row in parts.live where row.looksLikeDbt {
        wanted.insert(AttemptKey(taskID: row.taskID, mapIndex: row.mapIndex, tryNumber: 0))
      }
      for xcom in parts.xcoms where xcom.key != "return_value" {
        wanted.insert(AttemptKey(taskID: xcom.taskID, mapIndex: xcom.mapIndex, tryNumber: 0))
      }
      for key in wanted {
        ids.append(id)
        dagIDs.append(parts.run.key.dagID)
        runIDs.append(parts.run.key.runID)
        taskIDs.append(key.taskID)
        mapIndexes.append(Int64(key.mapIndex))
      }
    }
    guard !ids.isEmpty else { return }
    try transaction.query(
      queries.renderedFields,
      [
        .intArray(ids), .textArray(dagIDs), .textArray(runIDs), .textArray(taskIDs), .intArray(mapIndexes),
        .int(Int64(limits.renderedBytes)), .int(Int64(limits.renderedBytesPerRun)),
      ]
    ) { row in
      guard let stored = row.optionalBytes(4) else {
        rowCounts.renderedFieldsTooLarge += 1
        return
      }
      contentBytes += stored.count
      guard let position = chunk.position(of: try row.int(0)) else { return }
      chunk.parts[position].renderedFields.append(
        RenderedFields(
          taskID: try row.text(1), mapIndex: Int(try row.int(2)), fields: StoredValue(stored).rawJSON))
      rowCounts.renderedFields += 1
    }
  }
}
