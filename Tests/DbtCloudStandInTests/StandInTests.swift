import ExecutionModel
import JSONText
import Synchronization
import TestServers
import Testing

@testable import DbtCloudStandIn

@Suite struct StandInTests {
  private func run(_ id: Int64, job: Int64 = 1, outcome: StandInRun.Outcome = .success, after: Int64 = 0) -> StandInRun
  {
    StandInRun(
      accountID: 1001, jobID: job, runID: id, cause: "c", outcome: outcome,
      createdAt: Answers.created.advanced(bySeconds: after))
  }

  @Test func aRunHasTheMembersOfARealOne() throws {
    let real = try JSONValue(parsing: try Fixtures.text("dbt-cloud/run_7001_include_related.json"))
    let answers = Answers([run(7, outcome: .error)])
    let ours = try answers.get(
      "/api/v2/accounts/1001/runs/7/", [("include_related", "trigger,job,environment,run_steps")]
    ).body
    func names(_ value: JSONValue?) -> Set<String> { Set(value?.objectValue?.map(\.name) ?? []) }
    let data = ours["data"]
    // Texts for people are not played.
    let played = names(real["data"]).filter { !$0.contains("_humanized") }
    #expect(played.subtracting(names(data)) == [])
    #expect(names(data).subtracting(names(real["data"])) == [])
    #expect(names(ours["status"]) == names(real["status"]))
    let steps = (ours: data?["run_steps"]?.arrayValue, real: real["data"]?["run_steps"]?.arrayValue)
    #expect(names(steps.real?.last).subtracting(names(steps.ours?.last)) == ["duration_humanized"])
    #expect(data?["created_at"] == .string("2026-11-21 00:06:09.765308+00:00"))
  }

  private static let relatedObjectsComeOnlyWhenAskedForCases: [(String, [String])] = [
    ("", []), (#"["trigger","job"]"#, ["trigger", "job"]), ("run_steps,job", ["job", "run_steps"]),
    (#"["run_steps,job"]"#, ["job", "run_steps"]), ("environment", ["environment"]),
    (#"["trigger", "job", "debug_logs"]"#, ["trigger", "job"]),
  ]
  @Test(arguments: relatedObjectsComeOnlyWhenAskedForCases)
  func relatedObjectsComeOnlyWhenAskedFor(_ asked: String, _ expected: [String]) throws {
    let body = try Answers([run(7)]).get("/api/v2/accounts/1001/runs/7/", [("include_related", asked)]).body
    let present = ["trigger", "job", "environment", "run_steps"].filter { name in
      let value = body["data"]?[name]
      return value != .null && value != .array([])
    }
    #expect(present == expected)
  }

  @Test func theSameRequestGivesTheSameBytes() throws {
    let request = StandInRequest(path: "/api/v2/accounts/1001/runs/7/", authorization: "Bearer x")
    let one = try Answers.bytes(StandIn(runs: [run(7)]).answer(request))
    #expect(try Answers.bytes(StandIn(runs: [run(7)]).answer(request)) == one)
  }

  // MARK: Lists

  private static let listsAreFilteredOrderedAndCutCases: [([(String, String)], [Int64])] = [
    ([], [1, 2, 3, 4, 5]), ([("order_by", "-id")], [5, 4, 3, 2, 1]), ([("order_by", "-created_at")], [1, 2, 3, 4, 5]),
    ([("order_by", "finished_at")], [5, 4, 3, 2, 1]), ([("id__gt", "3")], [4, 5]),
    ([("limit", "2"), ("offset", "1")], [2, 3]), ([("job_definition_id", "1")], [1, 3, 5]),
    ([("status", "20")], [2]), ([("status__in", "[10, 20]"), ("job_definition_id", "0")], [2, 4]),
    ([("status__in", "20")], [2]), ([("status__in", "1"), ("status__in", "20")], [2]),
    ([("created_at__range", #"["2026-11-21T00:06:03.000000Z", "2026-11-21 00:06:06+00:00"]"#)], [4, 5]),
    ([("created_at__range", "[2026-11-21T00:06:03Z,2026-11-21T00:06:04Z]")], []),
  ]
  @Test(arguments: listsAreFilteredOrderedAndCutCases)
  func listsAreFilteredOrderedAndCut(_ query: [(String, String)], _ expected: [Int64]) throws {
    let answers = Answers((1...5).map { run($0, job: $0 % 2, outcome: $0 == 2 ? .error : .success, after: -$0) })
    let answer = try answers.get("/api/v2/accounts/1001/runs/", query)
    #expect(answer.status == 200)
    #expect(ids(answer.body) == expected)
    #expect(answer.body["extra"]?["pagination"]?["count"]?.integerValue == Int64(expected.count))
  }

  @Test func totalsCountWhatThePageLeavesOut() throws {
    let extra = try Answers((1...5).map { run($0) })
      .get("/api/v2/accounts/1001/runs/", [("limit", "2"), ("order_by", "-id")]).body["extra"]
    #expect(extra?["pagination"]?["count"]?.integerValue == 2)
    #expect(extra?["pagination"]?["total_count"]?.integerValue == 5)
    #expect(extra?["filters"]?["limit"]?.integerValue == 2)
    #expect(extra?["order_by"]?.stringValue == "-id")
  }

  private static let parametersThatTheAPIRefusesAreRefusedCases: [(String, String)] = [
    ("limit", "101"), ("limit", "x"), ("limit", "0"), ("offset", "-1"), ("order_by", "name"), ("id__gt", "a"),
    ("created_at__range", "[2026-01-01T00:00:00Z]"),
  ]
  @Test(arguments: parametersThatTheAPIRefusesAreRefusedCases)
  func parametersThatTheAPIRefusesAreRefused(_ name: String, _ value: String) throws {
    #expect(try Answers([run(1)]).get("/api/v2/accounts/1001/runs/", [(name, value)]).status == 400)
  }

  // MARK: Tokens and paths

  @Test func tokensOpenTheirOwnAccountOnly() throws {
    let answers = Answers([
      run(7), StandInRun(accountID: 2, runID: 7, createdAt: Answers.created),
    ])
    answers.standIn.setTokens(["one"], account: 1001)
    answers.standIn.setTokens(["two"], account: 2)
    let path = "/api/v2/accounts/1001/runs/7/"
    #expect(try answers.get(path, token: "one").status == 200)
    #expect(try answers.get(path, token: "two").status == 404)
    #expect(try answers.get(path, token: "three").status == 401)
    #expect(try answers.get(path, token: nil).status == 401)
    let real = try JSONValue(parsing: try Fixtures.text("dbt-cloud/unauthorized_401.json"))
    #expect(try answers.get(path, token: "three").body == real)
    for header in ["Token one", "Bearer one", "bearer one"] {
      #expect(answers.standIn.answer(StandInRequest(path: path, authorization: header)).status == 200)
    }
    #expect(answers.standIn.answer(StandInRequest(path: path, authorization: "one")).status == 401)
  }

  private static let pathsAreThoseOfTheAPICases: [(String, Int)] = [
    ("/api/v2/accounts/1001/runs", 200), ("/api/v2/accounts/1001/runs/7", 200), ("/api/v2/accounts/1001/jobs/1/", 200),
    ("/api/v2/accounts/1001/jobs/2/", 404), ("/api/v3/accounts/1001/projects/501/", 200),
    ("/api/v3/accounts/1001/projects/501/environments/601/", 200), ("/api/v3/accounts/1001/environments/601/", 200),
    ("/api/v3/accounts/1001/runs/7/", 404), ("/api/v2/accounts/1001/runs/8/", 404), ("/api/v2/accounts/x/runs/7/", 404),
    ("/api/v2/accounts/1001/runs/7/retry/", 404), ("/api/v2/accounts/1001/", 404), ("/", 404),
    ("/api/v2/accounts/1001/runs/7/artifacts/", 200),
  ]
  @Test(arguments: pathsAreThoseOfTheAPICases)
  func pathsAreThoseOfTheAPI(_ path: String, _ status: Int) throws {
    #expect(try Answers([run(7)]).get(path).status == status)
  }

  @Test func nothingCanBeChanged() throws {
    #expect(try Answers([run(7)]).get("/api/v2/accounts/1001/runs/7/", method: "POST").status == 405)
  }

  @Test func whatIsMissingIsSaidAsByTheAPI() throws {
    let real = try JSONValue(parsing: try Fixtures.text("dbt-cloud/artifact_404.json"))
    #expect(try Answers([run(7)]).get("/api/v2/accounts/1001/runs/7/artifacts/manifest.json").body == real)
  }

  // MARK: Artifacts

  @Test func artifactsBelongToTheirStepAndTheLastIsTheDefault() throws {
    let answers = Answers([run(7)])
    for name in ["1.12-postgres/07_build", "1.12-postgres/08_docs_generate", "1.12-postgres/09_source_freshness"] {
      answers.standIn.addArtifacts(try folder(name), outcome: .success)
    }
    let path = "/api/v2/accounts/1001/runs/7/artifacts"
    func which(_ query: [(String, String)]) throws -> String? {
      try answers.get("\(path)/run_results.json", query).body["args"]?["which"]?.stringValue
    }
    #expect(try which([("step", "4")]) == "build")
    #expect(try which([("step", "5")]) == "generate")
    #expect(try answers.get("\(path)/run_results.json", [("step", "6")]).status == 404)
    #expect(try answers.get("\(path)/sources.json").status == 200)
    #expect(try answers.get("\(path)/sources.json", [("step", "x")]).status == 400)
    #expect(try answers.get("\(path)/manifest.json", [("step", "99")]).status == 404)
    #expect(try answers.get("\(path)/../../../../etc/passwd", [("step", "4")]).status == 404)
    let names = try answers.get("\(path)/").body["data"]?.arrayValue?.compactMap(\.stringValue)
    #expect(names == ["manifest.json", "sources.json"])
  }

  @Test func oneRunMayHaveArtifactsOfItsOwn() throws {
    let answers = Answers([run(7), run(8)])
    answers.standIn.setArtifacts([try folder("1.3-postgres/05_test")], account: 1001, run: 8)
    let path = "artifacts/run_results.json"
    #expect(try answers.get("/api/v2/accounts/1001/runs/7/\(path)").status == 404)
    #expect(try answers.get("/api/v2/accounts/1001/runs/8/\(path)").body["args"]?["which"] == .string("test"))
  }

  // MARK: Progress

  @Test func progressFollowsTheRequestsForTheRun() throws {
    let answers = Answers([run(7)])
    answers.standIn.addArtifacts(try folder("1.12-postgres/07_build"), outcome: .success)
    answers.standIn.setProgress(.polls(4))
    let artifact = "/api/v2/accounts/1001/runs/7/artifacts/run_results.json"
    var seen: [Int64?] = []
    for _ in 0..<6 {
      seen.append(try answers.get("/api/v2/accounts/1001/runs/7/").body["data"]?["status"]?.integerValue)
      #expect(try answers.get(artifact, [("step", "4")]).status == (seen.last == 10 ? 200 : 404))
    }
    #expect(seen == [1, 1, 2, 3, 10, 10])
  }

  @Test func progressFollowsTheClock() throws {
    let clock = Clock(now: 100)
    let standIn = StandIn(runs: [run(7)], now: { clock.now })
    standIn.setProgress(.seconds(9))
    var seen: [Int64?] = []
    for _ in 0..<4 {
      let answer = standIn.answer(StandInRequest(path: "/api/v2/accounts/1001/runs/7/", authorization: "Token t"))
      seen.append(try JSONValue(parsing: Answers.bytes(answer))["data"]?["status"]?.integerValue)
      clock.advance(3)
    }
    #expect(seen == [1, 2, 3, 10])
  }

  // MARK: Requests

  @Test func requestsAreRecorded() throws {
    let answers = Answers([run(7)])
    _ = try answers.get("/api/v2/accounts/1001/runs/", [("limit", "3")])
    #expect(answers.standIn.requests.map(\.path) == ["/api/v2/accounts/1001/runs/"])
    #expect(answers.standIn.requests[0].parameter("limit") == "3")
    answers.standIn.forgetRequests()
    #expect(answers.standIn.requests.isEmpty)
  }
}

private final class Clock: Sendable {
  private let state: Mutex<Double>

  init(now: Double) { state = Mutex(now) }

  var now: Double { state.withLock { $0 } }

  func advance(_ seconds: Double) { state.withLock { $0 += seconds } }
}
