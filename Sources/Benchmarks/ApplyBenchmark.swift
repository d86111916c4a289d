import Correlation
import ExecutionModel
import Glibc
import Ledger
import Platform
import Synchronization

/// Keeps a made-up history in a new ledger, page by page as the daemon does it, and measures `Ledger.apply` alone:
/// the pages are made while the clocks stand still.
struct ApplyBenchmark {
  private let runs: Int
  private let sinks: [SinkRegistration]
  private let keepsLedger: Bool

  /// `[--keep] [--sinks none|file|events|both] [RUNS]`
  init(_ arguments: [String]) throws {
    var rest = arguments
    keepsLedger = rest.first == "--keep"
    if keepsLedger { rest.removeFirst() }
    var wanted = "both"
    if rest.first == "--sinks" {
      guard rest.count > 1 else { throw WrongUsage() }
      wanted = rest[1]
      rest.removeFirst(2)
    }
    guard rest.count <= 1, let runs = rest.first.map({ Int($0) }) ?? 20_000, runs > 0 else { throw WrongUsage() }
    self.runs = runs
    let file = SinkRegistration(name: "archive", type: "file", kind: .records, history: true)
    let events = SinkRegistration(
      name: "lineage", type: "openlineage", kind: .events([.dagRuns, .attempts, .dbtRuns]), history: true)
    switch wanted {
    case "none": sinks = []
    case "file": sinks = [file]
    case "events": sinks = [events]
    case "both": sinks = [file, events]
    default: throw WrongUsage()
    }
  }

  func run() async throws {
    let folder = try BenchmarkFolder()
    defer { if !keepsLedger { folder.remove() } }
    let path = folder.ledger
    let ledger = Ledger(path: path, purpose: .syncing)
    try await ledger.open()
    let account = AccountDirectory.Account(name: "analytics", accountID: 1001, host: "cloud.getdbt.com")
    try await ledger.register(accounts: AccountDirectory(accounts: [account]))
    try await ledger.register(sinks: sinks)
    _ = try await ledger.progress(of: MadeUpHistory.instance)

    var (seconds, processor, slowest) = (0.0, 0.0, 0.0)
    var links = 0
    let proposer = Proposer()
    let history = MadeUpHistory(runs: runs)
    for page in 0..<history.pages {
      let batch = history.page(page)
      let begin = ResourceUsage.now
      links += try await ledger.apply(batch, proposing: proposer.propose).newLinks
      let end = ResourceUsage.now
      seconds += end.seconds - begin.seconds
      processor += end.processorSeconds - begin.processorSeconds
      slowest = max(slowest, end.seconds - begin.seconds)
    }
    let size = bytes(path)
    let peak = ResourceUsage.peakMegabytes
    let beforeStatus = ResourceUsage.now
    let status = try await ledger.status()
    let statusSeconds = ResourceUsage.now.seconds - beforeStatus.seconds
    var filter = RunFilter()
    filter.limit = 50
    let beforeList = ResourceUsage.now
    let listed = try await ledger.runs(filter).count
    let listSeconds = ResourceUsage.now.seconds - beforeList.seconds
    await ledger.close()
    let attempts = runs * MadeUpHistory.tasks
    try StandardOutput.write(
      """
      kept \(attempts) task instances of \(runs) DAG runs in \(fixed(seconds)) s, \
      \(fixed(Double(attempts) / seconds, 0)) task instances/s
        processor \(fixed(processor)) s, \(fixed(proposer.seconds)) s of it for finding links, peak \(fixed(peak, 1)) MB, \(history.pages) transactions, \
      the longest \(fixed(slowest * 1000, 0)) ms
        \(links) links, \(status.sinks.reduce(0) { $0 + $1.pending }) items to deliver, \
      ledger of \(fixed(Double(size) / 1_048_576, 1)) MB
        afterwards: status \(fixed(statusSeconds * 1000, 1)) ms, list of \(listed) runs \(fixed(listSeconds * 1000, 1)) ms
      \(keepsLedger ? "  " + path + "\n" : "")
      """)
  }

  private func bytes(_ path: String) -> Int64 {
    ["", "-wal"].reduce(0) { sum, ending in
      var found = stat()
      return stat(path + ending, &found) == 0 ? sum + Int64(found.st_size) : sum
    }
  }
}

/// Finds links as the daemon does, and measures how long that takes.
private final class Proposer: Sendable {
  private let spent = Mutex(0.0)

  var seconds: Double { spent.withLock { $0 } }

  @Sendable func propose(_ snapshot: DagRunSnapshot, _ known: [TaskAttempt]) -> [LinkProposal] {
    let begin = threadSeconds
    let links = proposeLinks(for: snapshot, known: known.map(KnownAttempt.init))
    spent.withLock { $0 += threadSeconds - begin }
    return links
  }

  private var threadSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

/// Finished DAG runs of 50 task instances, one in twenty of them of dbt Cloud, newest first.
struct MadeUpHistory {
  static let instance = "benchmark"
  static let tasks = 50
  private static let runsPerPage = 500
  private static let dags = 200

  let runs: Int
  var pages: Int { (runs + Self.runsPerPage - 1) / Self.runsPerPage }

  // As the reader does it, one text is one object however often it occurs.
  private let kinds: [(id: String, operatorName: String, isDbt: Bool)]
  private let dagIDs: [String]
  private let hosts: [String]
  private let fields: RawJSON

  init(runs: Int) {
    self.runs = runs
    kinds = (1...Self.tasks).map { task in
      if (task * 13 + 7) % 20 == 0 { return ("transform.dbt_run_\(task)", "DbtCloudRunJobOperator", true) }
      if task % 7 == 0 { return ("extract.load_table_\(task)", "SnowflakeOperator", false) }
      return ("task_\(task)", task % 3 == 0 ? "BashOperator" : "@task", false)
    }.sorted { $0.0 < $1.0 }
    dagIDs = (0..<Self.dags).map { "dag_" + String(10_000 + $0).dropFirst() }
    hosts = (0..<8).map { "worker-\($0).airflow-worker.data.svc.cluster.local" }
    fields = RawJSON(
      """
      {"dbt_cloud_conn_id":"dbt_cloud_default","job_id":108,"project_name":null,"environment_name":null,"job_name":null,\
      "account_id":null,"trigger_reason":null,"steps_override":null,"schema_override":null,"additional_run_config":{}}
      """)
  }

  func page(_ page: Int) -> CaptureBatch {
    let highest = runs - page * Self.runsPerPage
    let ids = stride(from: highest, to: max(0, highest - Self.runsPerPage), by: -1)
    var batch = CaptureBatch(
      instance: Self.instance, readAt: Instant(microseconds: 1_767_225_600_000_000), isHistory: true)
    batch.snapshots = ids.map(snapshot)
    batch.dags = Set(ids.map { dagIDs[$0 % Self.dags] }).sorted().map { Dag(dagID: $0, owners: ["data-eng"]) }
    let below = Int64(max(1, highest - Self.runsPerPage + 1))
    batch.backfill = .init(below: below, isDone: page == pages - 1, runs: batch.snapshots.count, total: runs)
    return batch
  }

  private func snapshot(_ id: Int) -> DagRunSnapshot {
    let due = Instant(
      microseconds: 1_735_689_600_000_000 + Int64(id / Self.dags) * 3_600_000_000 + Int64(id % Self.dags) * 10_000_000)
    let key = DagRunKey(
      instance: Self.instance, dagID: dagIDs[id % Self.dags], runID: "scheduled__\(due.rfc3339)")
    var run = DagRun(key: key, sourceID: Int64(id))
    run.runType = "scheduled"
    run.state = id % 33 == 0 ? "failed" : "success"
    (run.logicalDate, run.queuedAt, run.dataIntervalStart) = (due, due, due)
    run.dataIntervalEnd = due.advanced(bySeconds: 3600)
    run.startDate = due.advanced(bySeconds: 1)
    run.endDate = due.advanced(bySeconds: 1860)
    run.clearNumber = 0
    run.conf = .emptyObject
    var snapshot = DagRunSnapshot(run: run)
    snapshot.attempts.reserveCapacity(Self.tasks)
    for (index, kind) in kinds.enumerated() {
      var attempt = TaskAttempt(
        key: AttemptKey(taskID: kind.id, mapIndex: -1, tryNumber: 1), isCurrent: true)
      let start = due.advanced(bySeconds: Int64(index) * 35)
      attempt.clearNumber = 0
      attempt.operatorName = kind.operatorName
      attempt.state = "success"
      (attempt.queuedAt, attempt.startDate) = (start.advanced(bySeconds: -1), start)
      attempt.endDate = start.advanced(bySeconds: 30)
      attempt.duration = 30.123456
      attempt.maxTries = 2
      attempt.hostname = hosts[id % hosts.count]
      attempt.pool = "default_pool"
      attempt.queue = "default"
      snapshot.attempts.append(attempt)
      addEvidence(kind, of: 50_000_000 + id * Self.tasks + index, at: start, to: &snapshot)
    }
    return snapshot
  }

  private func addEvidence(
    _ kind: (id: String, operatorName: String, isDbt: Bool), of dbtRun: Int, at start: Instant,
    to snapshot: inout DagRunSnapshot
  ) {
    guard kind.isDbt else { return }
    let url = "\"https://cloud.getdbt.com/deploy/1001/projects/501/runs/\(dbtRun)/\""
    for (key, value) in [("job_run_url", url), ("job_run_id", "\(dbtRun)"), ("return_value", "\(dbtRun)")] {
      snapshot.xcoms.append(
        XCom(
          taskID: kind.id, mapIndex: -1, key: key, timestamp: start.advanced(bySeconds: 1),
          content: .json(RawJSON(value))))
    }
    snapshot.renderedFields.append(RenderedFields(taskID: kind.id, mapIndex: -1, fields: fields))
  }
}
