import DbtArtifacts
import DbtCloud
import Ledger

// Runs side by side, on their way into the ledger.
extension Enrichment {
  /// What became of one run, and the error that may be the account's or the run's own.
  private struct Attempt: Sendable {
    var outcome = Outcome()
    var doubt: (due: DueDbtRun, error: DbtCloudError)?
    /// Of which everything was read, and which is still to be kept.
    var read: Complete?
  }

  private struct Complete: Sendable {
    var due: DueDbtRun
    var run: CompleteDbtRun
  }

  private enum Done: Sendable {
    case read(Attempt)
    /// So many of those that were read.
    case kept(Int)
  }

  /// Runs on their way to the ledger.
  private struct Line {
    /// Those that are being read.
    var reading = 0
    /// Those that were read, the first of which may be being kept.
    var read: [Complete] = []
    var isKeeping = false

    /// Whether another run may be read. Keeping does not hold up reading, except for large runs: memory is for few of
    /// them.
    func hasRoom(lanes: Int) -> Bool {
      reading + read.count(where: \.run.isLarge) < lanes && read.count < lanes
    }
  }

  /// - Parameter hasAnswered: whether the account has answered in this round already.
  func fetch(_ due: [DueDbtRun], lanes: Int, hasAnswered: Bool) async throws -> Outcome {
    var next: [DueDbtRun]? = due
    return try await fetch(lanes: lanes, hasAnswered: hasAnswered) {
      defer { next = nil }
      return next
    }
  }

  /// Fetches runs side by side, and keeps together what is read by the time that the ledger is free.
  /// - Parameters:
  ///   - hasAnswered: whether the account has answered in this round already.
  ///   - more: the next runs; nil when there are none.
  func fetch(
    lanes: Int, hasAnswered: Bool, more: () async throws -> [DueDbtRun]?
  ) async throws -> Outcome {
    var (outcome, doubts) = (Outcome(), [(due: DueDbtRun, error: DbtCloudError)]())
    try await withThrowingTaskGroup(of: Done.self) { group in
      var due: ArraySlice<DueDbtRun> = []
      var (line, isOver) = (Line(), false)
      while true {
        // An account that is away need not be asked for each run.
        let isAway = !hasAnswered && outcome.fetched == 0 && doubts.count >= lanes
        while !isOver, !isAway, outcome.outage == nil, line.hasRoom(lanes: lanes) {
          if let run = due.popFirst() {
            group.addTask { .read(try await self.fetch(run)) }
            line.reading += 1
          } else if let next = try await more() {
            try Task.checkCancellation()
            due = next[...]
          } else {
            isOver = true
          }
        }
        if !line.isKeeping, !line.read.isEmpty {
          line.isKeeping = true
          group.addTask { [runs = line.read] in .kept(try await self.ledger.keepComplete(firstOf: runs.map(\.run))) }
        }
        switch try await group.next() {
        case nil: return
        case .kept(let count):
          for one in line.read.prefix(count) { downloads.end(one.due.runID, isWhole: true) }
          line.read.removeFirst(count)
          line.isKeeping = false
        case .read(let attempt):
          line.reading -= 1
          outcome += attempt.outcome
          if let doubt = attempt.doubt { doubts.append(doubt) }
          if let read = attempt.read { line.read.append(read) }
          if hasAnswered || outcome.fetched > 0 { try await note(&doubts) }
        }
      }
    }
    if !doubts.isEmpty, outcome.outage == nil, try await answers() { try await note(&doubts) }
    for (due, error) in doubts {
      outcome.outage = outcome.outage ?? error
      try await ledger.noteFailure(due.id, reason: error.description, nextFetchAt: 0)
    }
    return outcome
  }

  /// Where the account answers for others, the fault lies with the run.
  private func note(_ doubts: inout [(due: DueDbtRun, error: DbtCloudError)]) async throws {
    let noted = doubts
    doubts = []
    for (due, error) in noted {
      try await ledger.noteFailure(due.id, reason: error.description, nextFetchAt: retryTime(due))
    }
  }

  /// Whether the account answers at all.
  private func answers() async throws -> Bool {
    do {
      _ = try await client.runs(limit: 1)
      return true
    } catch is DbtCloudError { return false }
  }

  private func fetch(_ due: DueDbtRun) async throws -> Attempt {
    var attempt = Attempt()
    do {
      switch try await fetchWhole(due, &attempt.outcome) {
      case .complete(let run):
        attempt.outcome.completed = 1
        attempt.read = Complete(due: due, run: CompleteDbtRun(run, id: due.id))
      case .underWay: break
      case .undecided: attempt.outcome.undecided = 1
      }
      attempt.outcome.fetched = 1
    } catch let error as DbtCloudError {
      try await note(error, of: due, in: &attempt)
    } catch let error as ArtifactError {
      try await note(failure: error.description, of: due, in: &attempt)
    } catch let error as RunKeepsChanging {
      try await note(failure: error.description, of: due, in: &attempt)
    }
    return attempt
  }

  private func note(failure: String, of due: DueDbtRun, in attempt: inout Attempt) async throws {
    attempt.outcome.failed = 1
    attempt.outcome.failure = failure
    try await ledger.noteFailure(due.id, reason: failure, nextFetchAt: retryTime(due))
  }

  private func note(_ error: DbtCloudError, of due: DueDbtRun, in attempt: inout Attempt) async throws {
    if error.kind == .notFound {
      // An answer, not a failure: the record says so. It may still appear; once an hour is enough.
      attempt.outcome.fetched = 1
      try await ledger.noteAbsent(due.id, reason: error.description, nextFetchAt: clock() + 3_600_000_000)
      return
    }
    attempt.outcome.failed = 1
    attempt.outcome.failure = error.description
    switch error.kind {
    case .noToken, .invalidURL, .rateLimited, .refused(status: 401):
      attempt.outcome.outage = error
      try await ledger.noteFailure(due.id, reason: error.description, nextFetchAt: 0)
    case .refused, .redirected, .unavailable, .notJSON: attempt.doubt = (due, error)
    case .tooLarge, .cannotWrite, .unexpected, .notFound:
      try await ledger.noteFailure(due.id, reason: error.description, nextFetchAt: retryTime(due))
    }
  }

  func retryTime(_ due: DueDbtRun) -> Int64 {
    clock() + Int64(min(3600, 5 * Double(1 << min(due.failures, 10))) * 1e6)
  }
}
