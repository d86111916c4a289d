import Correlation
import ExecutionModel
import Testing

@Suite struct KnownAttemptTests {
  @Test func itIsWhatTheTablesSayOfTheAttempt() {
    var attempt = TaskAttempt(key: AttemptKey(taskID: "a", mapIndex: 3, tryNumber: 2), isCurrent: true)
    attempt.startDate = at(1)
    attempt.endDate = at(2)
    attempt.operatorName = "AcmeDbtOperator"
    attempt.state = "failed"
    let known = KnownAttempt(attempt)
    #expect(
      known
        == KnownAttempt(
          key: attempt.key, startDate: at(1), endDate: at(2), operatorName: "AcmeDbtOperator", state: "failed"))
  }
}
