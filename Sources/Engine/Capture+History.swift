import AirflowSource
import ExecutionModel
import Ledger
import Platform

/// A page of history that was read before it could be kept.
struct PageAhead {
  var request: HistoryRequest
  var read: ReadsUnderWay.Number
  var batch: HistoryBatch
}

extension Capture {
  /// Whether history is left to be loaded.
  func hasHistory() async throws -> Bool {
    try await meet()
    return !(progress?.isBackfillDone ?? false)
  }

  /// Loads one page of history, newest first, and reads the next one meanwhile. `isFinished` says whether it was the
  /// last.
  /// - Parameter since: overrides how far back the configuration wants to go; what lies further back stays to be loaded.
  func loadHistory(since override: Instant? = nil) async throws -> Outcome {
    await pages.take()
    defer { pages.pass() }
    return try await probingAgain { try await loadPage(since: override) }
  }

  private func loadPage(since override: Instant?) async throws -> Outcome {
    try await ledger.requireRoom()
    let schema = try await currentSchema()
    try await meet()
    guard let known = progress, let floor = known.floor, !known.isBackfillDone else { return Outcome() }
    if configuration.backfill == .none, override == nil { return try await skipHistory(above: floor) }
    let begin = monotonicSeconds()
    let since = override ?? known.backfillSince
    var request = HistoryRequest(
      below: known.backfillBelow ?? floor + 1, since: since, countsRemaining: known.backfillBelow == nil)
    let page = try await pageAhead(of: request, schema)
    defer { reads.end(page.read) }
    let batch = page.batch
    // A pass that was told to look back less far has not loaded it all: the whole is read when that is wanted.
    let isDone = batch.isFinished && override == nil
    let next = batch.isFinished && override != nil ? floor + 1 : batch.lowestID ?? page.request.below ?? floor + 1
    request.below = next
    request.countsRemaining = false
    async let ahead = batch.isFinished ? nil : readAhead(request, schema)
    let outcome: Outcome
    do {
      outcome = try await keep(batch.snapshots, page.read, moment: batch.moment, isHistory: true) { capture in
        capture.dags = batch.dags
        capture.fingerprints = batch.fingerprints
        capture.backfill = .init(
          below: next, isDone: isDone, runs: batch.snapshots.count,
          total: batch.remaining.map { $0 + batch.snapshots.count }, rate: loadingRate.perSecond)
      }
    } catch {
      forget(await ahead)
      throw error
    }
    progress?.backfillBelow = next
    progress?.isBackfillDone = isDone
    pageAhead = await ahead
    loadingRate.add(batch.snapshots.count, in: monotonicSeconds() - begin)
    var told = outcome
    told.remaining = batch.remaining
    told.isFinished = batch.isFinished
    return told
  }

  /// Nothing of history is wanted.
  private func skipHistory(above floor: Int64) async throws -> Outcome {
    var capture = CaptureBatch(instance: instance, readAt: Instant(microseconds: clock()), isHistory: true)
    capture.backfill = .init(below: floor + 1, isDone: true, runs: 0, total: nil)
    _ = try await ledger.apply(capture, proposing: tuning.propose)
    progress?.isBackfillDone = true
    return Outcome()
  }

  // MARK: Reading ahead

  /// The page that was read ahead, if it is the one that is wanted; else it is read now.
  private func pageAhead(of request: HistoryRequest, _ schema: AirflowSchema) async throws -> PageAhead {
    if let page = pageAhead {
      pageAhead = nil
      if page.request.below == request.below, page.request.since == request.since { return page }
      reads.end(page.read)
    }
    return try await readPage(request, schema)
  }

  /// A page that cannot be read ahead is read when its turn comes; then its error is told.
  private func readAhead(_ request: HistoryRequest, _ schema: AirflowSchema) async -> PageAhead? {
    try? await readPage(request, schema)
  }

  private func readPage(_ wanted: HistoryRequest, _ schema: AirflowSchema) async throws -> PageAhead {
    var request = wanted
    // What a sweep will compare soon is computed with the page; of older runs it would be for nothing.
    request.withFingerprints = isInLookBack
    let read = reads.begin()
    do {
      let batch = try await adapting(.page) { size in
        request.limit = size
        return try await background.history(request, schema: schema)
      }
      let oldest = Instant(microseconds: clock() - Int64(configuration.lookBack.totalSeconds * 1e6))
      isInLookBack = batch.snapshots.contains { ($0.run.lastMoment ?? oldest) >= oldest }
      return PageAhead(request: request, read: read, batch: batch)
    } catch {
      reads.end(read)
      throw error
    }
  }

  private func forget(_ page: PageAhead?) {
    if let page { reads.end(page.read) }
  }
}

extension DagRun {
  /// The last moment that is known of it: when it was queued, started or ended, else when it was due.
  fileprivate var lastMoment: Instant? {
    [queuedAt, startDate, endDate].compactMap(\.self).max() ?? runAfter ?? logicalDate
  }
}
