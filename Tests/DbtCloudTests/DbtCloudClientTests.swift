import DbtCloudStandIn
import ExecutionModel
import HTTPClient
import LoopbackHTTP
import TestServers
import Testing

@testable import DbtCloud

@Suite struct DbtCloudClientTests {
  // MARK: Runs

  @Test func aRunComesWithJobEnvironmentProjectAndSteps() async throws {
    var run = StandInRun(
      accountID: 1001, jobID: 104, runID: 70_471_883_265_346, cause: "Triggered via Apache Airflow by task 'x'",
      outcome: .error, createdAt: Cloud.created)
    run.retryingRunID = 70_471_883_265_340
    let cloud = try Cloud(runs: [run])
    try cloud.addArtifacts(.error)
    let client = try cloud.client()
    let read = try await client.run(70_471_883_265_346)
    #expect(read.key == .cloud(host: "127.0.0.1", accountID: 1001, runID: 70_471_883_265_346))
    #expect(read.status == "error")
    #expect(read.jobName == "Job 104")
    #expect(read.environmentName == "Production")
    #expect(read.projectName == "Project 501")
    #expect(read.cause == run.cause)
    #expect(read.createdAt == Cloud.created)
    #expect(read.retryingRunID == 70_471_883_265_340)
    #expect(read.href == "\(cloud.url)/deploy/1001/projects/501/runs/70471883265346/")
    #expect(read.steps.map(\.status) == ["success", "success", "success", "error", "success"])
    let request = try #require(cloud.standIn.requests.first)
    #expect(request.path == "/api/v2/accounts/1001/runs/70471883265346/")
    #expect(request.authorization == "Token secret-1001")
    #expect(request.parameter("include_related")?.contains("debug_logs") == false)
  }

  @Test func aProjectIsAskedForOnce() async throws {
    let cloud = try Cloud()
    let client = try cloud.client()
    for _ in 0..<3 { #expect(try await client.run(7).projectName == "Project 501") }
    #expect(cloud.standIn.requests.count { $0.path.contains("projects") } == 1)
  }

  @Test func aProjectThatCannotBeReadCostsOnlyItsName() async throws {
    let cloud = try Cloud()
    cloud.standIn.add(Fault(.status(403, retryAfter: nil), path: "projects", count: 1))
    let client = try cloud.client()
    #expect(try await client.run(7).projectName == nil)
    #expect(try await client.run(7).projectName == nil)
    #expect(cloud.standIn.requests.count { $0.path.contains("projects") } == 1)
    cloud.clock.advance(3601)
    #expect(try await client.run(7).projectName == "Project 501")
  }

  @Test func aRunIsSeenOnItsWay() async throws {
    let cloud = try Cloud()
    cloud.standIn.setProgress(.polls(3))
    let client = try cloud.client()
    var seen: [String] = []
    for _ in 0..<4 {
      let run = try await client.run(7)
      seen.append(run.status)
      #expect((run.finishedAt != nil) == run.isOverInDbtCloud)
      #expect((run.startedAt != nil) == (run.status == "running" || run.status == "success"))
    }
    #expect(seen == ["queued", "starting", "running", "success"])
  }

  @Test func aMissingRunIsNotFound() async throws {
    let cloud = try Cloud()
    let client = try cloud.client()
    let error = await #expect(throws: DbtCloudError.self) { _ = try await client.run(8) }
    #expect(error?.kind == .notFound)
  }

  @Test func anAnswerAboutAnotherRunIsRefused() async throws {
    let server = try LoopbackServer { _ in
      LoopbackResponse(text: #"{"status":{"code":200,"is_success":true},"data":{"id":8,"status":10}}"#)
    }
    let client = try Self.client(of: server)
    let error = await #expect(throws: DbtCloudError.self) { _ = try await client.run(7) }
    #expect(error?.kind == .unexpected(status: 200))
  }

  @Test func pagesGoThroughEveryRunOnce() async throws {
    let ids = (1...250).map { 70_437_497_966_000 + Int64($0) }
    let cloud = try Cloud(
      runs: ids.map { StandInRun(accountID: 1001, jobID: $0 % 2, runID: $0, createdAt: Cloud.created) })
    let client = try cloud.client()
    var read: [Int64] = []
    var after: Int64?
    repeat {
      let page = try await client.runs(after: after)
      read += page.runs.compactMap(\.runID)
      after = page.next
    } while after != nil
    #expect(read == ids)
    #expect(cloud.standIn.requests.count == 3)
    let odd = try await client.runs(DbtRunFilter(jobID: 1), limit: 10)
    #expect(odd.runs.allSatisfy { $0.jobID == 1 } && odd.runs.count == 10)
    #expect(try await client.runs(DbtRunFilter(statusCodes: [20])).runs.isEmpty)
    let early = DbtRunFilter(createdFrom: Instant(microseconds: 0), createdTo: Instant(microseconds: 1))
    #expect(try await client.runs(early).runs.isEmpty)
  }

  @Test func accountsAreKeptApart() async throws {
    let cloud = try Cloud(runs: [
      StandInRun(accountID: 1001, runID: 7, createdAt: Cloud.created),
      StandInRun(accountID: 70_437_463_654_557, runID: 7, projectID: 9, createdAt: Cloud.created),
    ])
    cloud.standIn.setTokens(["one"], account: 1001)
    cloud.standIn.setTokens(["two"], account: 70_437_463_654_557)
    let second = try cloud.client(70_437_463_654_557, token: TestToken("two"))
    #expect(try await second.run(7).projectID == 9)
    #expect(try await second.run(7).accountID == 70_437_463_654_557)
    let wrong = try cloud.client(70_437_463_654_557, token: TestToken("one"))
    let error = await #expect(throws: DbtCloudError.self) { _ = try await wrong.run(7) }
    #expect(error?.kind == .notFound)
  }

  // MARK: Tokens

  @Test func aRefusedTokenIsReadAgainOnce() async throws {
    let cloud = try Cloud()
    cloud.standIn.setTokens(["old"], account: 1001)
    let token = TestToken("old")
    let client = try cloud.client(token: token)
    _ = try await client.run(7)
    #expect(token.reads == 1)
    cloud.standIn.setTokens(["new"], account: 1001)
    token.change(to: "new")
    #expect(try await client.run(7).status == "success")
    #expect(token.reads == 2)
  }

  @Test func aTokenThatStaysRefusedIsNotTriedTwiceAndNeverShown() async throws {
    let cloud = try Cloud()
    cloud.standIn.setTokens(["right"], account: 1001)
    let client = try cloud.client(token: TestToken("wr0ng-s3cret"))
    let error = await #expect(throws: DbtCloudError.self) { _ = try await client.run(7) }
    #expect(error?.kind == .refused(status: 401))
    #expect(error?.description.contains("wr0ng-s3cret") == false)
    #expect(error?.message == "Unauthorized")
    #expect(cloud.standIn.requests.count == 1)
  }

  @Test func aServerThatRepeatsTheTokenDoesNotGetItIntoAnError() async throws {
    let server = try LoopbackServer { request in
      LoopbackResponse(
        status: 500, text: "you sent \(request.header("Authorization") ?? "")", contentType: "text/plain")
    }
    let error = await #expect(throws: DbtCloudError.self) { _ = try await Self.client(of: server).run(7) }
    #expect(error?.description.contains("s3cret") == false)
    #expect(error?.message.contains("Token ***") == true)
  }

  @Test(arguments: ["", "two\nlines", "späce"])
  func aTokenThatCannotBeOneIsNotSent(_ text: String) async throws {
    let cloud = try Cloud()
    let client = try cloud.client(token: TestToken(text))
    let error = await #expect(throws: DbtCloudError.self) { _ = try await client.run(7) }
    #expect(error?.kind == .noToken)
    #expect(cloud.standIn.requests.isEmpty)
  }

  // MARK: Limits

  private static let tooManyCallsSilenceTheAccountCases: [(String?, Double)] = [(nil, 300), ("17", 17)]
  @Test(arguments: tooManyCallsSilenceTheAccountCases)
  func tooManyCallsSilenceTheAccount(_ retryAfter: String?, _ seconds: Double) async throws {
    let cloud = try Cloud()
    cloud.standIn.add(Fault(.status(429, retryAfter: retryAfter), count: 1))
    let client = try cloud.client()
    var error = await #expect(throws: DbtCloudError.self) { _ = try await client.run(7) }
    #expect(error?.kind == .rateLimited(retryAfter: seconds))
    #expect(error?.retryAfter == seconds)
    #expect(await client.coolingDownUntil == cloud.clock.now.advanced(bySeconds: Int64(seconds)))

    cloud.clock.advance(seconds - 1)
    error = await #expect(throws: DbtCloudError.self) {
      _ = try await client.artifact(run: 7, step: 4, name: "manifest.json", to: cloud.folder.file("m"))
    }
    #expect(error?.kind == .rateLimited(retryAfter: 1))
    #expect(cloud.standIn.requests.count == 1)

    cloud.clock.advance(1)
    #expect(try await client.run(7).status == "success")
    #expect(await client.coolingDownUntil == nil)
    #expect(cloud.clock.slept.isEmpty)
  }

  @Test func callsAreSpaced() async throws {
    let cloud = try Cloud()
    let client = try cloud.client(requestsPerSecond: 2, burst: 2)
    for _ in 0..<4 { _ = try await client.run(7) }
    // Five calls, the project's included: two at once, then one every half second.
    #expect(cloud.clock.slept == [0.5, 0.5, 0.5])
    #expect(await client.callsInLastMinute == 5)
    #expect(await client.lastCallAt == cloud.clock.now)
    cloud.clock.advance(61)
    #expect(await client.callsInLastMinute == 0)
  }

  // MARK: Faults

  private static let aFaultOfTheServerIsRetryableCases: [(Fault, DbtCloudError.Kind)] = [
    (Fault(.status(500, retryAfter: nil)), .unavailable(status: 500)),
    (Fault(.status(503, retryAfter: nil)), .unavailable(status: 503)), (Fault(.html), .notJSON(status: 200)),
    (Fault(.cut), .notJSON(status: 200)), (Fault(.truncate), .unavailable(status: nil)),
  ]
  @Test(arguments: aFaultOfTheServerIsRetryableCases)
  func aFaultOfTheServerIsRetryable(_ fault: Fault, _ kind: DbtCloudError.Kind) async throws {
    let cloud = try Cloud()
    try cloud.addArtifacts()
    let client = try cloud.client()
    cloud.standIn.add(fault)
    var error = await #expect(throws: DbtCloudError.self) { _ = try await client.run(7) }
    #expect(error?.kind == kind)
    #expect(error?.isRetryable == true)
    if fault.kind != .cut {
      let path = cloud.folder.file("run_results.json")
      error = await #expect(throws: DbtCloudError.self) {
        _ = try await client.artifact(run: 7, step: 4, name: "run_results.json", to: path)
      }
      #expect(error?.kind == kind)
      #expect(!exists(path))
    }
    cloud.standIn.removeFaults()
    #expect(try await client.run(7).status == "success")
  }

  @Test func aPageOfAProxyIsShownAsSuch() async throws {
    let cloud = try Cloud()
    cloud.standIn.add(Fault(.html))
    let error = await #expect(throws: DbtCloudError.self) { _ = try await cloud.client().run(7) }
    #expect(error?.message.contains("HTML page") == true)
    #expect(error?.message.contains("Sign in") == true)
  }

  @Test func aPageNotFoundOfAnotherServerIsNoMissingRun() async throws {
    let server = try LoopbackServer { _ in
      LoopbackResponse(status: 404, text: "<html>404 nginx</html>", contentType: "text/html")
    }
    let error = await #expect(throws: DbtCloudError.self) { _ = try await Self.client(of: server).run(7) }
    #expect(error?.kind == .notJSON(status: 404))
  }

  @Test func aSlowAnswerIsWaitedForOnlySoLong() async throws {
    let cloud = try Cloud()
    cloud.standIn.add(Fault(.slow(milliseconds: 60_000)))
    var limits = DbtCloudClient.Limits()
    limits.callTimeout = 0.2
    let error = await #expect(throws: DbtCloudError.self) { _ = try await cloud.client(limits: limits).run(7) }
    #expect(error?.kind == .unavailable(status: nil))
    cloud.server.stop()
  }

  @Test func aClosedPortIsUnavailable() async throws {
    let cloud = try Cloud()
    cloud.server.stop()
    let error = await #expect(throws: DbtCloudError.self) { _ = try await cloud.client().run(7) }
    #expect(error?.kind == .unavailable(status: nil))
  }

  @Test func aRedirectToAnotherHostIsNotFollowed() async throws {
    let other = try Cloud()
    let server = try LoopbackServer { [url = other.url] _ in
      LoopbackResponse(status: 302, headers: [(name: "Location", value: "\(url)/login")])
    }
    let error = await #expect(throws: DbtCloudError.self) { _ = try await Self.client(of: server).run(7) }
    #expect(error?.kind == .redirected)
    #expect(other.standIn.requests.isEmpty)
  }

  // MARK: Artifacts

  @Test func artifactsAreThoseOfTheStepAskedFor() async throws {
    let cloud = try Cloud()
    try cloud.addArtifacts()
    let client = try cloud.client()
    let path = cloud.folder.file("run_results.json")
    for (step, folder) in [(4, "07_build"), (5, "08_docs_generate")] {
      let expected = try Fixtures.read("dbt/1.12-postgres/\(folder)/run_results.json")
      let answer = try await client.artifact(run: 7, step: step, name: "run_results.json", to: path)
      #expect(answer == .fetched(bytes: expected.count))
      #expect(try bytes(path) == expected)
    }
    #expect(cloud.standIn.requests.allSatisfy { $0.parameter("step") != nil })
  }

  @Test func aMissingArtifactIsNoError() async throws {
    let cloud = try Cloud()
    try cloud.addArtifacts()
    let client = try cloud.client()
    let path = cloud.folder.file("x")
    #expect(try await client.artifact(run: 7, step: 3, name: "run_results.json", to: path) == .missing)
    #expect(try await client.artifact(run: 7, step: 4, name: "sources.json", to: path) == .missing)
    #expect(!exists(path))
  }

  @Test func anArtifactLargerThanAllowedIsRefused() async throws {
    let cloud = try Cloud()
    try cloud.addArtifacts()
    var limits = DbtCloudClient.Limits()
    limits.artifactBytes = 1000
    let path = cloud.folder.file("manifest.json")
    let error = await #expect(throws: DbtCloudError.self) {
      _ = try await cloud.client(limits: limits).artifact(run: 7, step: 4, name: "manifest.json", to: path)
    }
    #expect(error?.kind == .tooLarge)
    #expect(!exists(path))
  }

  @Test func anArtifactThatCannotBeStoredIsSaidSo() async throws {
    let cloud = try Cloud()
    try cloud.addArtifacts()
    let error = await #expect(throws: DbtCloudError.self) {
      _ = try await cloud.client()
        .artifact(run: 7, step: 4, name: "manifest.json", to: cloud.folder.file("none/manifest.json"))
    }
    #expect(error?.kind == .cannotWrite)
  }

  @Test func compressedAnswersAreRead() async throws {
    let artifact = try Fixtures.read("dbt/1.12-postgres/07_build/manifest.json")
    let server = try LoopbackServer { request in
      guard request.header("Accept-Encoding")?.contains("gzip") == true else { return LoopbackResponse(status: 406) }
      let body =
        request.path.contains("artifacts")
        ? artifact : Array(#"{"status":{"code":200,"is_success":true},"data":{"id":7,"status":10}}"#.utf8)
      return LoopbackResponse(
        headers: [(name: "Content-Encoding", value: "gzip")], body: .bytes(Gzip.compress(body)))
    }
    let client = try Self.client(of: server)
    #expect(try await client.run(7).status == "success")
    let folder = try TemporaryFolder()
    let answer = try await client.artifact(run: 7, step: 4, name: "manifest.json", to: folder.file("m"))
    #expect(answer == .fetched(bytes: artifact.count))
    #expect(try bytes(folder.file("m")) == artifact)
  }

  private static func client(of server: LoopbackServer) throws -> DbtCloudClient {
    let account = try DbtCloudAccount(
      name: "a", accountID: 1001, url: "http://127.0.0.1:\(server.port)", token: { "s3cret" })
    let lane = HTTPLane(name: "test")
    return DbtCloudClient(account: account) { try await lane.send($0) }
  }

  @Test(arguments: [400, 401, 403, 404, 429, 500]) func aTokenThatAServerRepeatsIsInNoError(status: Int) async throws {
    let token = "secret-1001"
    let account = try DbtCloudAccount(
      name: "analytics", accountID: 1001, url: "https://dbt.example", token: { token })
    let body = Array("<html>Authorization: Token \(token)".utf8)
    let client = DbtCloudClient(account: account, clock: TestClock().clock) { _ in
      HTTPResponse(status: status, body: body)
    }
    let error = try await #require(throws: DbtCloudError.self) { try await client.head(of: 7) }
    #expect(!error.description.contains(token), "\(error.description)")
  }
}
