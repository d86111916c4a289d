import TestServers
import Testing

@testable import DbtCloudStandIn

@Suite struct OptionsTests {
  @Test func everyOptionIsTaken() throws {
    let options = try Options([
      "--truth", "a.json", "--truth=b.json", "--artifacts", "success=\(Fixtures.path("dbt/1.12-postgres/07_build"))",
      "--token", "1=x", "--token=1=y=z", "--project", "1=9", "--port", "8080", "--base-url", "https://h",
      "--progress-polls", "3", "--fault", "429:60,count=2",
    ])
    #expect(options.truthFiles == ["a.json", "b.json"])
    #expect(options.artifacts.map(\.outcome) == [.success])
    #expect(options.tokens == [1: ["x", "y=z"]])
    #expect(options.projects == [1: 9])
    #expect(options.port == 8080)
    #expect(options.baseURL == "https://h")
    #expect(options.progress == .polls(3))
    #expect(options.faults == [Fault(.status(429, retryAfter: "60"), count: 2)])
  }

  @Test(arguments: [
    [], ["--truth"], ["--nonsense"], ["--truth", "a", "--port", "x"], ["--truth", "a", "--artifacts", "success"],
    ["--truth", "a", "--artifacts", "success=/nowhere/at/all"], ["--truth", "a", "--artifacts", "best=/"],
    ["--truth", "a", "--fault", "200"], ["--truth", "a", "--progress-polls", "-1"], ["--truth", "a", "--project", "1"],
  ])
  func whatCannotBeUsedIsRefused(_ arguments: [String]) {
    #expect(throws: Options.Failure.self) { _ = try Options(arguments) }
  }

  @Test func aTokenIsNotRepeated() {
    let error = #expect(throws: Options.Failure.self) { _ = try Options(["--token", "hunter2"]) }
    #expect(error?.description.contains("hunter2") == false)
  }
}
