import AirflowSource
import Configuration
import DbtCloud
import ExecutionModel
import Ledger
import Platform
import Sinks

/// One full pass without a daemon: history to its end, every finished dbt run fetched, the outbox drained, what is too
/// old deleted. Resumable: what was kept is not read or sent again.
public struct SyncPass: Sendable {
  /// What to do, and how to tell about it.
  public struct Request: Sendable {
    /// Only these instances of `airflow[]`; empty for all.
    public var instances: [String]
    /// How far back history is wanted; nil for as far as the configuration says.
    public var since: Instant?
    /// Gets a line of progress now and then.
    public var progress: @Sendable (Progress) -> Void

    public init(
      instances: [String] = [], since: Instant? = nil, progress: @escaping @Sendable (Progress) -> Void = { _ in }
    ) {
      self.instances = instances
      self.since = since
      self.progress = progress
    }
  }

  /// How far the pass has come.
  public enum Progress: Sendable {
    case reading(instance: String, runs: Int, attempts: Int, remaining: Int?, seconds: Double)
    case fetching(account: String, fetched: Int)
    case delivering(sink: String, delivered: Int, pending: Int)
  }

  /// What the pass did.
  public struct Outcome: Sendable {
    public var runsRead = 0
    public var attemptsRead = 0
    public var newRuns = 0
    public var changedRuns = 0
    public var newLinks = 0
    public var dbtRunsFetched = 0
    /// Pages of runs that were read to find those of lost tries.
    public var dbtPagesSearched = 0
    public var delivered = 0
    /// DAG runs and dbt runs that were older than history is kept.
    public var deleted = 0
    public var parked = 0
    public var pending = 0
    /// dbt runs that are still under way in dbt Cloud.
    public var dbtRunsUnderWay = 0
    /// What went wrong, each with what to do.
    public var failures: [String] = []

    /// Whether nothing is left that should have been done.
    public var isWhole: Bool { failures.isEmpty && parked == 0 && pending == 0 }
  }

  let workshop: Workshop
  private static let tries = 4

  public init(_ configuration: Configuration) throws { workshop = try Workshop(configuration) }

  init(workshop: Workshop) { self.workshop = workshop }

  /// - Throws: `LedgerError` when the ledger cannot be used; the failures of partners are part of the outcome.
  public func run(_ request: Request) async throws -> Outcome {
    let captures = workshop.captures.filter {
      request.instances.isEmpty || request.instances.contains($0.instance)
    }
    try await workshop.open(
      mode: "sync",
      as: Set(
        captures.map { PartName(.airflow, $0.instance) }
          + workshop.enrichments.map { PartName(.dbtCloud, $0.account.name) }
          + workshop.sinks.map { PartName(.sink, $0.name) }),
      spare: [.upkeep])
    var outcome = Outcome()
    do {
      for capture in captures {
        do {
          try await workshop.working(as: PartName(.airflow, capture.instance)) {
            try await read(capture, request, into: &outcome)
          }
        } catch let error as LedgerError where error.isLimit {
          // What waits is delivered all the same.
          outcome.failures.append(error.description)
          break
        }
      }
      // What one account was asked for in vain may settle what another has answered, now or in an earlier pass: a second
      // round fetches that.
      for round in 1...2 {
        let before = outcome.dbtRunsFetched + outcome.dbtPagesSearched
        var failures: [String] = []
        guard try await workshop.ledger.roomLevel().ledger < .readingStopped else { break }
        for enrichment in workshop.enrichments {
          failures += try await workshop.working(as: PartName(.dbtCloud, enrichment.account.name)) {
            try await fetch(enrichment, request, into: &outcome)
          }
        }
        let isSettled = workshop.enrichments.count < 2 || outcome.dbtRunsFetched + outcome.dbtPagesSearched == before
        if round == 2 || isSettled {
          outcome.failures += failures
          break
        }
      }
      for enrichment in workshop.enrichments {
        outcome.dbtRunsUnderWay += try await workshop.ledger.dbtRunsUnderWay(of: enrichment.account.name)
      }
      for folder in workshop.artifactFolders where try await workshop.ledger.roomLevel().ledger < .readingStopped {
        let read = try await folder.take()
        outcome.dbtRunsFetched += read.runs
        outcome.failures += read.problems
      }
      try await deliver(request, into: &outcome)
      try await tidy(into: &outcome)
    } catch {
      await workshop.close()
      throw error
    }
    await workshop.close()
    return outcome
  }

  // MARK: Reading

  private func read(_ capture: Capture, _ request: Request, into outcome: inout Outcome) async throws {
    var total = Capture.Outcome()
    let begin = monotonicSeconds()
    for attempt in 1...Self.tries {
      do {
        total += try await capture.poll()
        while try await capture.hasHistory() {
          try Task.checkCancellation()
          guard try await makeRoom(request, into: &outcome) else { break }
          let page = try await capture.loadHistory(since: request.since)
          total += page
          request.progress(
            .reading(
              instance: capture.instance, runs: total.runsRead, attempts: total.attemptsRead,
              remaining: total.remaining,
              seconds: monotonicSeconds() - begin))
          if page.isFinished { break }
        }
        // Runs that were finished when they were last read may have changed or vanished since.
        while true {
          try Task.checkCancellation()
          let slice = try await capture.sweep()
          total += slice
          if slice.isFinished { break }
        }
        break
      } catch let error as AirflowSourceError where error.action == .retry && attempt < Self.tries {
        try await Task.sleep(for: .seconds(Double(attempt)))
      } catch let error as AirflowSourceError {
        outcome.failures.append(error.description)
        try await workshop.ledger.noteOutage(of: capture.instance, error: error.description)
        break
      }
    }
    outcome.runsRead += total.runsRead
    outcome.attemptsRead += total.attemptsRead
    outcome.newRuns += total.newRuns
    outcome.changedRuns += total.changedRuns
    outcome.newLinks += total.newLinks
  }

  /// Delivers before more history is loaded than may wait. Returns whether there is room.
  private func makeRoom(_ request: Request, into outcome: inout Outcome) async throws -> Bool {
    guard try await workshop.ledger.roomLevel().history != .free else { return true }
    try await deliver(request, into: &outcome, isLast: false)
    if try await workshop.ledger.roomLevel().history == .free { return true }
    let text = "history is not loaded any further: too much waits, or the ledger is (nearly) at its limit; see `status`"
    if !outcome.failures.contains(text) { outcome.failures.append(text) }
    return false
  }

  // MARK: Fetching

  /// Returns what failed in the end.
  private func fetch(
    _ enrichment: Enrichment, _ request: Request, into outcome: inout Outcome
  ) async throws -> [String] {
    let name = enrichment.account.name
    var last = Enrichment.Outcome()
    for attempt in 1...Self.tries {
      last = try await enrichment.round(everything: true)
      outcome.dbtRunsFetched += last.fetched
      outcome.dbtPagesSearched += last.searched
      // It is not tried again in this pass.
      if let refusal = last.refusal { outcome.failures.append(refusal) }
      request.progress(.fetching(account: name, fetched: outcome.dbtRunsFetched))
      guard last.failed > 0, attempt < Self.tries else { break }
      if let outage = last.outage {
        // A refused token or a long silence is not waited for.
        guard outage.isRetryable, (outage.retryAfter ?? 0) <= 10 else { break }
        try await Task.sleep(for: .seconds(max(outage.retryAfter ?? 0, Double(attempt))))
      }
    }
    if let outage = last.outage { return [outage.description] }
    guard last.failed > 0, let failure = last.failure else { return [] }
    return [last.failed == 1 ? failure : "\(last.failed) dbt runs could not be fetched, the last: \(failure)"]
  }

  // MARK: Delivering

  /// Drains every sink.
  /// - Parameter isLast: whether what is left then counts as left.
  func deliver(_ request: Request, into outcome: inout Outcome, isLast: Bool = true) async throws {
    for sink in workshop.sinks {
      try await workshop.working(as: PartName(.sink, sink.name)) {
        try await deliver(sink, request, into: &outcome, isLast: isLast)
      }
    }
  }

  private func deliver(
    _ sink: any Sink, _ request: Request, into outcome: inout Outcome, isLast: Bool
  ) async throws {
    var failures = 0
    // Counted once: where much waits, counting takes longer than a round.
    var pending = try await workshop.ledger.pendingCount(ofSink: sink.name)
    while true {
      try Task.checkCancellation()
      let round = try await sink.deliver()
      outcome.delivered += round.delivered
      outcome.parked += round.parked
      pending -= round.delivered + round.parked
      if let outage = round.outage {
        failures += 1
        let wait = Double(outage.retryAt - wallClockMicroseconds()) / 1e6
        // A refused token or a long silence is not waited for.
        guard failures < Self.tries, wait < 10, outage.cause != "token-refused" else {
          outcome.failures.append("sink `\(sink.name)`: \(outage.detail)")
          break
        }
        try await Task.sleep(for: .seconds(max(0, wait)))
        continue
      }
      if round.wasIdle {
        let progress = try await workshop.ledger.progress(ofSink: sink.name)
        guard let next = try await workshop.ledger.nextRetry(ofSink: progress.id) else { break }
        let wait = Double(next - wallClockMicroseconds()) / 1e6
        guard wait < 10 else { break }
        try await Task.sleep(for: .seconds(max(0.05, wait)))
        continue
      }
      failures = 0
      request.progress(.delivering(sink: sink.name, delivered: outcome.delivered, pending: max(0, pending)))
    }
    if isLast { outcome.pending += try await workshop.ledger.pendingCount(ofSink: sink.name) }
  }
}
