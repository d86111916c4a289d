import ExecutionModel
import Postgres
import Records
import SQLite
import Storage
import TestServers
import Testing

@testable import Ledger

/// Reproducible random numbers (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Seconds after 2026-11-20T00:00:00Z.
func at(_ seconds: Int) -> Instant { Instant(microseconds: 1_795_132_800_000_000 + Int64(seconds) * 1_000_000) }

// MARK: What Airflow shows

func key(_ runID: String, dag: String = "daily") -> DagRunKey {
  DagRunKey(instance: "prod", dagID: dag, runID: runID)
}

func run(
  _ runID: String, _ state: String?, dag: String = "daily", source: Int64 = 1, clear: Int? = 0, start: Int? = 10,
  end: Int? = nil, logical: Int? = 0
) -> DagRun {
  var run = DagRun(key: key(runID, dag: dag), sourceID: source)
  run.state = state
  run.clearNumber = clear
  run.logicalDate = logical.map { at($0) }
  run.queuedAt = at(5)
  run.startDate = start.map { at($0) }
  run.endDate = end.map { at($0) }
  return run
}

func run(
  _ state: String?, source: Int64 = 1, clear: Int? = 0, start: Int? = 10, end: Int? = nil, logical: Int? = 0
) -> DagRun {
  run("r1", state, source: source, clear: clear, start: start, end: end, logical: logical)
}

func attempt(
  try number: Int = 1, _ state: String?, start: Int? = 20, end: Int? = nil, current: Bool = true
) -> TaskAttempt {
  attempt("a", try: number, state, start: start, end: end, current: current)
}

func attempt(
  _ taskID: String, try number: Int = 1, _ state: String?, start: Int? = 20, end: Int? = nil,
  current: Bool = true, map: Int = -1
) -> TaskAttempt {
  var attempt = TaskAttempt(
    key: AttemptKey(taskID: taskID, mapIndex: map, tryNumber: number), isCurrent: current)
  attempt.state = state
  attempt.startDate = start.map { at($0) }
  attempt.endDate = end.map { at($0) }
  return attempt
}

/// A link from evidence; of a run operator, unless it is a candidate.
func proposal(
  _ attempt: TaskAttempt, _ runID: Int64?, account: Int64? = 4433, confidence: Confidence = .exact,
  isCandidate: Bool = false, relation: Relation = .triggered, evidence: [String] = ["xcom_return_value"]
) -> LinkProposal {
  LinkProposal(
    attempt: attempt.key,
    target: runID.map { DbtRunReference(host: account == nil ? nil : "one.dbt.com", accountID: account, runID: $0) },
    relation: relation, confidence: confidence, isCandidate: isCandidate,
    evidence: evidence.map { Evidence(kind: $0, value: runID.map(String.init) ?? "s3://bucket/key") },
    unresolved: runID == nil ? "a reference to object storage" : nil)
}

// MARK: What dbt Cloud answers

let one = AccountDirectory.Account(name: "one", accountID: 4433, host: "one.dbt.com")
let two = AccountDirectory.Account(name: "two", accountID: 5544, host: "two.dbt.com")

func dbtRun(
  _ id: Int64, _ status: String = "success", in account: AccountDirectory.Account = one, created: Int = 22,
  isComplete: Bool = false
) -> DbtRun {
  var run = DbtRun(
    key: .cloud(host: account.host, accountID: account.accountID, runID: id), status: status, isComplete: isComplete)
  run.account = account.name
  run.accountID = account.accountID
  run.host = account.host
  run.runID = id
  run.createdAt = at(created)
  if status != "queued" { run.startedAt = at(created + 1) }
  if status == "success" || status == "error" { run.finishedAt = at(created + 10) }
  return run
}

/// A step with a model, its test, a model that was skipped, and a test of its own.
func step(_ index: Int = 1, models: Int = 1) -> DbtStep {
  var step = DbtStep(index: index)
  (step.command, step.adapter) = ("build", "postgres")
  (step.startedAt, step.finishedAt) = (at(23), at(31))
  func add(
    _ id: String, _ status: String, _ start: Int?, _ end: Int?, inputs: [String] = [], on attached: String? = nil
  ) {
    var node = DbtNode(uniqueID: id)
    node.name = String(id.split(separator: ".").last ?? "")
    if attached == nil, !id.hasPrefix("test.") {
      (node.database, node.schema, node.alias) = ("db", "mart", node.name)
      node.relation = "db.mart.\(node.name ?? "")"
    }
    node.attachedNode = attached
    if attached != nil { node.test = "not_null" }
    step.nodes[id] = node
    var result = DbtNodeResult(uniqueID: id, status: status)
    (result.startedAt, result.completedAt) = (start.map { at($0) }, end.map { at($0) })
    (result.inputs, result.attachedNode, result.test) = (inputs, attached, node.test)
    result.relation = node.relation
    step.results.append(result)
  }
  for number in 1...models {
    add("model.shop.m\(number)", "success", 24, 25, inputs: ["source.shop.raw.orders"])
    add("test.shop.not_null_m\(number)", "pass", 26, 27, inputs: ["model.shop.m\(number)"], on: "model.shop.m\(number)")
  }
  var source = DbtNode(uniqueID: "source.shop.raw.orders")
  (source.relation, source.alias) = ("db.raw.orders_v2", "orders_v2")
  step.nodes[source.uniqueID] = source
  add("model.shop.skipped", "skipped", nil, nil)
  add("test.shop.single", "fail", nil, nil, inputs: ["model.shop.m1"])
  return step
}

// MARK: Sinks

let events = SinkRegistration(
  name: "lineage", type: "openlineage", kind: .events(Set(SinkRegistration.Emission.allCases)), history: true)
let records = SinkRegistration(name: "archive", type: "file", kind: .records, history: true)

// MARK: A ledger on a real file, or on a real server

/// What keeps the ledger of a ``Bench``.
enum Driver: String, CaseIterable {
  case sqlite, postgres

  @TaskLocal static var current = Driver.sqlite

  /// A place for a ledger of its own, in `folder` where it is a file.
  func place(in folder: TemporaryFolder) async throws -> LedgerPlace {
    switch self {
    case .sqlite: return .file(folder.file("ledger.db"))
    case .postgres:
      let server = try await PostgresServer.shared
      let name = PostgresServer.uniqueName("ledger")
      let configuration = PostgresConfiguration(conninfo: server.conninfo(overSocket: true), applicationName: name)
      return .postgres(configuration, schema: name)
    }
  }
}

/// Every test runs once with each driver: a ledger behaves the same wherever it is kept. A test that looks at SQLite itself
/// does nothing with the other.
struct EachDriver: SuiteTrait, TestTrait, TestScoping {
  var isRecursive: Bool { true }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    guard testCase != nil else { return try await function() }
    for driver in Driver.allCases {
      do {
        try await Driver.$current.withValue(driver) { try await function() }
      } catch {
        Issue.record(error, "with \(driver.rawValue)")
      }
    }
  }
}

extension Trait where Self == EachDriver {
  static var eachDriver: Self { EachDriver() }
}

/// A ledger in a folder or a schema of its own.
struct Bench {
  let folder: TemporaryFolder
  let ledger: Ledger
  let place: LedgerPlace
  /// Of a file.
  let path: String

  init(
    accounts: [AccountDirectory.Account] = [one], sinks: [SinkRegistration] = [events, records],
    clock: @escaping @Sendable () -> Int64 = { 1_000 }, place wanted: LedgerPlace? = nil
  ) async throws {
    folder = try TemporaryFolder()
    path = folder.file("ledger.db")
    if let wanted { place = wanted } else { place = try await Driver.current.place(in: folder) }
    ledger = Ledger(at: place, purpose: .syncing, clock: clock)
    try await ledger.open()
    try await ledger.register(accounts: AccountDirectory(accounts: accounts))
    try await ledger.register(sinks: sinks)
    _ = try await ledger.progress(of: "prod")
  }

  @discardableResult
  func apply(
    _ run: DagRun? = nil, _ attempts: [TaskAttempt] = [], links: [LinkProposal] = [], dags: [Dag] = [],
    missing: [Int64] = [], readAt: Int = 1000, history: Bool = false
  ) async throws -> CaptureOutcome {
    var batch = CaptureBatch(instance: "prod", readAt: at(readAt), isHistory: history)
    if let run { batch.snapshots = [DagRunSnapshot(run: run, attempts: attempts)] }
    batch.dags = dags
    batch.removed = Dictionary(uniqueKeysWithValues: missing.map { ($0, .deleted) })
    return try await ledger.apply(batch) { _, _ in links }
  }

  /// Keeps what dbt Cloud answered for a run that the ledger waits for.
  func answer(_ run: DbtRun) async throws {
    guard let due = try await due(run) else { throw TestServerError("run \(run.key) is not waited for") }
    var head = run
    head.isComplete = false
    let isLinked = try await ledger.keepHead(head, id: due.id, nextFetchAt: 0)
    if run.isComplete, isLinked { try await ledger.keepComplete(run, id: due.id) }
  }

  func answerAbsent(_ id: Int64, in account: AccountDirectory.Account = one) async throws {
    guard let due = try await due(dbtRun(id, in: account)) else { throw TestServerError("run \(id) is not waited for") }
    try await ledger.noteAbsent(due.id, reason: "404", nextFetchAt: 5)
  }

  func due(_ run: DbtRun) async throws -> DueDbtRun? {
    try await ledger.dueDbtRuns(of: run.account ?? "", now: .max, limit: 1000).first { $0.key == run.key }
  }

  /// The run's row in the ledger.
  func row(_ runID: String = "r1", dag: String = "daily") async throws -> Int64 {
    let found = try await ledger.runs(named: key(runID, dag: dag).description)
    guard found.count == 1, case .dagRun(let id) = found[0].id else {
      throw TestServerError("\(found.count) runs are named \(runID)")
    }
    return id
  }

  func record(_ runID: String = "r1", dag: String = "daily") async throws -> ExecutionRecord {
    guard let record = try await ledger.record(.dagRun(try await row(runID, dag: dag)), RecordContext()) else {
      throw TestServerError("no record \(runID)")
    }
    return record
  }

  /// The links of the only attempt that has any.
  func links(_ runID: String = "r1") async throws -> [RunLink] { try await record(runID).attempts.flatMap(\.links) }

  func revision(_ runID: String = "r1") async throws -> Int { try await record(runID).header.revision }

  func pending(_ sink: String = "lineage", now: Int64 = .max, limit: Int = 100_000) async throws -> [OutboxItem] {
    let progress = try await ledger.progress(ofSink: sink)
    return try await ledger.pendingItems(ofSink: progress.id, now: now, limit: limit)
  }

  func deliver(_ items: [OutboxItem], _ sink: String) async throws {
    var report = Ledger.DeliveryReport()
    report.delivered = items.map(\.id)
    try await ledger.note(report, ofSink: try await ledger.progress(ofSink: sink).id)
  }

  /// What waits for a sink, as text: `run c0 START 10`, `a.1 COMPLETE 30`, `dbt 1 START 23`, `record 1`.
  func told(_ sink: String = "lineage") async throws -> [String] { try await pending(sink).map(Bench.text) }

  /// Looks at the ledger with a connection of its own: the first column as text.
  func query(_ sql: String) throws -> [String] {
    let database = try connect()
    let text = place.isFile ? sql : "SELECT CAST(first AS text) FROM (\(sql)) AS result(first)"
    return try database.snapshot { try database.prepare(text).rows { $0.text(0) } }
  }

  /// Changes the ledger with a connection of its own.
  func execute(_ sql: String) throws {
    let database = try connect()
    try database.transaction { try database.execute(sql) }
  }

  /// On a server: what autovacuum does in its own time.
  func vacuum(_ database: String, of server: PostgresServer) async throws {
    guard case .postgres(_, let schema) = place else { return }
    let tables = try query(
      "SELECT relname FROM pg_class WHERE relnamespace = '\(schema)'::regnamespace AND relkind = 'r'")
    let list = tables.map { "\(schema).\($0)" }.joined(separator: ", ")
    _ = try await server.execute("VACUUM \(list)", database: database)
  }

  /// Makes the ledger refuse new rows of a table under a condition.
  func refuse(_ table: String, when condition: String) throws {
    guard !place.isFile else {
      return try execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON \(table) WHEN \(condition) BEGIN SELECT raise(ABORT, 'no'); END")
    }
    try execute(
      """
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';
      CREATE TRIGGER refuse BEFORE INSERT ON \(table) FOR EACH ROW WHEN (\(condition)) EXECUTE FUNCTION refuse()
      """)
  }

  /// Undoes ``refuse(_:when:)``.
  func refuseNothing(_ table: String) throws {
    try execute("DROP TRIGGER refuse\(place.isFile ? "" : " ON \(table)")")
  }

  func connect() throws -> any Database {
    switch place {
    case .file(let path): try SQLiteDatabase(path: path, mode: .readWrite)
    case .postgres(let configuration, let schema):
      try PostgresDatabase(configuration, schema: schema, limits: TransactionLimits())
    }
  }

  static func text(_ item: OutboxItem) -> String {
    let time = item.eventTime.map { " " + String(Int($0.seconds(since: at(0)))) } ?? ""
    let event = (item.transition?.rawValue ?? "") + time
    return switch item.kind {
    case .dagRun: "run c\(item.clearNumber.map(String.init) ?? "-") \(event)"
    case .attempt:
      "\(item.attempt?.taskID ?? "").\(item.attempt?.tryNumber ?? -1) \(event)"
    case .dbtRun: "dbt \(item.dbtRun ?? 0) \(event)"
    case .dbtNode: "\(item.node?.uniqueID ?? "") \(item.node?.part.rawValue ?? "") \(event)"
    case .dbtNodes: "nodes of dbt \(item.dbtRun ?? 0)"
    case .record: "record \(item.dagRun)"
    }
  }
}

extension Ledger {
  /// Everything that ``writeRecord(_:_:to:)`` writes, piece by piece.
  func pieces(_ id: Int64, _ context: RecordContext = RecordContext()) throws -> [[UInt8]] {
    let box = Box()
    _ = try writeRecord(.dagRun(id), context, to: { box.pieces.append(copy $0) })
    return box.pieces
  }

  private final class Box: @unchecked Sendable { var pieces: [[UInt8]] = [] }
}
