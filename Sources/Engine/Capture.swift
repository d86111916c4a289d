import AirflowSource
import Configuration
import Correlation
import ExecutionModel
import Ledger
import Platform
import Postgres
import Records

/// Reads one Airflow instance into the ledger: new and open runs at every poll, history page by page, and in sweeps what
/// changed when it was long finished. They read side by side, polls on a connection of their own; what each has read is
/// kept one after the other, and nothing overwrites what another has kept since it was read.
actor Capture {
  /// What a poll, a page or a slice of a sweep did.
  struct Outcome: Hashable, Sendable {
    var runsRead = 0
    var attemptsRead = 0
    var newRuns = 0
    var changedRuns = 0
    var removedRuns = 0
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
      left.removedRuns += right.removedRuns
      left.newLinks += right.newLinks
      left.remaining = right.remaining ?? left.remaining
      left.isFinished = right.isFinished
      left.serverMilliseconds += right.serverMilliseconds
    }

    mutating func add(_ kept: CaptureOutcome) {
      newRuns += kept.newRuns
      changedRuns += kept.changedRuns
      removedRuns += kept.removedRuns
      newLinks += kept.newLinks
    }
  }

  enum ReadKind { case poll, page, slice }

  /// What tests change to show that it is needed.
  struct Tuning: Sendable {
    /// How many ids below the cursor a poll looks at again (``LiveRequest/rereadWindow``).
    var rereadWindow: Int64 = 1000
    /// Links from the evidence of one snapshot and what the ledger knows of earlier tries.
    var propose: Ledger.Proposer = Capture.links
  }

  nonisolated let instance: InstanceName
  let tuning: Tuning
  let configuration: AirflowConfiguration
  let ledger: Ledger
  private let live: AirflowReader
  /// For history and sweeps.
  let background: AirflowReader
  private let liveConnection: PostgresConnection
  private let backgroundConnection: PostgresConnection
  let clock: @Sendable () -> Int64

  private var schema: AirflowSchema?
  var progress: InstanceProgress?
  /// Runs that polls read until they are seen closed or gone.
  private(set) var openRuns: Set<Int64> = []
  private var knownInWindow: Set<Int64> = []
  /// Fingerprints of open runs as they are in the ledger: what did not change is neither read nor written.
  private var openFingerprints: [Int64: Int64] = [:]
  private var healthNotedAt: Int64 = 0
  var reads = ReadsUnderWay()
  private let polls = Turnstile()
  let pages = Turnstile()
  private let keeps = Turnstile()

  /// How many runs each kind of read asks for at a time.
  private var sizes: [ReadKind: PageSize] = [
    .poll: PageSize(maximum: 500), .page: PageSize(maximum: 500), .slice: PageSize(maximum: 1000),
  ]
  /// The page of history that was read while the one before was kept.
  var pageAhead: PageAhead?
  /// Whether the next page of history may hold runs that sweeps look at.
  var isInLookBack = true
  var loadingRate = LoadingRate()
  var sweepUnderWay: SweepUnderWay?

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
    backgroundConnection = PostgresConnection(database, name: "history")
    let filter = AirflowSource.DagFilter(include: configuration.dags.include, exclude: configuration.dags.exclude)
    live = AirflowReader(instance: configuration.name, connection: liveConnection, filter: filter)
    background = AirflowReader(instance: configuration.name, connection: backgroundConnection, filter: filter)
  }

  /// Links from the evidence of one snapshot and what the ledger knows of earlier tries.
  static let links: Ledger.Proposer = { snapshot, known in
    proposeLinks(for: snapshot, known: known.map(KnownAttempt.init))
  }

  /// Warnings of the last probe.
  var warnings: [String] { schema?.warnings ?? [] }

  func close() async {
    await liveConnection.close()
    await backgroundConnection.close()
  }

  /// Gives up the connection of history and sweeps until they go on.
  func closeBackground() async { await backgroundConnection.close() }

  // MARK: Polls

  /// Reads what is new and what is open.
  func poll() async throws -> Outcome {
    await polls.take()
    defer { polls.pass() }
    return try await probingAgain { try await pollOnce() }
  }

  private func pollOnce() async throws -> Outcome {
    try await ledger.requireRoom()
    let schema = try await currentSchema()
    try await meet()
    guard let progress else { return Outcome() }
    var outcome = Outcome()
    var request = LiveRequest(
      cursor: progress.cursor, rereadWindow: tuning.rereadWindow, floor: progress.floor ?? 0, withFingerprints: true)
    repeat {
      request.cursor = self.progress?.cursor ?? request.cursor
      request.knownInWindow = knownInWindow
      request.remembered = openRuns.sorted()
      request.knownFingerprints = openFingerprints
      let read = reads.begin()
      defer { reads.end(read) }
      let batch = try await adapting(.poll) { size in
        request.maximumRuns = size
        return try await live.live(request, schema: schema)
      }
      let kept = try await keep(batch, read)
      outcome += kept
      request.resumeAfter = batch.resumeAfter
      let hasChanged = kept.newRuns + kept.changedRuns > 0
      try await noteHealth(batch.moment, milliseconds: outcome.serverMilliseconds, hasChanged: hasChanged)
    } while request.resumeAfter != nil
    return outcome
  }

  private func keep(_ batch: LiveBatch, _ read: ReadsUnderWay.Number) async throws -> Outcome {
    let gone = batch.missing.isEmpty ? [:] : try await removals(of: batch.missing, batch.moment, with: live)
    await keeps.take()
    defer { keeps.pass() }
    let cursor = progress?.cursor ?? 0
    let others = reads.keptByOthers(since: read)
    var capture = CaptureBatch(instance: instance, readAt: batch.moment.readAt)
    capture.snapshots = batch.snapshots.filter { !others.contains($0.run.sourceID) }
    // An open run is compared by the next poll; what it is in the end is still to come.
    for snapshot in capture.snapshots where !snapshot.run.isOpen {
      capture.fingerprints[snapshot.run.sourceID] = batch.fingerprints[snapshot.run.sourceID]
    }
    capture.removed = gone.filter { !others.contains($0.key) }
    capture.excluded = batch.excluded
    capture.cursor = batch.highestID > cursor ? batch.highestID : nil
    if !capture.snapshots.isEmpty { capture.dags = batch.dags }
    var outcome = Outcome()
    if !capture.snapshots.isEmpty || !capture.removed.isEmpty || !capture.excluded.isEmpty || capture.cursor != nil {
      outcome.add(try await ledger.apply(capture, proposing: tuning.propose))
    }
    reads.kept(batch.snapshots.map(\.run.sourceID) + batch.unchangedIDs + batch.missing + batch.excluded, by: read)
    for snapshot in batch.snapshots {
      let id = snapshot.run.sourceID
      // What somebody else has kept meanwhile may be older or newer than this: the next poll tells.
      let isKept = !others.contains(id)
      if snapshot.run.isOpen || !isKept { openRuns.insert(id) } else { openRuns.remove(id) }
      openFingerprints[id] = snapshot.run.isOpen && isKept ? batch.fingerprints[id] : nil
    }
    for id in Array(capture.removed.keys) + batch.excluded {
      openRuns.remove(id)
      openFingerprints[id] = nil
    }
    noteWindow(batch)
    progress?.cursor = max(cursor, batch.highestID)
    outcome.runsRead = batch.snapshots.count
    outcome.attemptsRead = batch.snapshots.reduce(0) { $0 + $1.attempts.count }
    outcome.serverMilliseconds = batch.moment.serverMilliseconds ?? 0
    return outcome
  }

  private func noteWindow(_ batch: LiveBatch) {
    knownInWindow.formUnion(batch.newIDs)
    if knownInWindow.count > Int(tuning.rereadWindow) * 2 {
      let lowest = batch.highestID - tuning.rereadWindow
      knownInWindow = knownInWindow.filter { $0 > lowest }
    }
  }

  private func noteHealth(_ moment: ReadMoment, milliseconds: Double, hasChanged: Bool) async throws {
    let now = clock()
    // Short poll intervals need not write the ledger every time.
    guard hasChanged || now - healthNotedAt >= 1_000_000 || now < healthNotedAt else { return }
    try await ledger.noteHealth(
      InstanceHealth(
        role: moment.isReplica ? "replica" : "primary",
        replayLag: moment.replayLagSeconds.map { Int64($0 * 1e6) }, pollMilliseconds: milliseconds,
        readAt: moment.readAt),
      of: instance)
    healthNotedAt = now
  }

  // MARK: What polls, history and sweeps share

  /// Keeps runs that were read beside the polls, but for those that others have kept since.
  func keep(
    _ snapshots: [DagRunSnapshot], _ read: ReadsUnderWay.Number, moment: ReadMoment, isHistory: Bool = false,
    completing complete: (inout CaptureBatch) -> Void
  ) async throws -> Outcome {
    await keeps.take()
    defer { keeps.pass() }
    let others = reads.keptByOthers(since: read)
    var capture = CaptureBatch(instance: instance, readAt: moment.readAt, isHistory: isHistory)
    capture.snapshots = snapshots.filter { !others.contains($0.run.sourceID) }
    complete(&capture)
    var outcome = Outcome()
    outcome.add(try await ledger.apply(capture, proposing: tuning.propose))
    reads.kept(capture.snapshots.map(\.run.sourceID) + capture.removed.keys, by: read)
    for snapshot in capture.snapshots {
      openFingerprints[snapshot.run.sourceID] = nil
      if snapshot.run.isOpen { openRuns.insert(snapshot.run.sourceID) }
    }
    outcome.runsRead = snapshots.count
    outcome.attemptsRead = snapshots.reduce(0) { $0 + $1.attempts.count }
    outcome.serverMilliseconds = moment.serverMilliseconds ?? 0
    return outcome
  }

  /// How runs that the ledger holds went from Airflow. On a replica a run may be missing because it has not arrived yet,
  /// so nothing is said there.
  func removals(
    of missing: [Int64], _ moment: ReadMoment, with reader: AirflowReader
  ) async throws -> [Int64: RecordHeader.Removed.Kind] {
    guard configuration.role == .primary, !moment.isReplica, let progress else { return [:] }
    let runs = try await ledger.keptRuns(of: progress.id, ids: missing)
    let schema = try await currentSchema()
    let batch = try await reader.removals(
      of: runs.map { MissingRun(id: $0.sourceID, dagID: $0.dagID, startDate: $0.startDate) }, schema: schema)
    return batch.removals.compactMapValues { RecordHeader.Removed.Kind(rawValue: $0.rawValue) }
  }

  /// Looks at the schema once more when Airflow was upgraded under us, or rights have changed.
  func probingAgain(_ body: () async throws -> Outcome) async throws -> Outcome {
    do { return try await body() } catch let error as AirflowSourceError where error.action == .probe {
      schema = nil
      return try await body()
    }
  }

  /// Reads less at a time while the database is too slow for more.
  func adapting<Batch: Sendable>(_ kind: ReadKind, _ read: (Int) async throws -> Batch) async throws -> Batch {
    while true {
      do {
        let batch = try await read(sizes[kind]?.current ?? 1)
        sizes[kind]?.grow()
        return batch
      } catch let error as AirflowSourceError {
        guard sizes[kind]?.shrink(after: error) ?? false else { throw error }
      }
    }
  }

  /// Lets no read of this kind ask for more runs at a time.
  func limit(_ kind: ReadKind, to runs: Int) { sizes[kind] = PageSize(maximum: runs) }

  func currentSchema() async throws -> AirflowSchema {
    if let schema { return schema }
    let probed = try await live.probe()
    try await ledger.noteSchema(of: instance, version: probed.version, alembicHead: probed.alembicHead)
    schema = probed
    return probed
  }

  /// Takes up where the ledger has left off; at first contact, draws the line between history and what is new.
  func meet() async throws {
    guard progress == nil else { return }
    var known = try await ledger.progress(of: instance)
    if known.floor == nil {
      let since = configuration.backfill == .none ? Instant(microseconds: clock()) : backfillStart
      try await ledger.noteFirstContact(with: instance, floor: try await live.highestRunID(), since: since)
      known = try await ledger.progress(of: instance)
    }
    // Polls and history may come here at the same time.
    guard progress == nil else { return }
    openRuns = Set(known.openRuns)
    knownInWindow = try await ledger.runIDs(of: known.id, above: known.cursor - tuning.rereadWindow)
    progress = known
  }

  /// How far back the configuration wants history; nil for all of it.
  var backfillStart: Instant? {
    switch configuration.backfill {
    case .all, .none: nil
    case .last(let duration): Instant(microseconds: clock() - Int64(duration.totalSeconds * 1e6))
    }
  }
}
