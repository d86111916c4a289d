import DbtArtifacts
import ExecutionModel
import TestServers
import Testing

@testable import Engine

struct CoreRunTests {
  private func run(_ folder: String, name: String? = "nightly", manifest: Bool = true) throws -> DbtRun? {
    let path = Fixtures.path("dbt/\(folder)")
    let results = try RunResults(path: "\(path)/run_results.json")
    return CoreRun(
      results: results,
      manifest: manifest ? try Manifest(path: "\(path)/manifest.json", keeping: results.uniqueIDs) : nil
    ).run(name: name)
  }

  @Test(arguments: [
    "1.3-postgres/07_build", "1.7-postgres/07_build", "1.12-postgres/07_build", "1.12-duckdb/03_run",
    "1.12-postgres/20_no_match",
  ])
  func aRunHasWhatItsArtifactsSay(folder: String) throws {
    let run = try #require(try run(folder))
    let step = try #require(run.steps.first)
    #expect(run.key == .core(name: "nightly", invocationID: try #require(step.invocationID)))
    #expect(run.isComplete && run.steps.count == 1)
    #expect(step.results.isEmpty == folder.hasSuffix("no_match") && step.nodes.isEmpty == step.results.isEmpty)
    #expect(step.runResults == .fetched)
    if !step.results.isEmpty { #expect(step.manifest == .fetched) }
    let exitStatus = try Fixtures.text("dbt/\(folder)/rc")
    #expect(run.status == (exitStatus.hasPrefix("0") ? "success" : "error"))
    let (started, finished) = (try #require(run.startedAt), try #require(run.finishedAt))
    #expect(started <= finished && step.results.allSatisfy { ($0.completedAt ?? started) >= started })
  }

  @Test func withoutANameItIsTheProjects() throws {
    let run = try #require(try run("1.12-postgres/07_build", name: nil))
    guard case .core(let name, _) = run.key else { return }
    #expect(name == run.projectName)
    #expect(try self.run("1.12-postgres/07_build", name: nil, manifest: false) == nil)
  }

  @Test func freshnessIsARunToo() throws {
    let path = Fixtures.path("dbt/1.12-postgres/09_source_freshness/sources.json")
    let run = try #require(CoreRun(freshness: try SourceFreshness(path: path)).run(name: "nightly"))
    #expect(run.steps[0].command == "freshness" && run.steps[0].name == "dbt source freshness")
    #expect(!run.steps[0].freshness.isEmpty && run.steps[0].sources == .fetched)
  }
}
