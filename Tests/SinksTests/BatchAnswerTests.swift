import Testing

@testable import Sinks

struct BatchAnswerTests {
  private func answer(_ text: String, events: Int = 3) -> BatchAnswer? { BatchAnswer(Array(text.utf8), events: events) }

  @Test func eachFailureIsReadWithItsReason() {
    let read = answer(
      """
      {"status":"partial_success","summary":{"received":3,"successful":1,"failed":2,"retriable":1,"non_retriable":1},
       "failed_events":[{"index":2,"reason":"busy","retriable":true},{"index":0,"reason":"no job","retriable":false}]}
      """)
    #expect(
      read?.failures == [2: .init(reason: "busy", isRetriable: true), 0: .init(reason: "no job", isRetriable: false)])
  }

  @Test func aSuccessMayHaveAnEmptyList() {
    #expect(answer(#"{"status":"success","failed_events":[]}"#)?.failures == [:])
  }

  @Test func whatIsNotSaidToBeRetriableIsNot() {
    #expect(
      answer(#"{"failed_events":[{"index":1}]}"#)?.failures
        == [1: .init(reason: "no reason given", isRetriable: false)])
  }

  @Test(arguments: [
    "", "[]", "null", "<html>", #"{"status":"success"}"#, #"{"failed_events":null}"#, #"{"failed_events":{}}"#,
    #"{"failed_events":[{"index":3}]}"#, #"{"failed_events":[{"index":-1}]}"#, #"{"failed_events":[{"reason":"x"}]}"#,
    #"{"failed_events":[{"index":1},{"index":1}]}"#, #"{"failed_events":[1]}"#, #"{"failed_events":[{"index":1}"#,
    #"{"summary":{"received":4},"failed_events":[]}"#, #"{"summary":{"failed":2},"failed_events":[{"index":1}]}"#,
    #"{"failed_events":[{"index":99999999999999999999}]}"#,
  ])
  func whatCannotBeRightSaysNothing(_ text: String) { #expect(answer(text) == nil) }
}
