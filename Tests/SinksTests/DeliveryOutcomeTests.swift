import HTTPClient
import Testing

@testable import Sinks

struct DeliveryOutcomeTests {
  private func outcome(_ status: Int, retryAfter: String? = nil, answer: String = "") -> DeliveryOutcome {
    .of(status: status, retryAfter: retryAfter, answer: Array(answer.utf8), now: 0)
  }

  @Test(arguments: [200, 201, 202, 204, 299])
  func everySuccessIsDeliveredWhateverItSays(_ status: Int) {
    #expect(outcome(status, answer: "<html>hello</html>") == .delivered)
  }

  @Test(arguments: [408, 409, 425, 500, 501, 502, 504, 507, 599])
  func whatMayPassIsTriedAgain(_ status: Int) {
    #expect(outcome(status, retryAfter: "7") == .retry(after: 7, reason: "HTTP \(status)"))
  }

  @Test(arguments: [429, 503])
  func aBackendThatIsBusyIsLeftAlone(_ status: Int) {
    #expect(
      outcome(status, retryAfter: "7", answer: "slow\ndown") == .silence(after: 7, reason: "HTTP \(status): slow down"))
    #expect(outcome(status) == .silence(after: nil, reason: "HTTP \(status)"))
  }

  @Test func aDateIsASpanFromNow() {
    let outcome = DeliveryOutcome.of(
      status: 503, retryAfter: "Thu, 01 Jan 1970 00:02:00 GMT", answer: [], now: 30_000_000)
    #expect(outcome == .silence(after: 90, reason: "HTTP 503"))
  }

  @Test(arguments: [400, 402, 404, 405, 406, 410, 411, 413, 414, 415, 418, 421, 422, 424, 426, 428, 431, 451, 499])
  func whatIsRefusedForGoodIsParkedWithTheAnswer(_ status: Int) {
    let answer = String(repeating: "x", count: 5000)
    #expect(
      outcome(status, answer: answer)
        == .parked(reason: "HTTP \(status)", status: status, answer: String(answer.prefix(4096))))
  }

  @Test(arguments: [401, 403])
  func aRefusedTokenIsNotTheItemsFault(_ status: Int) {
    #expect(outcome(status, answer: "no") == .tokenRefused(status: status, answer: "no"))
  }

  @Test(arguments: [300, 301, 302, 304, 307, 308])
  func aRedirectIsAFaultOfTheConfiguration(_ status: Int) {
    guard case .unanswered("http-redirect", let detail, mayBeItsOwn: false) = outcome(status) else {
      Issue.record("\(outcome(status))")
      return
    }
    #expect(detail.contains("`url`"))
  }

  @Test(arguments: [0, 99, 600, 999, -1])
  func aStatusThatHTTPDoesNotHaveIsParked(_ status: Int) {
    #expect(outcome(status) == .parked(reason: "HTTP \(status)", status: status, answer: ""))
  }

  @Test(arguments: [
    (HTTPError.Kind.resolve, false), (.connect, false), (.tls, false), (.redirect, false), (.invalidRequest, false),
    (.timeout, true), (.truncated, true), (.protocolError, true), (.tooLarge, true), (.other, true),
  ])
  func onlyWhatWasSentMayBeAtFaultItself(_ kind: HTTPError.Kind, _ mayBeItsOwn: Bool) {
    #expect(
      DeliveryOutcome.of(HTTPError(kind, "m", url: "u"))
        == .unanswered(cause: "http-\(kind.rawValue)", detail: "u: m", mayBeItsOwn: mayBeItsOwn))
  }
}
