import Correlation
import ExecutionModel
import JSONText
import Ledger
import TestServers
import Testing

@testable import Engine

/// Watches real Airflows work, transaction by transaction.
@Suite struct CaptureTests {
  /// As the dumps give, and the earlier tries. Of the strong links those are missing that hang on a whole API answer: the
  /// recording has only its beginning. The inferred one has its XComs in object storage.
  static let expected = [
    "2.6.3": Truth.Verdict(exact: 26, strong: 2, earlier: 2),
    "2.11.2": Truth.Verdict(exact: 84, strong: 6, reused: 2, earlier: 7, inferred: 1),
    "3.3.2": Truth.Verdict(exact: 33, strong: 2, reused: 1, earlier: 3),
  ]

  @Test(arguments: AirflowFixtures.versions)
  func earlierTriesAreLinkedWhenEveryTransactionIsSeen(_ version: String) async throws {
    let lab = try await Lab(database: try await AirflowFixtures.schema(version), truth: version)
    var verdict = try await watch(version, in: lab, proposing: Capture.links)
    verdict.unresolved = []
    #expect(verdict == Self.expected[version])
    try expectWellFormed(lab.backend.bodies)
    try AirflowFixtures.record(lab.backend.bodies, as: "\(version).replay.events.ndjson")
  }

  /// Were every XCom given to the try that the live row shows, the test above would fail.
  @Test(arguments: ["2.6.3", "3.3.2"])
  func withoutTheRuleOfStartTimesTriesWouldGetTheRunsOfOthers(_ version: String) async throws {
    let lab = try await Lab(
      database: try await AirflowFixtures.schema(version), truth: version, .init(hasLineage: false, hasFile: false))
    let verdict = try await watch(version, in: lab) { snapshot, _ in
      var shown = snapshot
      shown.attempts = snapshot.attempts.filter { $0.isCurrent }.map { attempt in
        var attempt = attempt
        attempt.startDate = Instant(microseconds: 0)
        return attempt
      }
      return proposeLinks(for: shown, known: [])
    }
    #expect(!verdict.wrong.isEmpty)
  }

  /// Polls go on while history is loaded, each from what the other has kept.
  @Test(arguments: AirflowFixtures.versions)
  func pollsAndHistoryDoNotDisturbEachOther(_ version: String) async throws {
    let lab = try await Lab(
      database: try await AirflowFixtures.dump(version), truth: version, .init(hasLineage: false, hasFile: false))
    let workshop = try Workshop(try lab.configuration())
    try await workshop.open(mode: "test")
    let capture = try #require(workshop.captures.first)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 1...3 { group.addTask { for _ in 1...5 { _ = try await capture.poll() } } }
      for _ in 1...2 { group.addTask { while try await capture.hasHistory() { _ = try await capture.loadHistory() } } }
      try await group.waitForAll()
    }
    let status = try #require(try await workshop.ledger.status().airflow.first)
    await workshop.close()
    #expect(status.isBackfillDone)
    #expect(status.backfillRuns == status.runs)
    #expect(status.backfillTotal == status.runs)
  }

  /// History may be read while polls fail, and its records do not wait for one that works.
  @Test(arguments: AirflowFixtures.versions)
  func theVersionOfAirflowIsKnownToTheFirstRecord(_ version: String) async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump(version), truth: version, .init(hasLineage: false))
    let workshop = try Workshop(try lab.configuration())
    try await workshop.open(mode: "test")
    let capture = try #require(workshop.captures.first)
    #expect(try await capture.loadHistory().newRuns > 0)
    let status = try #require(try await workshop.ledger.status().airflow.first)
    #expect(status.airflowVersion != nil && status.alembicVersion != nil)
    for sink in workshop.sinks { while try await !sink.deliver().wasIdle {} }
    await workshop.close()
    let lines = lab.archiveLines
    #expect(!lines.isEmpty)
    for line in lines { #expect(try JSONValue(parsing: line)["airflow_version"]?.stringValue == status.airflowVersion) }
  }

  /// Polls after every transaction; then fetches and delivers what that brought.
  private func watch(
    _ version: String, in lab: Lab, proposing propose: @escaping Ledger.Proposer
  ) async throws -> Truth.Verdict {
    let replay = try await TransitionReplay(
      try await AirflowFixtures.transitions(version), into: lab.database, of: lab.server)
    let workshop = try Workshop(try lab.configuration(), proposing: propose)
    try await workshop.open(mode: "test")
    let capture = try #require(workshop.captures.first)
    for transaction in replay.transactions {
      // As a daemon would: before Airflow forgets something.
      if transaction.deletesXComs { for sink in workshop.sinks { while try await !sink.deliver().wasIdle {} } }
      try await replay.apply(transaction)
      if transaction.touchesRuns { _ = try await capture.poll() }
    }
    await workshop.close()
    try await lab.sync()
    return try Truth(version).judge(try await lab.records())
  }
}
