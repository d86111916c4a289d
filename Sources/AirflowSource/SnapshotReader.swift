import ExecutionModel
import Postgres

/// Reads whole DAG runs within one transaction, in chunks whose size follows from their number of task instances.
struct SnapshotReader {
  let transaction: PostgresTransaction
  let queries: Queries
  let limits: ReadLimits
  /// Whether to read XComs and rendered fields.
  var withEvidence = true
  private let instance: InstanceName
  let normaliser: AttemptNormaliser
  private let begin = ContinuousClock.now
  private var tables = TableSizes()
  var texts = TextPool()
  var contentBytes = 0
  var rowCounts = RowCounts()

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

  /// Bytes on the disk of tables that mostly are empty or small: what they cannot hold is not asked for.
  private struct TableSizes {
    var history: Int64 = 0
    var reschedules: Int64 = 0
    var notes: Int64 = 0
  }

  /// One run while its parts come in.
  struct Parts {
    var run: DagRun
    var live: [TaskInstanceRow] = []
    var history: [TaskInstanceRow] = []
    var firstPokes: [AttemptKey: Instant] = [:]
    /// By task instance: the try is 0.
    var notes: [AttemptKey: String] = [:]
    var attempts: [TaskAttempt] = []
    var hiddenTries: [AttemptKey: Instant] = [:]
    /// Task instances whose row shows no try: the try is 0.
    var waiting: Set<AttemptKey> = []
    /// Task instances whose operator looks like dbt: the try is 0.
    var dbtTasks: [AttemptKey] = []
    var xcoms: [XCom] = []
    var renderedFields: [RenderedFields] = []

    /// Makes attempts of the rows of task instances, and drops those.
    mutating func settle(_ normaliser: AttemptNormaliser) {
      for index in live.indices where live[index].looksLikeDbt || !notes.isEmpty {
        var key = live[index].attempt.key
        key.tryNumber = 0
        if live[index].looksLikeDbt { dbtTasks.append(key) }
        live[index].attempt.note = notes[key]
      }
      attempts = normaliser.attempts(of: run, live: live, history: history, firstPokes: firstPokes)
      hiddenTries = normaliser.hiddenTries(live, firstPokes: firstPokes)
      waiting = Self.waiting(live, attempts)
      live = []
      history = []
    }

    private static func waiting(_ live: [TaskInstanceRow], _ attempts: [TaskAttempt]) -> Set<AttemptKey> {
      guard attempts.count(where: \.isCurrent) < live.count else { return [] }
      func instance(_ key: AttemptKey) -> AttemptKey {
        AttemptKey(taskID: key.taskID, mapIndex: key.mapIndex, tryNumber: 0)
      }
      let shown = Set(attempts.lazy.filter(\.isCurrent).map { instance($0.key) })
      return Set(live.lazy.map { instance($0.attempt.key) }).subtracting(shown)
    }
  }

  /// The runs of one chunk. Rows come run by run, so that the run of a row mostly is that of the row before.
  struct Chunk {
    private(set) var ids: [Int64] = []
    var parts: [Parts] = []
    private var positions: [Int64: Int] = [:]
    private var last: (id: Int64, position: Int)?
    private(set) var taskInstances = 0

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

    mutating func settle(_ normaliser: AttemptNormaliser) {
      for index in parts.indices { parts[index].settle(normaliser) }
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
    try tableSizes()
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
      || ContinuousClock.now - begin >= .milliseconds(limits.readMilliseconds)
  }

  private func snapshot(_ parts: Parts) -> DagRunSnapshot {
    var snapshot = DagRunSnapshot(
      run: parts.run, attempts: parts.attempts, xcoms: parts.xcoms, renderedFields: parts.renderedFields)
    if !parts.xcoms.isEmpty { snapshot.hiddenTries = parts.hiddenTries }
    snapshot.waiting = parts.waiting
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

  private mutating func tableSizes() throws {
    try transaction.query(StaticSQL.tableSizes) { row in
      tables = TableSizes(history: try row.int(0), reschedules: try row.int(1), notes: try row.int(2))
    }
  }

  private mutating func fill(_ chunk: inout Chunk) throws {
    guard !chunk.ids.isEmpty else { return }
    try taskInstances(&chunk)
    if tables.history > 0, let query = queries.taskInstanceHistory { try earlierTries(query, &chunk) }
    if tables.reschedules > 0, let query = queries.firstPokes { try firstPokes(query, &chunk) }
    let areNotesFew = tables.notes <= Int64(chunk.taskInstances) * limits.noteBytesPerTaskInstance
    if tables.notes > 0, let query = areNotesFew ? queries.fewNotes : queries.notes {
      try notes(query, &chunk)
    }
    if withEvidence {
      try xcoms(&chunk)
      try renderedFields(&chunk)
    } else {
      chunk.settle(normaliser)
    }
  }

  private mutating func taskInstances(_ chunk: inout Chunk) throws {
    try transaction.copyOut(Queries.inlined(queries.taskInstances, chunk.ids)) { row in
      rowCounts.taskInstances += 1
      guard let position = chunk.position(of: try row.int(0)) else { return }
      chunk.parts[position].live.append(try TaskInstanceRow(row, &texts))
    }
  }

  private mutating func earlierTries(_ query: String, _ chunk: inout Chunk) throws {
    try transaction.copyOut(Queries.inlined(query, chunk.ids)) { row in
      rowCounts.taskInstanceHistory += 1
      guard let position = chunk.position(of: try row.int(0)) else { return }
      chunk.parts[position].history.append(try TaskInstanceRow(row, &texts))
    }
  }

  private mutating func firstPokes(_ query: String, _ chunk: inout Chunk) throws {
    try transaction.query(query, [.intArray(chunk.ids)]) { row in
      guard let position = chunk.position(of: try row.int(0)) else { return }
      let key = AttemptKey(
        taskID: try row.text(1), mapIndex: Int(try row.int(2)), tryNumber: Int(try row.optionalInt(3) ?? 0))
      chunk.parts[position].firstPokes[key] = try row.optionalInstant(4)
    }
  }

  private mutating func notes(_ query: String, _ chunk: inout Chunk) throws {
    try transaction.query(query, [.intArray(chunk.ids)]) { row in
      guard let position = chunk.position(of: try row.int(0)) else { return }
      let key = AttemptKey(taskID: try row.text(1), mapIndex: Int(try row.int(2)), tryNumber: 0)
      chunk.parts[position].notes[key] = try row.optionalText(3)
    }
  }
}
