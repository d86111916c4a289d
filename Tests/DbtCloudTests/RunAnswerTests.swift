import ExecutionModel
import JSONText
import TestServers
import Testing

@testable import DbtCloud

@Suite struct RunAnswerTests {
  private let account: DbtCloudAccount

  init() throws {
    account = try DbtCloudAccount(
      name: "analytics", accountID: 12345, url: "https://ab123.us1.dbt.com:8443", token: { "t" })
  }

  private func run(_ data: String) throws -> DbtRun? {
    try JSONDocument(bytes: Array(data.utf8), source: "run").read { cursor in
      try RunAnswer(&cursor, account: account).run(of: account)
    }
  }

  @Test func aWholeAnswerIsRead() throws {
    let envelope = try Envelope(try Fixtures.read("dbt-cloud/run_7001_include_related.json"), source: "s") { cursor in
      try RunAnswer(&cursor, account: account).run(of: account)
    }
    let run = try #require(envelope.data)
    #expect(run.key == .cloud(host: "ab123.us1.dbt.com", accountID: 12345, runID: 7001))
    #expect(run.account == "analytics")
    #expect([run.jobID, run.projectID, run.environmentID] == [555, 678, 91011])
    #expect(run.jobName == "Nightly prod")
    #expect(run.environmentName == "Production")
    #expect(run.status == "error")
    #expect(run.statusCode == 20)
    #expect(run.isOverInDbtCloud)
    #expect(!run.isComplete)
    #expect(run.statusMessage == "This run exited with an error")
    #expect(run.cause == "Triggered via Apache Airflow by task 'trigger_dbt' in the nightly DAG.")
    #expect(run.createdAt == Instant("2026-11-20 10:00:00.123456+00:00"))
    #expect(run.startedAt == Instant("2026-11-20T10:00:10.123456Z"))
    #expect(run.finishedAt == Instant("2026-11-20T10:08:00.123456Z"))
    #expect(run.gitBranch == "main")
    #expect(run.gitSHA == "981c5cf1ba299e942c6c277c38c8dec9b0738dd0")
    #expect(run.dbtVersion == "1.12.0-latest")
    #expect(run.href == "http://127.0.0.1:38111/deploy/12345/projects/678/runs/7001")
    #expect(run.retryingRunID == nil)
    #expect(run.artifactsSaved == true)
    #expect(run.steps.map(\.index) == Array(1...7))
    #expect(run.steps.map(\.status) == ["success", "success", "success", "error", "success", "error", "success"])
    #expect(run.steps[5].name == "Invoke dbt with `dbt build`")
    #expect(run.steps[5].startedAt == Instant("2026-11-20 10:06:01.000000+00:00"))
    #expect(run.steps.allSatisfy { $0.results.isEmpty })
  }

  @Test func aQueuedRunHasNoStart() throws {
    let envelope = try Envelope(try Fixtures.read("dbt-cloud/list_runs.json"), source: "s") { cursor in
      var runs: [DbtRun] = []
      try cursor.array { element in
        if let run = try RunAnswer(&element, account: account).run(of: account) { runs.append(run) }
      }
      return runs
    }
    #expect(envelope.data?.map(\.status) == ["running", "queued"])
    #expect(envelope.data?.map { $0.startedAt == nil } == [false, true])
    #expect(envelope.data?.map(\.isOverInDbtCloud) == [false, false])
  }

  @Test func nullsAreAllowedEverywhereButInIDAndStatus() throws {
    let run = try #require(
      try run(
        #"""
        {"id":70471883265346,"status":30,"job":null,"trigger":null,"environment":null,"run_steps":null,"finished_at":null,
        "started_at":null,"project_id":null,"job_definition_id":null,"git_sha":null,"href":null,"created_at":"nonsense"}
        """#))
    #expect(run.runID == 70_471_883_265_346)
    #expect(run.status == "cancelled")
    #expect(run.isOverInDbtCloud)
    #expect(run.createdAt == nil)
    #expect(run.steps.isEmpty)
    #expect(try self.run(#"{"status":10}"#) == nil)
    #expect(try self.run(#"{"id":1,"status":null}"#) == nil)
  }

  private static let statusesAreKeptAsTheyAreCases: [(String, String, Bool)] = [
    ("40", "40", false), (#"40,"finished_at":"2026-01-01T00:00:00Z""#, "40", true), (#""Paused""#, "Paused", false),
    (#"null,"status_humanized":"Success""#, "success", false), ("3", "running", false), ("10", "success", true),
  ]
  @Test(arguments: statusesAreKeptAsTheyAreCases)
  func statusesAreKeptAsTheyAre(_ status: String, _ expected: String, _ isOver: Bool) throws {
    let run = try #require(try run(#"{"id":1,"status":\#(status)}"#))
    #expect(run.status == expected)
    #expect(run.isOverInDbtCloud == isOver)
  }

  @Test func idsMayBeText() throws {
    let run = try #require(try run(#"{"id":"70471883265346","status":1,"job_id":"9","project_id":"x"}"#))
    #expect(run.runID == 70_471_883_265_346)
    #expect(run.jobID == 9)
    #expect(run.projectID == nil)
  }

  @Test func stepsAreOrderedAndTakeTheirPositionWhenTheyHaveNoIndex() throws {
    let run = try #require(
      try run(
        #"""
        {"id":1,"status":3,"run_steps":[{"index":3,"name":"c","status":77},{"index":1,"name":"a"},null,
        {"index":null,"name":null,"run_step_command":{"dbt_command":"dbt build"}}]}
        """#))
    #expect(run.steps.map(\.index) == [1, 3, 3])
    #expect(run.steps.map(\.name) == ["a", "c", "dbt build"])
    #expect(run.steps.map(\.status) == [nil, "77", nil])
  }

  @Test func damagedAnswersAreReadOrRefused() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededRandom(seed: seed)
    let original = try Fixtures.read("dbt-cloud/run_7001_include_related.json")
    for round in 0..<1500 {
      var bytes = original
      for _ in 0...Int.random(in: 0...3, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...200, using: &random)))
        default: bytes[place] = Array(#"{}[]",:-09e\n"#.utf8).randomElement(using: &random) ?? 0
        }
        if bytes.isEmpty { bytes = [0] }
      }
      do {
        _ = try Envelope(bytes, source: "s") { cursor in try RunAnswer(&cursor, account: account).run(of: account) }
      } catch {
        #expect(error is JSONError, "seed \(seed), round \(round): \(error)")
      }
    }
  }
}
