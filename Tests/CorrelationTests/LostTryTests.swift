import Correlation
import ExecutionModel
import Testing

/// Which listed runs are kept for the judgement, which tests of its own have.
@Suite struct LostTryTests {
  private let one: LostTry = {
    var lost = LostTry(
      id: 1, dagRun: 1, dagID: "d", key: AttemptKey(taskID: "t", mapIndex: -1, tryNumber: 2), start: at(0), end: at(60),
      accounts: ["one"])
    lost.lineageRunID = "01a1"
    return lost
  }()

  private func run(_ time: Double, _ cause: String?, account: String = "one", retrying: Int64? = nil) -> ListedRun {
    ListedRun(
      id: 5, name: .init(account: account, runID: 5), createdAt: at(time), jobID: 101, cause: cause,
      retryingRunID: retrying)
  }

  @Test func whatMayBeMeantIsKept() {
    let cause = AirflowCause.standard(dagID: "d", taskID: "t")
    #expect(one.mayHaveStarted(run(3, cause)))
    #expect(one.mayHaveStarted(run(3, "Retry", retrying: 4)))
    #expect(one.mayHaveStarted(run(900, #"{"parent":{"run":{"runId":"01A1"}}}"#)))
  }

  @Test func whatCannotBeMeantIsNot() {
    let cause = AirflowCause.standard(dagID: "d", taskID: "t")
    #expect(!one.mayHaveStarted(run(63, cause)))
    #expect(!one.mayHaveStarted(run(3, cause, account: "two")))
    #expect(!one.mayHaveStarted(run(3, "Kicked off from the UI")))
    #expect(!one.mayHaveStarted(run(3, nil)))
    #expect(!one.mayHaveStarted(run(3, #"{"parent":{"run":{"runId":"ffff"},"job":{"name":"d.t"}}}"#)))
    var first = one
    first.key.tryNumber = 1
    #expect(!first.mayHaveStarted(run(3, "Retry", retrying: 4)), "nothing was there to be resumed")
  }

  @Test func endlessTimesDoNotTrap() {
    let endless = LostTry.window(start: Instant(microseconds: .min), end: Instant(microseconds: .max))
    #expect(endless.contains(at(0)))
    #expect(LostTry.window(start: at(5), end: at(1)) == at(3)...at(7))
  }
}
