import ExecutionModel
import Glibc
import JSONText
import Ledger
import OpenLineage
import Records
import SQLite
import Synchronization
import TestServers

@testable import Sinks

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

/// A value that tests change while others read it.
final class Box<Value: Sendable>: Sendable {
  private let state: Mutex<Value>
  init(_ value: Value) { state = Mutex(value) }
  var value: Value {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }
}

/// Seconds after 2026-11-20T00:00:00Z.
func at(_ seconds: Double) -> Instant { Instant(microseconds: 1_795_132_800_000_000 + Int64(seconds * 1e6)) }

/// A ledger in a file with runs of the instance `prod` in it, and a clock that stands still until it is moved.
struct Bench {
  static let instance = "prod"
  static let events = SinkRegistration(
    name: "lineage", type: "openlineage", kind: .events([.dagRuns, .attempts, .dbtRuns]), history: true)
  static let file = SinkRegistration(name: "archive", type: "file", kind: .records, history: true)

  let folder: TemporaryFolder
  let clock: Box<Int64>
  let registrations: [SinkRegistration]
  let ledger: Ledger

  init(_ registrations: SinkRegistration...) async throws {
    try await self.init(registrations, in: try TemporaryFolder(), clock: Box(at(100_000).microseconds))
  }

  private init(_ registrations: [SinkRegistration], in folder: TemporaryFolder, clock: Box<Int64>) async throws {
    (self.folder, self.clock, self.registrations) = (folder, clock, registrations)
    ledger = Ledger(path: folder.file("ledger.db"), purpose: .syncing, clock: { clock.value })
    try await ledger.open()
    try await ledger.register(
      accounts: AccountDirectory(accounts: [.init(name: "analytics", accountID: 42, host: "h.example")]))
    try await ledger.register(sinks: registrations)
    _ = try await ledger.progress(of: Self.instance)
    try await ledger.noteSchema(of: Self.instance, version: "2.11", alembicHead: nil)
  }

  /// The same ledger, opened by another process as it were.
  func restarted() async throws -> Bench {
    await ledger.close()
    return try await Bench(registrations, in: folder, clock: clock)
  }

  var now: Int64 { clock.value }
  func wait(seconds: Double) { clock.value += Int64(seconds * 1e6) }

  // MARK: Runs

  /// One run of a DAG of its own, so that its events can be told by their job's name.
  static func snapshot(_ dagID: String, id: Int64 = 1, state: String, tasks: Int) -> DagRunSnapshot {
    var run = DagRun(key: DagRunKey(instance: instance, dagID: dagID, runID: "manual__\(dagID)"), sourceID: id)
    run.state = state
    run.runType = "manual"
    run.logicalDate = at(Double(id))
    run.startDate = at(Double(id))
    run.endDate = state == "running" ? nil : at(Double(id) + 60)
    run.clearNumber = 0
    let attempts = (0..<tasks).map { number in
      var attempt = TaskAttempt(
        key: AttemptKey(taskID: "t\(number)", mapIndex: -1, tryNumber: 1), isCurrent: true)
      attempt.operatorName = "DbtCloudRunJobOperator"
      attempt.state = state
      attempt.startDate = at(Double(id) + 1)
      attempt.endDate = state == "running" ? nil : at(Double(id) + 50)
      return attempt
    }
    return DagRunSnapshot(run: run, attempts: attempts)
  }

  func keep(
    _ snapshots: [DagRunSnapshot], dags: [Dag] = [], proposing propose: @escaping Ledger.Proposer = { _, _ in [] }
  ) async throws {
    var batch = CaptureBatch(instance: Self.instance, readAt: at(1000))
    batch.snapshots = snapshots
    batch.dags = dags
    _ = try await ledger.apply(batch, proposing: propose)
  }

  /// Keeps finished runs of DAGs with these names.
  func keep(dags names: [String], state: String = "success", tasks: Int = 1) async throws {
    try await keep(
      names.enumerated().map { Self.snapshot($0.element, id: Int64($0.offset + 1), state: state, tasks: tasks) })
  }

  // MARK: Sinks

  static let naming = LineageNaming(
    producer: "https://github.com/example/airflow-syncer/tree/1.0.0", version: "1.0.0",
    airflow: [instance: .init(namespace: "default", scheme: .since2)], dbtNamespaces: ["analytics": "shop"])

  func lineage(
    _ url: String, name: String = "lineage", token: (@Sendable () throws -> String)? = nil, gzip: Bool = true,
    timeout: Double = 60, random: Double = 0, naming: LineageNaming = Bench.naming,
    batches: OpenLineageSink.Batches = .off, batchEvents: Int = 500, batchBytes: Int = 1_000_000
  ) -> OpenLineageSink {
    let clock = clock
    return OpenLineageSink(
      name: name,
      endpoint: .init(
        url: url, token: token, gzip: gzip, timeout: timeout, batches: batches, batchEvents: batchEvents,
        batchBytes: batchBytes),
      naming: naming, ledger: ledger, clock: { clock.value }, random: { random })
  }

  func archive(
    _ path: String, results: RecordOptions.Results = .all,
    synchronise: @escaping @Sendable (Int32) -> Int32 = { fdatasync($0) }
  ) -> FileSink {
    let clock = clock
    let file = FileAppender(path: path, lineBeginning: FileSink.lineBeginning, synchronise: synchronise)
    return FileSink(
      name: "archive", file: file, ledger: ledger, context: RecordContext(options: RecordOptions(results: results)),
      clock: { clock.value }, random: { 0 })
  }

  /// Delivers until nothing is pending, or nothing happens for many rounds; time passes whenever nothing is due.
  func drain(_ sink: any Sink, rounds: Int = 400) async throws {
    for _ in 0..<rounds {
      let round = try await sink.deliver()
      guard round.wasIdle || round.outage != nil else { continue }
      if try await status(sink.name).pending == 0 { return }
      wait(seconds: 3601)
    }
  }

  func status(_ sink: String = "lineage") async throws -> LedgerStatus.Sink {
    guard let found = try await ledger.status().sinks.first(where: { $0.name == sink }) else {
      throw TestServerError("no sink \(sink)")
    }
    return found
  }

  /// When the sink as a whole is tried again, in seconds from now.
  func silence(_ sink: String = "lineage") async throws -> Double {
    Double(try await ledger.progress(ofSink: sink).notBefore - now) / 1e6
  }

  /// When the first item that failed is tried again, in seconds from now.
  func itemDelay(_ sink: String = "lineage") async throws -> Double? {
    try await ledger.nextRetry(ofSink: try await ledger.progress(ofSink: sink).id).map { Double($0 - now) / 1e6 }
  }

  struct Parked: Equatable {
    var reason: String
    var status: Int64?
    var answer: String?
  }

  func parked() throws -> [Parked] {
    let database = try SQLiteDatabase(path: ledger.path, mode: .readOnly)
    return try database.prepare(
      "SELECT reason, answer_status, answer FROM outbox WHERE parked_at IS NOT NULL ORDER BY id"
    ).rows { Parked(reason: $0.text(0), status: $0.optionalInteger(1), answer: $0.optionalText(2)) }
  }

  /// Everything that the ledger holds, for looking for what must not be there.
  func ledgerBytes() async throws -> [UInt8] {
    await ledger.close()
    return try ["ledger.db", "ledger.db-wal"].flatMap { try readFile(folder.file($0)) ?? [] }
  }
}

/// An event as a backend sees it.
struct SeenEvent: Hashable {
  var type: String
  var job: String
  var runID: String
  var parent: String?

  init(_ received: RecordingBackend.Received) throws { try self.init(received.text) }

  init(_ text: String) throws {
    let json = try JSONValue(parsing: text)
    type = json["eventType"]?.stringValue ?? ""
    job = json["job"]?["name"]?.stringValue ?? ""
    runID = json["run"]?["runId"]?.stringValue ?? ""
    parent = json["run"]?["facets"]?["parent"]?["run"]?["runId"]?.stringValue
  }

  var isTerminal: Bool { type != "START" }
  /// The DAG that it belongs to.
  var dag: String { String(job.prefix { $0 != "." }) }
}

extension EventSender {
  /// Sends as a sink does: the events of one record one after the other, records side by side.
  func send(_ events: [Ready], _ portion: SendingOrder.Portion = .single) async -> [TriedItem] {
    var session = DeliverySession(
      lanes: laneCount, limits: .init(portion: portion, lowWater: .max, page: events.count), now: 0)
    var unread = events
    return await withTaskGroup(of: ([Ready], Sent, Int).self) { group in
      var tried: [TriedItem] = []
      while true {
        let actions = session.next(now: 0)
        for action in actions {
          switch action {
          case .read:
            session.read(DeliverySession.Page(items: unread.map(\.item)))
          case .prepare:
            session.feed(unread)
            unread = []
          case .send(let events, let lane):
            group.addTask {
              if case .batch = portion { return (events, await sendBatch(events, over: lane), lane) }
              return (events, await sendSingly(events, over: lane), lane)
            }
          case .keep(let items):
            tried += items
            session.kept()
          case .rest: break
          }
        }
        if !actions.isEmpty { continue }
        guard let (events, sent, lane) = await group.next() else { return tried }
        session.finish(events, sent, lane: lane)
      }
    }
  }
}

extension RecordingBackend {
  var events: [SeenEvent] { get throws { try received.map(SeenEvent.init) } }
}

/// nil when there is no such file.
func readFile(_ path: String) throws -> [UInt8]? {
  let descriptor = open(path, O_RDONLY)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var piece = [UInt8](repeating: 0, count: 1 << 16)
  while case let count = read(descriptor, &piece, piece.count), count > 0 { bytes += piece[..<count] }
  return bytes
}

func readText(_ path: String) throws -> String { String(decoding: try readFile(path) ?? [], as: UTF8.self) }

/// The lines of a file; what follows the last line feed counts as one more.
func readLines(_ path: String) throws -> [String] {
  let text = try readText(path)
  return text.isEmpty
    ? []
    : text.split(separator: "\n", omittingEmptySubsequences: false).dropLast(text.hasSuffix("\n") ? 1 : 0).map(
      String.init)
}
