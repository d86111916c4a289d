import DbtCloudStandIn
import ExecutionModel
import FoundationEssentials
import Glibc
import JSONText
import TestServers
import Testing

@testable import Engine

/// `airflow-syncer ingest` as users start it.
@Suite struct IngestionTests {
  private static let linked = ["runs: linked"]
  private static let build = Fixtures.path("dbt/1.12-postgres/07_build")

  /// Without Airflow and without `runs: all` a configuration needs a folder.
  private func lab() throws -> DbtLab {
    try DbtLab(Self.linked, more: ["dbt_artifacts: [{name: nightly, path: target}]"])
  }

  @Test func aRunOfDbtCloudIsRecordedByItsID() async throws {
    let lab = try lab()
    lab.add(1...3)
    let output = try await lab.run(["ingest", "--dbt-cloud-run-id", "2"])
    #expect(output.status == 0, "\(output.errorText)")
    #expect(output.text == "cloud/127.0.0.1/1001/2\n")
    let records = try await lab.records()
    #expect(Array(records.keys) == ["cloud/127.0.0.1/1001/2"])
    #expect(records.values.first?["dag_run"] == JSONValue.null && lab.archived.count == 1)
    let again = try await lab.run(["ingest", "--dbt-cloud-run-id", "2", "--account", "analytics"])
    #expect(again.status == 0 && again.text.contains("recorded before") && lab.archived.count == 1)
  }

  @Test func ofAJobTheLatestFinishedRunIsRecorded() async throws {
    let lab = try lab()
    lab.add(1...3)
    lab.standIn.add(StandInRun(accountID: 1001, jobID: 9, runID: 10, createdAt: DbtLab.created))
    lab.standIn.add(
      StandInRun(accountID: 1001, jobID: 9, runID: 11, outcome: .error, createdAt: DbtLab.created))
    let output = try await lab.run(["ingest", "--dbt-cloud-job-id", "9"])
    #expect(output.text == "cloud/127.0.0.1/1001/11\n")
    let none = try await lab.run(["ingest", "--dbt-cloud-job-id", "77"])
    #expect(none.status == 1 && none.errorText.contains("no finished run"))
  }

  @Test func aRunUnderWayIsLeftForLater() async throws {
    let lab = try lab()
    lab.add([1])
    lab.standIn.add(StandInRun(accountID: 1001, jobID: 9, runID: 10, createdAt: DbtLab.created))
    lab.standIn.setProgress(.polls(1000))
    let job = try await lab.run(["ingest", "--dbt-cloud-job-id", "9"])
    #expect(job.status == 75 && job.errorText.contains("its run 10 is queued"), "\(job.errorText)")
    let output = try await lab.run(["ingest", "--dbt-cloud-run-id", "1"])
    #expect(output.status == 75 && output.errorText.contains("queued"))
    #expect(try await lab.records().isEmpty)
  }

  @Test(arguments: [
    ["--dbt-artifacts", build, "--name", "nightly"],
    [
      "--dbt-manifest", "\(build)/manifest.json", "--dbt-run-results", "\(build)/run_results.json", "--name", "nightly",
    ],
  ])
  func artifactsOfDbtCoreAreRecordedOnce(arguments: [String]) async throws {
    let lab = try lab()
    for isFirst in [true, false] {
      let output = try await lab.run(["ingest"] + arguments)
      #expect(output.status == 0, "\(output.errorText)")
      #expect(output.text.hasPrefix("core/nightly/") && output.text.contains("before") == !isFirst)
    }
    let record = try #require(try await lab.records().values.first)
    #expect(record["kind"]?.stringValue == "dbt_run" && lab.archived.count == 1)
    let steps = try #require(record["dbt_runs"]?.arrayValue?.first?["steps"]?.arrayValue)
    #expect(steps.first?["results"]?.arrayValue?.isEmpty == false)
  }

  @Test func besideADaemonItSaysWhatToDo() async throws {
    let lab = try lab()
    let daemon = try Program.start(["run"], config: lab.config, environment: ["TMPDIR": lab.folder.path])
    defer { daemon.signal(SIGKILL) }
    try await eventually("the ledger") { FileManager.default.fileExists(atPath: lab.folder.file("ledger.db")) }
    try await eventually("the daemon's lock") {
      try await lab.run(["ingest", "--dbt-artifacts", Self.build, "--name", "x"]).status == 75
    }
    let output = try await lab.run(["ingest", "--dbt-artifacts", Self.build])
    #expect(output.status == 75 && output.errorText.contains("dbt_artifacts"))
  }

  @Test(arguments: [
    ([], "give one of"), (["--dbt-cloud-run-id", "1", "--dbt-artifacts", "/"], "found --dbt-cloud-run-id and"),
    (["--dbt-manifest", "/none"], "tells of no run"),
    (["--dbt-cloud-run-id", "1", "--account", "x"], "no such account"),
    (["--dbt-cloud-run-id", "1", "--account", "x", "-a", "analytics"], "one account"),
    (["--dbt-artifacts", build, "--name", "a/b"], "letters"),
  ])
  func aCommandLineThatCannotBeMeantIsRefused(arguments: [String], message: String) async throws {
    let output = try await (try lab()).run(["ingest"] + arguments)
    #expect(output.status == 64 && output.errorText.contains(message), "\(output.errorText)")
  }

  @Test(arguments: [["--dbt-artifacts", "/none"], ["--dbt-run-results", "/none/run_results.json"]])
  func filesThatAreNotThereAreSaidSo(arguments: [String]) async throws {
    let output = try await (try lab()).run(["ingest"] + arguments)
    #expect(output.status == 74 && output.errorText.contains("/none"))
  }

  @Test(arguments: [
    (["--dbt-run-results", build], "is a folder"), (["--dbt-run-results", "/dev/null"], "no plain file"),
    (["--dbt-artifacts", "\(build)/manifest.json"], "is no folder"),
    (["--dbt-artifacts", Fixtures.path("dbt")], "neither run_results.json nor sources.json"),
  ])
  func whatIsNoArtifactIsSaidSo(arguments: [String], message: String) async throws {
    let output = try await (try lab()).run(["ingest"] + arguments)
    #expect(output.status == 74 && output.errorText.contains(message), "\(output.errorText)")
  }

  @Test func aManifestOfAnotherInvocationIsSaidSoAndItsOwnIsTakenLater() async throws {
    let lab = try lab()
    let results = ["--dbt-run-results", "\(Self.build)/run_results.json", "--name", "nightly"]
    let other = Fixtures.path("dbt/1.12-postgres/05_test/manifest.json")
    let first = try await lab.run(["ingest", "--dbt-manifest", other] + results)
    #expect(first.status == 1 && first.errorText.contains("another invocation"), "\(first.errorText)")
    let second = try await lab.run(["ingest", "--dbt-manifest", "\(Self.build)/manifest.json"] + results)
    #expect(second.status == 0 && !second.text.contains("before") && lab.archived.count == 2)
    let step = try await lab.records().values.first?["dbt_runs"]?.arrayValue?.first?["steps"]?.arrayValue?.first
    #expect(step?["artifacts"]?["manifest"]?.stringValue == "fetched")
    let third = try await lab.run(["ingest"] + results)
    #expect(third.status == 0 && third.text.contains("before") && lab.archived.count == 2)
  }

  @Test func theDaemonWatchesAFolder() async throws {
    let lab = try lab()
    let target = lab.folder.file("target")
    try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
    let daemon = try Program.start(["run"], config: lab.config, environment: ["TMPDIR": lab.folder.path])
    defer { daemon.signal(SIGKILL) }
    for name in ["manifest.json", "run_results.json"] {
      try FileManager.default.copyItem(atPath: "\(Self.build)/\(name)", toPath: "\(target)/\(name)")
    }
    try await eventually("the record of the file sink") { lab.archived.count == 1 }
  }
}
