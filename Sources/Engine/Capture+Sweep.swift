import AirflowSource
import ExecutionModel
import Ledger
import Records

/// How far a sweep has come.
struct SweepUnderWay {
  var startedAt: Instant
  /// Runs that ended before are not looked at.
  var since: Instant?
  /// The next slice has ids above.
  var after: Int64 = 0
  /// Runs that the ledger holds and Airflow has no more. Why is judged when all are known: what vanished together was
  /// expired, what vanished alone was deleted.
  var missing: [Int64] = []
  var moment: ReadMoment?
  var runs = 0
  var changed = 0
  var removed = 0
  var milliseconds = 0.0
}

extension Capture {
  /// Compares the next slice of what the ledger holds with what Airflow shows, and reads what differs. `isFinished` says
  /// whether the sweep has come to its end; the next slice then begins another one.
  func sweep() async throws -> Outcome {
    await pages.take()
    defer { pages.pass() }
    return try await probingAgain { try await sweepSlice() }
  }

  private func sweepSlice() async throws -> Outcome {
    try await ledger.requireRoom()
    let schema = try await currentSchema()
    try await meet()
    guard let progress, progress.floor != nil else { return Outcome() }
    let now = Instant(microseconds: clock())
    var sweep =
      sweepUnderWay
      ?? SweepUnderWay(startedAt: now, since: now.advanced(bySeconds: -Int64(configuration.lookBack.totalSeconds)))
    let slice = try await adapting(.slice) { size in
      try await background.sweep(SweepRequest(after: sweep.after, since: sweep.since, limit: size), schema: schema)
    }
    let kept = try await ledger.keptRuns(
      of: progress.id, after: slice.after, through: slice.isFinished ? nil : slice.lastID, since: sweep.since)
    let comparison = SweepComparison(
      slice, kept, since: sweep.since, progress: self.progress ?? progress, remembered: openRuns)
    sweep.moment = slice.moment
    sweep.runs += slice.runs.count
    sweep.milliseconds += slice.moment.serverMilliseconds ?? 0
    let purged = try await ledger.purgedRuns(
      of: progress.id, after: slice.after, through: slice.isFinished ? nil : slice.lastID)
    let differing = comparison.differing.filter { !purged.contains($0) }
    var outcome = try await readAgain(differing + comparison.unseen, schema, &sweep)
    sweep.after = slice.lastID
    if slice.isFinished { outcome += try await finish(&sweep) }
    sweepUnderWay = slice.isFinished ? nil : sweep
    outcome.isFinished = slice.isFinished
    return outcome
  }

  private func readAgain(
    _ ids: [Int64], _ schema: AirflowSchema, _ sweep: inout SweepUnderWay
  ) async throws -> Outcome {
    var outcome = Outcome()
    var rest = ids.sorted()
    while !rest.isEmpty {
      let read = reads.begin()
      defer { reads.end(read) }
      let wanted = rest
      let (batch, asked) = try await adapting(.page) { size in
        let asked = wanted.prefix(size)
        return (try await background.snapshots(of: Array(asked), withFingerprints: true, schema: schema), asked.count)
      }
      rest = batch.rest + rest.dropFirst(asked)
      outcome += try await keep(batch.snapshots, read, moment: batch.moment) { capture in
        capture.dags = batch.dags
        capture.fingerprints = batch.fingerprints
        capture.excluded = batch.excluded
      }
      sweep.missing += batch.missing
      sweep.milliseconds += batch.moment.serverMilliseconds ?? 0
    }
    sweep.changed += outcome.newRuns + outcome.changedRuns
    return outcome
  }

  private func finish(_ sweep: inout SweepUnderWay) async throws -> Outcome {
    var outcome = Outcome()
    if !sweep.missing.isEmpty, let moment = sweep.moment {
      let read = reads.begin()
      defer { reads.end(read) }
      let gone = try await removals(of: sweep.missing, moment, with: background)
      outcome = try await keep([], read, moment: moment) { $0.removed = gone }
      sweep.removed = outcome.removedRuns
    }
    try await ledger.note(
      SweepSummary(
        startedAt: sweep.startedAt, finishedAt: Instant(microseconds: clock()), runs: sweep.runs,
        changed: sweep.changed, removed: sweep.removed, milliseconds: sweep.milliseconds), of: instance)
    return outcome
  }
}
