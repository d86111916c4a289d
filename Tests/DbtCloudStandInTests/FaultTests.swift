import ExecutionModel
import Testing

@testable import DbtCloudStandIn

@Suite struct FaultTests {
  private static let faultsAreReadCases: [(String, Fault)] = [
    ("429", Fault(.status(429, retryAfter: nil))), ("429:60", Fault(.status(429, retryAfter: "60"))),
    ("500,count=3", Fault(.status(500, retryAfter: nil), count: 3)), ("slow:250", Fault(.slow(milliseconds: 250))),
    ("html,path=artifacts/.*\\.json", Fault(.html, path: "artifacts/.*\\.json")),
    ("truncate,count=1,path=a{1,2}", Fault(.truncate, path: "a{1,2}", count: 1)), ("cut", Fault(.cut)),
    (
      "429:Wed, 21 Oct 2026 07:28:00 GMT",
      Fault(.status(429, retryAfter: "Wed, 21 Oct 2026 07:28:00 GMT"))
    ),
  ]
  @Test(arguments: faultsAreReadCases.dropLast())
  func faultsAreRead(_ text: String, _ expected: Fault) {
    #expect(Fault(text) == expected)
  }

  @Test(arguments: [
    "", "200", "42", "slow", "slow:x", "html:1", "429,count=0", "429,count=x", "500,foo=1", "html,path=(", "teapot",
    "500,count=1,count=2",
  ])
  func whatIsNoFaultIsRefused(_ text: String) {
    #expect(Fault(text) == nil)
  }

  @Test func faultsBefallTheRightRequestsAsOftenAsSaid() throws {
    let answers = Answers([StandInRun(accountID: 1001, runID: 7, createdAt: Answers.created)])
    answers.standIn.add(Fault(.status(500, retryAfter: nil), path: "runs/7", count: 2))
    answers.standIn.add(Fault(.status(429, retryAfter: "9"), path: "runs/7", count: 1))
    let path = "/api/v2/accounts/1001/runs/7/"
    #expect(try answers.get("/api/v2/accounts/1001/runs/").status == 200)
    let statuses = try (0..<4).map { _ in try answers.get(path).status }
    #expect(statuses == [500, 500, 429, 200])
    answers.standIn.add(Fault(.status(503, retryAfter: nil)))
    #expect(try answers.get(path).status == 503)
    answers.standIn.removeFaults()
    #expect(try answers.get(path).status == 200)
  }

  @Test func aRetryAfterIsSent() {
    let standIn = StandIn(runs: [])
    standIn.add(Fault(.status(429, retryAfter: "9")))
    let answer = standIn.answer(StandInRequest(path: "/"))
    #expect(answer.headers.contains { $0.0 == "Retry-After" && $0.1 == "9" })
  }

  @Test func aCutAnswerIsHalfOfTheRightOne() throws {
    let standIn = StandIn(runs: [StandInRun(accountID: 1001, runID: 7, createdAt: Answers.created)])
    standIn.setArtifacts([try folder("1.12-postgres/07_build")], account: 1001, run: 7)
    for path in ["runs/7/", "runs/7/artifacts/run_results.json"] {
      let request = StandInRequest(path: "/api/v2/accounts/1001/\(path)", authorization: "Token t")
      let whole = try Answers.bytes(standIn.answer(request))
      standIn.add(Fault(.cut, count: 1))
      #expect(try Answers.bytes(standIn.answer(request)) == Array(whole.prefix(whole.count / 2)))
    }
  }
}
