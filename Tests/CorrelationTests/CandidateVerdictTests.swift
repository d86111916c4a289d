import Correlation
import ExecutionModel
import Testing

@Suite struct CandidateVerdictTests {
  private func verdict(_ created: Double?, start: Double? = 100, end: Double? = 200) -> Bool {
    let candidate = LinkProposal(
      attempt: AttemptKey(taskID: "t", mapIndex: -1, tryNumber: 1), target: DbtRunReference(runID: 5),
      relation: .triggered, confidence: .strong, isCandidate: true, evidence: [])
    return confirm(
      candidate: candidate, createdAt: created.map(at), attemptStart: start.map(at), attemptEnd: end.map(at))
      == .confirmed
  }

  @Test func aRunCreatedWhileTheAttemptRanIsConfirmedTwoSecondsMoreOnEitherSide() {
    #expect(verdict(98) && verdict(100) && verdict(150) && verdict(202))
    #expect(!verdict(97.999999) && !verdict(202.000001))
  }

  @Test func anAttemptThatStillRunsHasNoEnd() {
    #expect(verdict(1e9, end: nil))
    #expect(!verdict(97, end: nil))
  }

  @Test func withoutTimesNothingIsConfirmed() {
    #expect(!verdict(nil))
    #expect(!verdict(150, start: nil))
  }

  @Test func anEndBeforeTheStartCountsAsTheStart() {
    #expect(verdict(101, start: 100, end: 50))
  }

  @Test func aRejectionSaysWhy() {
    let candidate = LinkProposal(
      attempt: AttemptKey(taskID: "t", mapIndex: -1, tryNumber: 1), target: nil, relation: .triggered,
      confidence: .strong, isCandidate: true, evidence: [])
    #expect(
      confirm(candidate: candidate, createdAt: at(0), attemptStart: at(10), attemptEnd: nil)
        == .rejected(reason: "the run was created at 1970-01-01T00:00:00.000000Z, before the attempt started"))
  }

  @Test func aRunOlderThanItsAttemptWasReused() {
    #expect(relation(of: .triggered, createdAt: at(97), attemptStart: at(100)) == .reused)
    #expect(relation(of: .triggered, createdAt: at(98), attemptStart: at(100)) == .triggered)
    #expect(relation(of: .triggered, createdAt: nil, attemptStart: at(100)) == .triggered)
    #expect(relation(of: .waitedFor, createdAt: at(0), attemptStart: at(100)) == .waitedFor)
  }

  @Test func infiniteTimesStopNothing() {
    let candidate = LinkProposal(
      attempt: AttemptKey(taskID: "t", mapIndex: -1, tryNumber: 1), target: nil, relation: .triggered,
      confidence: .strong, isCandidate: true, evidence: [])
    let (least, most) = (Instant(microseconds: .min), Instant(microseconds: .max))
    #expect(confirm(candidate: candidate, createdAt: at(0), attemptStart: least, attemptEnd: most) == .confirmed)
    #expect(relation(of: .triggered, createdAt: least, attemptStart: least) == .triggered)
  }
}
