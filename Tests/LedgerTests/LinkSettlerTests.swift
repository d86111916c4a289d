import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LinkSettlerTests {
  let task = attempt("success", end: 30)

  private func bench(_ confidence: Confidence = .strong, isCandidate: Bool = true) async throws -> Bench {
    let bench = try await Bench(accounts: [one, two])
    try await bench.apply(
      run("success", end: 40), [task],
      links: [proposal(task, 71, account: nil, confidence: confidence, isCandidate: isCandidate)])
    return bench
  }

  @Test(arguments: [true, false]) func theAccountThatHasTheRunIsFound(isCandidate: Bool) async throws {
    let bench = try await bench(isCandidate: isCandidate)
    try await bench.answerAbsent(71, in: two)
    #expect(try await bench.links().allSatisfy { $0.key == nil })
    try await bench.answer(dbtRun(71))
    #expect(try await bench.links().map(\.key) == [dbtRun(71).key])
  }

  @Test func anAccountWhoseRunIsOfAnotherTimeIsNotMeant() async throws {
    let bench = try await bench()
    try await bench.answer(dbtRun(71, in: two, created: 900))
    try await bench.answer(dbtRun(71))
    #expect(try await bench.links().map(\.key) == [dbtRun(71).key])
  }

  @Test(arguments: [true, false]) func twoAccountsThatBothFitAreAmbiguousAndNeverPicked(isCandidate: Bool) async throws
  {
    let bench = try await bench(isCandidate: isCandidate)
    try await bench.answer(dbtRun(71))
    try await bench.answer(dbtRun(71, in: two))
    let link = try #require(try await bench.links().first)
    #expect(link.key == nil && link.confidence == .ambiguous)
    #expect(Set(link.candidates) == [dbtRun(71).key, dbtRun(71, in: two).key])
    #expect(try await bench.told().filter { $0.hasPrefix("dbt") }.isEmpty)
  }

  @Test func evidenceThatNoAccountConfirmsStaysAndSaysSo() async throws {
    let bench = try await bench(.exact, isCandidate: false)
    try await bench.answerAbsent(71)
    try await bench.answerAbsent(71, in: two)
    let link = try #require(try await bench.links().first)
    #expect(link.key == nil)
    #expect(link.unresolved == "no configured dbt Cloud account has a run of this id that can be meant")
  }

  @Test func theAttemptThatCameSecondReusedTheRun() async throws {
    let bench = try await Bench()
    let first = attempt("a", "success", start: 20, end: 60)
    let second = attempt("b", "success", start: 30, end: 60)
    try await bench.apply(
      run("success", end: 70), [first, second], links: [proposal(first, 71), proposal(second, 71)])
    try await bench.answer(dbtRun(71, created: 22))
    let links = try await bench.record().attempts.map { $0.links.map(\.relation) }
    #expect(links == [[.triggered], [.reused]])
    // Also when it shows only after the run was fetched, in a run of its own.
    let third = attempt("c", "success", start: 40, end: 60)
    try await bench.apply(
      run("r2", "success", source: 2, end: 70, logical: 1), [third], links: [proposal(third, 71)])
    #expect(try await bench.links("r2").map(\.relation) == [.reused])
  }

  @Test func aRunThatResumesAnotherIsARetry() async throws {
    let bench = try await Bench()
    try await bench.apply(run("success", end: 40), [task], links: [proposal(task, 72)])
    var rerun = dbtRun(72)
    rerun.retryingRunID = 71
    try await bench.answer(rerun)
    #expect(try await bench.links().map(\.relation) == [.retried])
    // The same answer and the same evidence once more say nothing new.
    let revision = try await bench.revision()
    try await bench.answer(rerun)
    try await bench.apply(run("success", end: 40), [task], links: [proposal(task, 72)])
    #expect(try await bench.revision() == revision)
    #expect(try await bench.links().map(\.relation) == [.retried])
  }

  @Test func aSensorMayWaitForARunMadeLongBefore() async throws {
    let bench = try await Bench(accounts: [one, two])
    try await bench.apply(
      run("success", end: 40), [task],
      links: [proposal(task, 71, account: nil, confidence: .strong, relation: .waitedFor)])
    try await bench.answerAbsent(71, in: two)
    try await bench.answer(dbtRun(71, created: -5000))
    #expect(try await bench.links().map(\.key) == [dbtRun(71, created: -5000).key])
    #expect(try await bench.links().map(\.relation) == [.waitedFor])
  }
}
