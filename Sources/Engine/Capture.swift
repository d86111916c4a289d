import AirflowSource
import Configuration
import Correlation
import ExecutionModel
import Ledger
import Platform
import Postgres

/// Reads one Airflow instance into the ledger: new and open runs at every poll, history page by page. Polls and pages
/// take turns: each is read after the other was kept, so that an older snapshot never overwrites a newer one.
actor Capture {
  /// What a poll or a page did.
  struct Outcome: Hashable, Sendable {
    var runsRead = 0
    var attemptsRead = 0
    var newRuns = 0
    var changedRuns = 0
    var newLinks = 0
    /// For a page of history: runs that are left, as far as known.
    var remaining: Int?
    var isFinished = true
    var serverMilliseconds = 0.0

    static func += (left: inout Outcome, right: Outcome) {
      left.runsRead += right.runsRead
      left.attemptsRead += right.attemptsRead
      left.newRuns += right.newRuns
      left.changedRuns += right.changedRuns
      left.newLinks += right.newLinks
      left.remaining = right.remaining ?? left.remaining
      left.isFinished = right.isFinished
      left.serverMilliseconds += right.serverMilliseconds
    }
  }

  /// What tests change to show that it is needed.
  struct Tuning: Sendable {
    /// How many ids below the cursor a poll looks at again (``LiveRequest/rereadWindow``).
    var rereadWindow: Int64 = 1000
    /// Links from the evidence of one snapshot and what the ledger knows of earlier tries.
    var propose: Ledger.Proposer = Capture.links
  }

  nonisolated let instance: InstanceName
  private let tuning: Tuning
  private let configuration: AirflowConfiguration
  private let ledger: Ledger
  private let live: AirflowReader
  private let history: AirflowReader
  private let liveConnection: PostgresConnection
  private let historyConnection: PostgresConnection
  private let clock: @Sendable () -> Int64

  private var schema: AirflowSchema?
  private var progress: InstanceProgress?
  private var openRuns: Set<Int64> = []
  private var knownInWindow: Set<Int64> = []
  /// Fingerprints of open runs as they are in the ledger, so that what did not change is not written.
  private var seen: [Int64: Int] = [:]
  private var healthNotedAt: Int64 = 0
  private var isBusy = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  private static let runsPerPage = 500

  init(
    _ configuration: AirflowConfiguration, ledger: Ledger,
    clock: @escaping @Sendable () -> Int64 = wallClockMicroseconds, tuning: Tuning = Tuning()
  ) {
    instance = configuration.name
    self.tuning = tuning
    self.configuration = configuration
    self.ledger = ledger
    self.clock = clock
    let database = configuration.postgres
    liveConnection = PostgresConnection(database, name: "live")
    historyConnection = PostgresConnection(database, name: "history")
    let filter = AirflowSource.DagFilter(include: configuration.dags.include, exclude: configuration.dags.exclude)
    live = AirflowReader(instance: configuration.name, connection: liveConnection, filter: filter)
    history = AirflowReader(instance: configuration.name, connection: historyConnection, filter: filter)
  }

  /// Links from the evidence of one snapshot and what the ledger knows of earlier tries.
  static let links: Ledger.Proposer = { snapshot, known in
    proposeLinks(for: snapshot, known: known.map(KnownAttempt.init))
  }

  /// Warnings of the last probe.
  var warnings: [String] { schema?.warnings ?? [] }

  func close() async {
    await liveConnection.close()
    await historyConnection.close()
  }

  func closeHistory() async { await historyConnection.close() }

  // MARK: Live

  /// Reads what is new and what is open.
  func poll() async throws -> Outcome {
    await takeTurn()
    defer { passTurn() }
    do { return try await pollOnce() } catch let error as AirflowSourceError where error.action == .probe {
      // Airflow was upgraded under us, or rights have changed: look again, once.
      schema = nil
      return try await pollOnce()
    }
  }

  private func pollOnce() async throws -> Outcome {
    let schema = try await currentSchema()
    try await meet()
    guard let progress else { return Outcome() }
    var cursor = progress.cursor
    var outcome = Outcome()
    var request = LiveRequest(
      cursor: cursor, rereadWindow: tuning.rereadWindow, knownInWindow: knownInWindow,
      floor: progress.floor ?? 0,
      remembered: openRuns.sorted(), maximumRuns: Self.runsPerPage)
    repeat {
      let batch = try await live.live(request, schema: schema)
      let kept = try await keep(batch, cursor: cursor)
      outcome += kept
      cursor = max(cursor, batch.highestID)
      self.progress?.cursor = cursor
      request.cursor = cursor
      request.knownInWindow = knownInWindow
      request.remembered = openRuns.sorted()
      request.resumeAfter = batch.resumeAfter
      let hasChanged = kept.newRuns + kept.changedRuns > 0
      try await noteHealth(batch.moment, schema, milliseconds: outcome.serverMilliseconds, hasChanged: hasChanged)
    } while request.resumeAfter != nil
    return outcome
  }

  private func keep(_ batch: LiveBatch, cursor: Int64) async throws -> Outcome {
    var capture = CaptureBatch(instance: instance, readAt: batch.moment.readAt)
    var fingerprints: [Int64: Int] = [:]
    for snapshot in batch.snapshots {
      fingerprints[snapshot.run.sourceID] = snapshot.hashValue
      if seen[snapshot.run.sourceID] != snapshot.hashValue { capture.snapshots.append(snapshot) }
    }
    // On a replica a run may be missing because it has not arrived yet.
    if configuration.role == .primary, !batch.moment.isReplica { capture.missing = batch.missing }
    capture.excluded = batch.excluded
    capture.cursor = batch.highestID > cursor ? batch.highestID : nil
    if !capture.snapshots.isEmpty { capture.dags = batch.dags }
    var outcome = Outcome()
    if !capture.snapshots.isEmpty || !capture.missing.isEmpty || !capture.excluded.isEmpty || capture.cursor != nil {
      let kept = try await ledger.apply(capture, proposing: tuning.propose)
      (outcome.newRuns, outcome.changedRuns, outcome.newLinks) = (kept.newRuns, kept.changedRuns, kept.newLinks)
    }
    for snapshot in batch.snapshots {
      let id = snapshot.run.sourceID
      if snapshot.run.isOpen {
        openRuns.insert(id)
        seen[id] = fingerprints[id]
      } else {
        openRuns.remove(id)
        seen[id] = nil
      }
    }
    for id in capture.missing + batch.excluded {
      openRuns.remove(id)
      seen[id] = nil
    }
    knownInWindow.formUnion(batch.newIDs)
    if knownInWindow.count > Int(tuning.rereadWindow) * 2 {
      let lowest = batch.highestID - tuning.rereadWindow
      knownInWindow = knownInWindow.filter { $0 > lowest }
    }
    outcome.runsRead = batch.snapshots.count
    outcome.attemptsRead = batch.snapshots.reduce(0) { $0 + $1.attempts.count }
    outcome.serverMilliseconds = batch.moment.serverMilliseconds ?? 0
    return outcome
  }

  private func noteHealth(_ moment: ReadMoment, _ schema: AirflowSchema, milliseconds: Double, hasChanged: Bool)
    async throws
  {
    let now = clock()
    // Short poll intervals need not write the ledger every time.
    guard hasChanged || now - healthNotedAt >= 1_000_000 || now < healthNotedAt else { return }
    try await ledger.noteHealth(
      InstanceHealth(
        airflowVersion: schema.version, alembicVersion: schema.alembicHead,
        role: moment.isReplica ? "replica" : "primary",
        replayLag: moment.replayLagSeconds.map { Int64($0 * 1e6) }, pollMilliseconds: milliseconds),
      of: instance)
    healthNotedAt = now
  }

  // MARK: History

  /// Whether history is left to be loaded.
  func hasHistory() async throws -> Bool {
    await takeTurn()
    defer { passTurn() }
    try await meet()
    return !(progress?.isBackfillDone ?? false)
  }

  /// Loads one page of history, newest first. `isFinished` says whether it was the last.
  /// - Parameter since: overrides how far back the configuration wants to go; what lies further back stays to be loaded.
  func loadHistory(since override: Instant? = nil) async throws -> Outcome {
    await takeTurn()
    defer { passTurn() }
    do { return try await loadPage(since: override) } catch let error as AirflowSourceError where error.action == .probe
    {
      schema = nil
      return try await loadPage(since: override)
    }
  }

  private func loadPage(since override: Instant?) async throws -> Outcome {
    let schema = try await currentSchema()
    try await meet()
    guard let known = progress, let floor = known.floor, !known.isBackfillDone else { return Outcome() }
    if configuration.backfill == .none, override == nil {
      var capture = CaptureBatch(instance: instance, readAt: Instant(microseconds: clock()), isHistory: true)
      capture.backfill = .init(below: floor + 1, isDone: true, runs: 0, total: nil)
      _ = try await ledger.apply(capture, proposing: tuning.propose)
      progress?.isBackfillDone = true
      return Outcome()
    }
    let since = override ?? backfillStart
    let below = known.backfillBelow ?? floor + 1
    let request = HistoryRequest(
      below: below, since: since, limit: Self.runsPerPage, countsRemaining: known.backfillBelow == nil)
    let batch = try await history.history(request, schema: schema)
    var capture = CaptureBatch(instance: instance, readAt: batch.moment.readAt, isHistory: true)
    capture.snapshots = batch.snapshots
    capture.dags = batch.dags
    // A pass that was told to look back less far has not loaded it all: the whole is read when that is wanted.
    let isDone = batch.isFinished && override == nil
    let next = batch.isFinished && override != nil ? floor + 1 : batch.lowestID ?? below
    let total = batch.remaining.map { $0 + batch.snapshots.count }
    capture.backfill = .init(below: next, isDone: isDone, runs: batch.snapshots.count, total: total)
    let kept = try await ledger.apply(capture, proposing: tuning.propose)
    progress?.backfillBelow = next
    progress?.isBackfillDone = isDone
    for snapshot in batch.snapshots where snapshot.run.isOpen { openRuns.insert(snapshot.run.sourceID) }
    var outcome = Outcome()
    outcome.runsRead = batch.snapshots.count
    outcome.attemptsRead = batch.snapshots.reduce(0) { $0 + $1.attempts.count }
    (outcome.newRuns, outcome.changedRuns, outcome.newLinks) = (kept.newRuns, kept.changedRuns, kept.newLinks)
    outcome.remaining = batch.remaining
    outcome.isFinished = batch.isFinished
    return outcome
  }

  private var backfillStart: Instant? {
    switch configuration.backfill {
    case .all: nil
    case .none: nil
    case .last(let duration): Instant(microseconds: clock() - Int64(duration.totalSeconds * 1e6))
    }
  }

  // MARK: State

  private func takeTurn() async {
    if isBusy { await withCheckedContinuation { waiting.append($0) } } else { isBusy = true }
  }

  private func passTurn() {
    if waiting.isEmpty { isBusy = false } else { waiting.removeFirst().resume() }
  }

  private func currentSchema() async throws -> AirflowSchema {
    if let schema { return schema }
    let probed = try await live.probe()
    schema = probed
    return probed
  }

  /// Takes up where the ledger has left off; at first contact, draws the line between history and what is new.
  private func meet() async throws {
    guard progress == nil else { return }
    var known = try await ledger.progress(of: instance)
    if known.floor == nil {
      try await ledger.noteFirstContact(with: instance, floor: try await live.highestRunID())
      known = try await ledger.progress(of: instance)
    }
    openRuns = Set(known.openRuns)
    knownInWindow = try await ledger.runIDs(of: known.id, above: known.cursor - tuning.rereadWindow)
    progress = known
  }
}
