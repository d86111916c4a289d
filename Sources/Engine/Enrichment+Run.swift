import DbtCloud
import ExecutionModel
import Ledger

// One run.
extension Enrichment {
  /// How often a run that changes while it is read is read in one go.
  private static let readings = 3

  enum Fetched {
    /// The run is over and everything of it was read.
    case complete(DbtRun)
    case underWay
    /// The run is over, but no link means it for certain.
    case undecided
  }

  /// Reads one run, and when it is over everything that it left.
  func fetchWhole(_ due: DueDbtRun, _ outcome: inout Outcome) async throws -> Fetched {
    var head = try await head(of: due)
    var run = head.run
    if let project = run.projectID { run.projectName = try await self.project(project, of: due, &outcome) }
    let isWanted = try await ledger.keepHead(run, id: due.id, nextFetchAt: nextLook(at: run))
    underWay[due.runID] = run.isOverInDbtCloud ? nil : run
    guard run.isOverInDbtCloud else { return .underWay }
    guard isWanted else { return .undecided }
    // What goes on after the run has ended, such as a late upload, would give artifacts that do not belong together.
    for _ in 0..<Self.readings where head.run.isOverInDbtCloud {
      let read = try await readArtifacts(of: head, due, &outcome)
      let after = read.hasAsked ? try await self.head(of: due) : head
      if after == head || due.failures >= Self.tries {
        let name = run.projectName
        run = after.run
        run.projectName = name
        run.steps = read.steps
        run.isComplete = true
        return .complete(run)
      }
      head = after
    }
    throw RunKeepsChanging(runID: due.runID)
  }

  private func head(of due: DueDbtRun) async throws -> DbtRunHead {
    var head = try await client.head(of: due.runID)
    head.run.key = due.key
    head.run.account = account.name
    head.run.accountID = account.accountID
    head.run.host = account.host
    head.run.isComplete = false
    return head
  }

  private func readArtifacts(
    of head: DbtRunHead, _ due: DueDbtRun, _ outcome: inout Outcome
  ) async throws -> RunReading.Outcome {
    let reading = RunReading(
      client: client, reader: reader, downloads: downloads, runID: due.runID, mayGiveUp: due.failures >= Self.tries)
    downloads.begin(due.runID, head)
    do {
      let read = try await reading.read(head)
      outcome.warnings += read.warnings
      return read
    } catch {
      downloads.end(due.runID, isWhole: false)
      throw error
    }
  }

  /// The name of a project. How its warehouse is reached is kept once a day.
  private func project(_ id: Int64, of due: DueDbtRun, _ outcome: inout Outcome) async throws -> String? {
    let project = try await client.project(id, mayGiveUp: due.failures >= Self.tries)
    if let problem = project.problem {
      if warnedOfProjects.insert(id).inserted { outcome.warnings.append(problem) }
    } else if try await ledger.wantsConnection(
      ofProject: id, of: account.name, askedBefore: clock() - 86_400_000_000)
    {
      try await ledger.keep(project.connection, ofProject: id, of: account.name)
    }
    return project.name
  }

  /// A run under way is asked for often at first, seldom when it takes long.
  func nextLook(at run: DbtRun) -> Int64 {
    let now = clock()
    let age = run.createdAt.map { Double(now - $0.microseconds) / 1e6 } ?? 0
    return now + Int64(min(30, max(5, age / 20)) * 1e6)
  }
}

/// dbt Cloud says something else of a run each time that it is read.
struct RunKeepsChanging: Error, CustomStringConvertible {
  let runID: Int64

  var description: String {
    "dbt run \(runID) changed while its artifacts were read, again and again. It is read again later."
  }
}
