import ExecutionModel
import Ledger
import TestServers
import Testing

@testable import Engine

@Suite struct CaptureHistoryTests {
  private func lab(_ version: String, _ settings: [String] = []) async throws -> Lab {
    try await Lab(
      database: try await AirflowFixtures.dump(version), truth: nil,
      .init(airflow: settings, accounts: [], hasLineage: false, hasFile: false))
  }

  private func open(_ lab: Lab) async throws -> (Workshop, Capture) {
    let workshop = try Workshop(try lab.configuration())
    try await workshop.open(mode: "test")
    return (workshop, try #require(workshop.captures.first))
  }

  /// As a kill would do between two pages: the next syncer goes on where the ledger says.
  @Test(arguments: AirflowFixtures.versions) func historyIsLoadedPageByPageWhoeverGoesOn(_ version: String) async throws
  {
    let lab = try await lab(version)
    var pages = 0
    var read = 0
    var isFinished = false
    while !isFinished {
      let (workshop, capture) = try await open(lab)
      await capture.limit(.page, to: 4)
      _ = try await capture.poll()
      for _ in 1...2 where !isFinished {
        let page = try await capture.loadHistory()
        #expect(page.runsRead <= 4)
        read += page.runsRead
        pages += 1
        isFinished = page.isFinished
      }
      await workshop.close()
    }
    let runs = try await lab.server.execute("SELECT count(*) FROM dag_run", database: lab.database)
    #expect(String(read) == runs, "every run once, in \(pages) pages")
    let status = try #require(try await lab.status()["airflow"]?.arrayValue?.first)
    #expect(status["runs"]?.integerValue == Int64(runs))
    #expect(status["backfill"]?["done"]?.boolValue == true)
    #expect(status["backfill"]?["total"]?.integerValue == Int64(runs))
  }

  @Test func theNewestRunsComeFirst() async throws {
    let lab = try await lab("2.11.2")
    let (workshop, capture) = try await open(lab)
    await capture.limit(.page, to: 5)
    _ = try await capture.poll()
    _ = try await capture.loadHistory()
    let instance = try await workshop.ledger.progress(of: "lab").id
    let kept = try await workshop.ledger.keptRuns(of: instance, after: 0, through: nil).map { String($0.sourceID) }
    let newest = try await lab.server.execute(
      "SELECT id FROM (SELECT id FROM dag_run ORDER BY id DESC LIMIT 5) n ORDER BY id", database: lab.database)
    #expect(kept == newest.split(separator: "\n").map(String.init))
    await workshop.close()
  }

  @Test func aStatusBetweenTwoPagesTellsTheRate() async throws {
    let lab = try await lab("2.11.2")
    let (workshop, capture) = try await open(lab)
    await capture.limit(.page, to: 5)
    _ = try await capture.poll()
    for _ in 1...3 { _ = try await capture.loadHistory() }
    let status = try #require(try await workshop.ledger.status().airflow.first)
    #expect(status.backfillRuns == 15 && !status.isBackfillDone)
    let rate = try #require(status.backfillRate)
    let left = try #require(status.backfillSecondsLeft)
    #expect(rate > 0 && left > 0)
    await workshop.close()
  }

  @Test func noHistoryMeansNoHistoryForSweepsToo() async throws {
    let lab = try await lab("2.11.2", ["look_back: 3650d"])
    try lab.configure(
      .init(airflow: ["look_back: 3650d"], accounts: [], hasLineage: false, hasFile: false, backfill: "none"))
    let (workshop, capture) = try await open(lab)
    _ = try await capture.poll()
    while try await capture.hasHistory() { _ = try await capture.loadHistory() }
    while try await !capture.sweep().isFinished {}
    let open = try await lab.server.execute(
      "SELECT count(*) FROM dag_run WHERE state IN ('queued', 'running')", database: lab.database)
    #expect(try await workshop.ledger.status().airflow.first.map { String($0.runs) } == open)
    await workshop.close()
  }
}
