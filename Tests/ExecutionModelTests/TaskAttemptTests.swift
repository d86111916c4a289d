import ExecutionModel
import Testing

@Suite struct TaskAttemptTests {
  @Test func attemptsAreOrderedByTaskIndexAndTry() {
    let ordered = [
      AttemptKey(taskID: "a", mapIndex: -1, tryNumber: 2), AttemptKey(taskID: "a", mapIndex: 0, tryNumber: 1),
      AttemptKey(taskID: "a", mapIndex: 2, tryNumber: 1), AttemptKey(taskID: "a", mapIndex: 10, tryNumber: 1),
      AttemptKey(taskID: "a.b", mapIndex: -1, tryNumber: 1), AttemptKey(taskID: "b", mapIndex: -1, tryNumber: 0),
    ]
    #expect(ordered.shuffled().sorted() == ordered)
  }

  @Test func keysThatDifferInBytesOnlyAreDifferentAttemptsInAFixedOrder() {
    let composed = AttemptKey(taskID: "caf\u{E9}", mapIndex: -1, tryNumber: 1)
    let decomposed = AttemptKey(taskID: "cafe\u{301}", mapIndex: -1, tryNumber: 1)
    #expect(Set([composed, decomposed]).count == 2)
    #expect((composed < decomposed) != (decomposed < composed))
    #expect(decomposed < composed)
  }

  @Test(
    arguments: [
      ("success", true), ("failed", true), ("skipped", true), ("upstream_failed", true), ("removed", true),
      ("up_for_retry", true), ("up_for_reschedule", false), ("deferred", false), ("running", false), ("queued", false),
      ("scheduled", false), ("restarting", false), ("of a later version", false), (nil, false),
    ] as [(String?, Bool)]) func aTryIsOverInTheStatesThatEndOne(state: String?, isFinished: Bool)
  {
    var attempt = TaskAttempt(key: AttemptKey(taskID: "t", mapIndex: -1, tryNumber: 1), isCurrent: true)
    attempt.state = state
    #expect(attempt.isFinished == isFinished)
    #expect(!attempt.neverRan)
  }

  @Test(arguments: ["skipped", "upstream_failed", "removed"]) func tryZeroNeverRan(state: String) {
    var attempt = TaskAttempt(key: AttemptKey(taskID: "t", mapIndex: -1, tryNumber: 0), isCurrent: true)
    #expect(!attempt.neverRan)
    attempt.state = state
    #expect(attempt.neverRan)
  }
}
