import DbtCloudStandIn
import ExecutionModel
import JSONText
import Synchronization
import TestServers
import Testing

@testable import Engine

/// One run, read from a stand-in over real sockets that does what servers do.
@Suite struct RunReadingTests {
  private func step(_ lab: DbtLab, _ index: Int) async throws -> JSONValue {
    let record = try #require(try await lab.records().values.first)
    let steps = try #require(record["dbt_runs"]?.arrayValue?.first?["steps"]?.arrayValue, "\(record)")
    return try #require(steps.first { $0["index"]?.integerValue == Int64(index) })
  }

  @Test func aRunThatChangesWhileItIsReadIsReadAgain() async throws {
    let hasChanged = Mutex(false)
    let lab = try DbtLab { standIn, request in
      if request.path.hasSuffix("manifest.json"),
        hasChanged.withLock({ old in
          defer { old = true }; return !old
        })
      {
        // What a late end or a rerun of its last step looks like.
        standIn.add(
          StandInRun(accountID: 1001, runID: 7, outcome: .success, createdAt: DbtLab.created.advanced(bySeconds: 60)))
      }
      return standIn.answer(request)
    }
    lab.add([7])
    let output = try await lab.run(["sync"])
    #expect(output.status == 0, "\(output.errorText)")
    let artifacts = lab.standIn.requests.filter { $0.path.hasSuffix("manifest.json") }
    #expect(artifacts.count == 2)
    #expect(lab.standIn.requests.count { $0.path.hasSuffix("/runs/7/") } == 3)
    let record = try #require(try await lab.records().values.first)
    let run = try #require(record["dbt_runs"]?.arrayValue?.first)
    #expect(run["created_at"]?.stringValue == DbtLab.created.advanced(bySeconds: 60).rfc3339)
  }

  @Test func aRunThatKeepsChangingDoesNotHoldUpTheOthers() async throws {
    let count = Mutex<Int64>(0)
    let lab = try DbtLab { standIn, request in
      if request.path.contains("/runs/7/artifacts") {
        let seconds = count.withLock { count in
          count += 1
          return count
        }
        standIn.add(StandInRun(accountID: 1001, runID: 7, createdAt: DbtLab.created.advanced(bySeconds: seconds)))
      }
      return standIn.answer(request)
    }
    lab.add(6...9)
    let (enrichment, ledger) = try await lab.parts()
    let outcome = try await enrichment.round(everything: true)
    #expect(outcome.completed == 3 && outcome.failed == 1)
    #expect(outcome.failure?.contains("dbt run 7 changed while its artifacts were read") == true)
    #expect(try await ledger.wantedRuns(of: "analytics").complete == 3)
    // In the end it is kept as it was read last.
    for _ in 0..<3 { _ = try await enrichment.round(everything: true) }
    #expect(try await ledger.wantedRuns(of: "analytics").complete == 4)
    await ledger.close()
  }

  @Test func anArtifactThatIsTooLargeIsLeftOutAndSaidSo() async throws {
    let lab = try DbtLab(["runs: all", "backfill: all", "max_artifact_bytes: 40000"])
    lab.add([7])
    let (enrichment, ledger) = try await lab.parts()
    let outcome = try await enrichment.round(everything: true)
    #expect(outcome.completed == 1 && outcome.failed == 0)
    #expect(outcome.warnings.contains { $0.contains("max_artifact_bytes") }, "\(outcome.warnings)")
    await ledger.close()
    let build = try await step(lab, 4)
    #expect(build["artifacts"]?["manifest"]?.stringValue == "invalid")
  }

  @Test func theColumnsOfTheCatalogComeWithTheDocsStep() async throws {
    let lab = try DbtLab()
    let docs = try TemporaryFolder()
    try docs.write("dbt docs generate\n", to: "command")
    try docs.write(
      """
      {"metadata": {"invocation_id": "1"}, "nodes": {"model.shop.stg_orders": {"metadata": {"type": "VIEW"},
        "columns": {"order_id": {"name": "order_id", "type": "bigint", "index": 1}}, "stats": {}}}, "sources": {}}
      """, to: "catalog.json")
    let build = try #require(ArtifactFolder(path: Fixtures.path("dbt/1.12-postgres/07_build")))
    let generate = try #require(ArtifactFolder(path: docs.path))
    lab.standIn.setArtifacts([build, generate], account: 1001, run: 7)
    lab.add([7])
    _ = try await lab.run(["sync"])
    #expect(try await step(lab, 4)["artifacts"]?["catalog"]?.stringValue == "not_applicable")
    #expect(try await step(lab, 5)["artifacts"]?["catalog"]?.stringValue == "fetched")
    let asked = lab.standIn.requests.filter { $0.path.hasSuffix("catalog.json") }
    #expect(asked.map { $0.parameter("step") } == ["5"])
  }

  @Test func withoutDocsNoCatalogIsAskedFor() async throws {
    let lab = try DbtLab()
    let build = try #require(ArtifactFolder(path: Fixtures.path("dbt/1.12-postgres/07_build")))
    lab.standIn.setArtifacts([build], account: 1001, run: 7)
    lab.add([7])
    _ = try await lab.run(["sync"])
    #expect(!lab.standIn.requests.contains { $0.path.hasSuffix("catalog.json") })
  }

  /// A cut, an error, a page of a proxy: what has come whole is not asked for again.
  @Test(arguments: [
    Fault(.status(500, retryAfter: nil), path: "manifest", count: 1), Fault(.html, path: "manifest", count: 1),
    Fault(.truncate, path: "manifest", count: 1),
  ])
  func whatHasComeIsNotAskedForAgain(fault: Fault) async throws {
    let lab = try DbtLab()
    lab.standIn.add(fault)
    lab.add([7])
    let (enrichment, ledger) = try await lab.parts()
    for _ in 0..<3 { _ = try await enrichment.round(everything: true) }
    #expect(try await ledger.wantedRuns(of: "analytics").complete == 1)
    #expect(lab.standIn.requests.count { $0.path.hasSuffix("run_results.json") } == 1)
    await ledger.close()
  }

  @Test func after429TheAccountIsLeftAloneAndNothingIsLost() async throws {
    let lab = try DbtLab()
    lab.standIn.add(Fault(.status(429, retryAfter: nil), path: "artifacts", count: 1))
    lab.add(1...20)
    let (enrichment, ledger) = try await lab.parts()
    let outcome = try await enrichment.round(everything: true)
    #expect(outcome.outage?.retryAfter ?? 0 > 290)
    // Those that were under way at that moment at most.
    let before = lab.standIn.requests.count
    _ = try await enrichment.round(everything: true)
    #expect(lab.standIn.requests.count == before)
    #expect(try await ledger.dueDbtRuns(of: "analytics", now: .max, limit: 100).count >= 12)
    await ledger.close()
  }
}
