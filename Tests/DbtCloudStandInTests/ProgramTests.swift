import FoundationEssentials
import HTTPClient
import JSONText
import TestServers
import Testing

/// The program itself, as a user starts it.
@Suite struct ProgramTests {
  /// Beside the test bundle, whatever the build's configuration.
  private var program: String {
    get throws {
      let folders = CommandLine.arguments.first.map { [String($0[..<($0.lastIndex(of: "/") ?? $0.startIndex)])] } ?? []
      let candidates =
        folders.map { "\($0)/dbt-cloud-stand-in" }
        + ["debug", "release"].map { "\(Fixtures.repositoryRoot)/.build/\($0)/dbt-cloud-stand-in" }
      return try #require(candidates.first { FileManager.default.isExecutableFile(atPath: $0) })
    }
  }

  @Test(arguments: [15, 2] as [Int32])
  func itServesUntilItIsToldToStop(_ signal: Int32) async throws {
    let folder = try TemporaryFolder()
    let truth = try folder.write(
      #"[{"dbt_account_id":1001,"dbt_run_id":50019001,"triggered_at":1795219569.7,"planned_outcome":"error"}]"#,
      to: "truth.json")
    let process = try Subprocess([
      try program, "--port", "0", "--truth", truth, "--token", "1001=secret",
      "--artifacts", "error=\(Fixtures.path("dbt/1.12-postgres/07_build"))",
    ])
    try await eventually("the line with the address") { process.output.text.hasSuffix("\n") }
    let line = process.output.text
    #expect(line.hasPrefix("listening on http://127.0.0.1:"))
    let url = try #require(line.split(separator: " ").last?.dropLast()).description
    let lane = HTTPLane(name: "test")
    var request = HTTPRequest(url: "\(url)/api/v2/accounts/1001/runs/50019001/")
    #expect(try await lane.send(request).status == 401)
    request.headers = [(name: "Authorization", value: "Bearer secret")]
    let run = try JSONValue(parsing: try await lane.send(request).body)
    #expect(run["data"]?["status"]?.integerValue == 20)
    #expect(run["data"]?["href"]?.stringValue == "\(url)/deploy/1001/projects/501/runs/50019001/")
    request.url = "\(url)/api/v2/accounts/1001/runs/50019001/artifacts/run_results.json?step=4"
    let artifact = try await lane.send(request)
    #expect(artifact.body == (try Fixtures.read("dbt/1.12-postgres/07_build/run_results.json")))
    process.signal(signal)
    #expect(try await process.finish(within: 20).status == 0)
  }

  @Test func anOptionThatItDoesNotKnowIsRefused() async throws {
    let output = try await Subprocess.run([try program, "--nonsense"])
    #expect(output.status == 64)
    #expect(output.errorText.contains("--nonsense"))
    #expect(output.errorText.contains("usage:"))
  }

  @Test func aTruthFileThatIsMissingIsNamed() async throws {
    let output = try await Subprocess.run([try program, "--truth", "/nowhere/truth.json"])
    #expect(output.status == 1)
    #expect(output.errorText.contains("/nowhere/truth.json"))
  }

  @Test func helpIsPrinted() async throws {
    let output = try await Subprocess.run([try program, "--help"])
    #expect(output.status == 0)
    #expect(output.text.contains("--progress-polls"))
  }
}
