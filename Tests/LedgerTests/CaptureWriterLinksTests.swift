import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct CaptureWriterLinksTests {
  let task = attempt("success", end: 30)
  let finished = run("success", end: 40)

  @Test func exactEvidenceIsALinkAtOnceAndSaysThatTheRunIsNotFetchedYet() async throws {
    let bench = try await Bench()
    try await bench.apply(finished, [task], links: [proposal(task, 71)])
    let link = try #require(try await bench.links().first)
    #expect(link.key == dbtRun(71).key && link.confidence == .exact && link.relation == .triggered)
    #expect(link.unresolved == "not fetched yet")
    #expect(try await bench.due(dbtRun(71))?.runID == 71)
    try await bench.answer(dbtRun(71))
    #expect(try await bench.links().first?.unresolved == nil)
  }

  @Test func evidenceGrowsAndIsNeverTakenBack() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running"), [task], links: [proposal(task, 71, evidence: ["xcom_job_run_id"])])
    let first = try await bench.revision()
    try await bench.apply(
      run("running"), [task], links: [proposal(task, 71, evidence: ["xcom_return_value", "xcom_job_run_id"])])
    #expect(try await bench.revision() > first)
    try await bench.apply(run("running"), [task], links: [])
    #expect(try await bench.links().map { $0.evidence.map(\.kind) } == [["xcom_job_run_id", "xcom_return_value"]])
  }

  @Test func whatNamesNoRunIsReportedUntilSomethingDoes() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running"), [task], links: [proposal(task, nil)])
    let link = try #require(try await bench.links().first)
    #expect(link.key == nil && link.unresolved == "a reference to object storage")
    try await bench.apply(run("running"), [task], links: [proposal(task, 71)])
    #expect(try await bench.links().map(\.key) == [dbtRun(71).key])
    try await bench.apply(run("running"), [task], links: [proposal(task, nil)])
    #expect(try await bench.links().map(\.key) == [dbtRun(71).key])
  }

  @Test func aCandidateIsNoLinkUntilDbtCloudKnowsIt() async throws {
    let bench = try await Bench()
    try await bench.apply(
      finished, [task], links: [proposal(task, 71, account: nil, confidence: .strong, isCandidate: true)])
    #expect(try await bench.links().isEmpty)
    let before = try await bench.revision()
    try await bench.answer(dbtRun(71, created: 22))
    #expect(try await bench.links().map(\.key) == [dbtRun(71).key])
    #expect(try await bench.links().map(\.confidence) == [.strong])
    #expect(try await bench.revision() > before)
  }

  @Test(arguments: [17, 33, 500]) func aCandidateWhoseRunWasMadeAtAnotherTimeIsRejected(_ created: Int) async throws {
    let bench = try await Bench()
    try await bench.apply(
      finished, [task], links: [proposal(task, 71, account: nil, confidence: .strong, isCandidate: true)])
    let before = try await bench.revision()
    try await bench.answer(dbtRun(71, created: created))
    #expect(try await bench.links().isEmpty)
    #expect(try await bench.revision() == before)
    // Nobody wants it any more.
    #expect(try await bench.due(dbtRun(71)) == nil)
  }

  @Test func aCandidateThatNoAccountKnowsIsNotAskedForAgain() async throws {
    let bench = try await Bench()
    let links = [proposal(task, 71, account: nil, confidence: .strong, isCandidate: true)]
    try await bench.apply(finished, [task], links: links)
    try await bench.answerAbsent(71)
    #expect(try await bench.links().isEmpty)
    #expect(try await bench.due(dbtRun(71)) == nil)
    try await bench.apply(finished, [task], links: links)
    #expect(try await bench.due(dbtRun(71)) == nil)
    // Until something names it for certain.
    let other = attempt("b", "success", end: 30)
    try await bench.apply(run("r2", "success", source: 2, end: 40, logical: 1), [other], links: [proposal(other, 71)])
    #expect(try await bench.due(dbtRun(71)) != nil)
  }

  @Test func exactEvidenceDropsGuesses() async throws {
    let bench = try await Bench()
    try await bench.apply(
      run("running"), [task], links: [proposal(task, 70, account: nil, confidence: .strong, isCandidate: true)])
    try await bench.apply(run("running"), [task], links: [proposal(task, 71)])
    try await bench.answer(dbtRun(70))
    try await bench.answer(dbtRun(71))
    #expect(try await bench.links().map(\.key) == [dbtRun(71).key])
    // Nor does the guess come back.
    try await bench.apply(
      run("running"), [task], links: [proposal(task, 70, account: nil, confidence: .strong, isCandidate: true)])
    #expect(try await bench.links().map(\.key) == [dbtRun(71).key])
  }

  @Test func aLinkThatLearnsItsAccountIsAimedAtThatAlone() async throws {
    let bench = try await Bench(accounts: [one, two])
    try await bench.apply(run("running"), [task], links: [proposal(task, 71, account: nil)])
    #expect(try await bench.links().map(\.key) == [nil])
    #expect(try await bench.links().first?.unresolved?.contains("which configured account") == true)
    try await bench.apply(run("running"), [task], links: [proposal(task, 71, account: 4433)])
    #expect(try await bench.links().map(\.key) == [dbtRun(71).key])
    try await bench.answer(dbtRun(71))
    #expect(try await bench.links().map(\.unresolved) == [nil])
  }

  @Test func anAmbiguousLinkStaysSoWhenTheSameEvidenceIsSeenAgain() async throws {
    let bench = try await Bench(accounts: [one, two])
    let links = [proposal(task, 71, account: nil, confidence: .strong)]
    try await bench.apply(run("running"), [task], links: links)
    try await bench.answer(dbtRun(71))
    try await bench.answer(dbtRun(71, in: two))
    #expect(try await bench.links().map(\.confidence) == [.ambiguous])
    let revision = try await bench.revision()
    try await bench.apply(run("running"), [task], links: links)
    #expect(try await bench.revision() == revision)
    #expect(try await bench.links().map(\.confidence) == [.ambiguous])
    // A URL decides.
    try await bench.apply(run("running"), [task], links: [proposal(task, 71, account: 4433, evidence: ["url"])])
    let link = try #require(try await bench.links().first)
    #expect(link.confidence == .exact && link.key == dbtRun(71).key && link.unresolved == nil)
  }
}
