import Configuration
import DbtCloud
import ExecutionModel
import Ledger

/// Records one dbt run by hand, and delivers it.
public struct Ingestion: Sendable {
  /// What is to be recorded.
  public enum Request: Sendable {
    case cloudRun(Int64, account: String)
    /// The latest finished run of a job.
    case cloudJob(Int64, account: String)
    /// - name: whose run it is; nil for the dbt project's name.
    case files(ArtifactFiles, name: String?)
  }

  /// What came of it.
  public struct Outcome: Sendable {
    /// Keys of the records.
    public var runs: [String] = []
    /// Of those the ones that were recorded before.
    public var known: [String] = []
    /// Why the run is not recorded yet, though it may be later.
    public var unfinished: String?
    /// What went wrong, and what sinks said; delivering is counted here.
    public var pass = SyncPass.Outcome()
  }

  private let workshop: Workshop

  public init(_ configuration: Configuration) throws { workshop = try Workshop(configuration) }

  /// - Throws: `LedgerError`, or `DbtCloudError` when the run cannot be had.
  public func run(_ request: Request) async throws -> Outcome {
    var parts = workshop.sinks.map { PartName(.sink, $0.name) }
    switch request {
    case .cloudRun(_, let account), .cloudJob(_, let account): parts.append(PartName(.dbtCloud, account))
    case .files: break
    }
    try await workshop.open(mode: "ingest", as: Set(parts))
    do {
      var outcome = Outcome()
      switch request {
      case .cloudRun(let id, let account): try await ingest(.run(id), account, &outcome)
      case .cloudJob(let id, let account): try await ingest(.job(id), account, &outcome)
      case .files(let files, let name): try await ingest(files, name, &outcome)
      }
      try await SyncPass(workshop: workshop).deliver(SyncPass.Request(), into: &outcome.pass)
      await workshop.close()
      return outcome
    } catch {
      await workshop.close()
      throw error
    }
  }

  private func ingest(_ wanted: Enrichment.Wanted, _ account: String, _ outcome: inout Outcome) async throws {
    guard let enrichment = workshop.enrichments.first(where: { $0.account.name == account }) else { return }
    let ingested = try await workshop.working(as: PartName(.dbtCloud, account)) {
      try await enrichment.ingest(wanted)
    }
    switch ingested {
    case .recorded(let key, let warnings):
      outcome.runs.append(key.description)
      outcome.pass.failures += warnings
    case .known(let key):
      outcome.runs.append(key.description)
      outcome.known.append(key.description)
    case .unfinished(let text): outcome.unfinished = text
    case .failed(let text): outcome.pass.failures.append(text)
    }
  }

  private func ingest(_ files: ArtifactFiles, _ name: String?, _ outcome: inout Outcome) async throws {
    let ledger = workshop.ledger
    let found = try await workshop.coreRuns.read(files, name: name, isFinal: true) { try await ledger.keep($0) }
    outcome.pass.failures += found.problems
    for run in found.runs {
      let key = run.key.description
      outcome.runs.append(key)
      if try await ledger.isComplete(core: run) {
        outcome.known.append(key)
      } else {
        try await ledger.keepComplete(core: run, nodes: found.kept)
        if let lack = found.lacks[run.key] { outcome.pass.failures.append(lack) }
      }
    }
    if found.runs.isEmpty, found.problems.isEmpty { outcome.pass.failures += found.remarks }
  }
}

extension Enrichment {
  /// A run that is wanted for its own sake.
  enum Wanted: Sendable {
    case run(Int64)
    /// The latest finished run of a job.
    case job(Int64)
  }

  enum Ingested: Sendable {
    case recorded(DbtRunKey, warnings: [String])
    /// It was recorded before.
    case known(DbtRunKey)
    case unfinished(String)
    case failed(String)
  }

  /// Fetches one run, whole.
  /// - Throws: `DbtCloudError`, `LedgerError`
  func ingest(_ wanted: Wanted) async throws -> Ingested {
    let runID: Int64
    switch wanted {
    case .run(let id): runID = id
    case .job(let id):
      let finished = DbtRunFilter(jobID: id, statusCodes: [10, 20, 30])
      guard let newest = try await client.newestRuns(finished, limit: 1).first?.runID else {
        if let open = try await client.newestRuns(DbtRunFilter(jobID: id), limit: 1).first, let runID = open.runID {
          return .unfinished("job \(id) has no finished run yet: its run \(runID) is \(open.status)")
        }
        return .failed("job \(id) of account `\(account.name)` has no finished run, or the token must not see it")
      }
      runID = newest
    }
    let head = try await client.head(of: runID)
    guard head.run.isOverInDbtCloud else {
      return .unfinished("dbt run \(runID) is \(head.run.status): ingest it when it is over")
    }
    let key = DbtRunKey.cloud(host: account.host, accountID: account.accountID, runID: runID)
    try await ledger.keepWanted([head.run], of: account, isHistory: false)
    var outcome = Outcome()
    for _ in 0...Self.tries {
      guard let due = try await due(runID) else {
        return outcome.fetched > 0 ? .recorded(key, warnings: outcome.warnings) : .known(key)
      }
      let attempt = try await fetch([due], lanes: 1, hasAnswered: true)
      outcome += attempt
      if let outage = attempt.outage { throw outage }
      if attempt.completed == 1 { return .recorded(key, warnings: outcome.warnings) }
    }
    return .failed(outcome.failure ?? "dbt run \(runID) could not be read")
  }

  private func due(_ runID: Int64) async throws -> DueDbtRun? {
    var last: Int64 = 0
    while true {
      let due = try await ledger.dueDbtRuns(of: account.name, now: .max, after: last, limit: 1000)
      if let found = due.first(where: { $0.runID == runID }) { return found }
      guard let highest = due.last?.id else { return nil }
      last = highest
    }
  }
}
