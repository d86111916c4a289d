import FoundationEssentials
import JSONText
import TestServers
import Testing

/// What users type and see.
@Suite struct CommandTests {
  private static let synced = Synced()

  /// One synced lab for all of these, which only read.
  private actor Synced {
    private var labs: [String: Task<Lab, any Error>] = [:]

    func lab(_ version: String) async throws -> Lab {
      if let known = labs[version] { return try await known.value }
      let task = Task {
        let lab = try await Lab(
          database: try await AirflowFixtures.dump(version), truth: version,
          .init(airflow: ["ui_url: https://airflow.example"]))
        try await lab.sync()
        return lab
      }
      labs[version] = task
      return try await task.value
    }
  }

  private func json(_ lab: Lab, _ name: String) async throws -> JSONValue {
    let output = try await lab.run(["runs", "show", name, "--json"])
    try #require(output.status == 0, "\(output.errorText)")
    return try JSONValue(parsing: output.standardOutput)
  }

  @Test(arguments: AirflowFixtures.versions)
  func aRunIsFoundByEveryNameThatPeopleHave(_ version: String) async throws {
    let lab = try await Self.synced.lab(version)
    let run = try #require(Truth(version).run(of: "run_sync"))
    let latest = try await json(lab, "exp_dbt_clear@latest")
    let key = try #require(latest["key"]?.stringValue)
    let dagID = try #require(latest["dag_run"]?["dag_id"]?.stringValue)
    let runID = try #require(latest["dag_run"]?["run_id"]?.stringValue)
    let url = try #require(latest["dag_run"]?["url"]?.stringValue)
    for name in [key, String(key.dropLast(1)), "lab/exp_dbt_clear@latest", "\(dagID)/\(runID)", url] {
      #expect(try await json(lab, name) == latest, "\(name)")
    }
    #expect(url.hasPrefix("https://airflow.example/dags/"))
    let byNumber = try await json(lab, "\(run.id)")
    #expect(byNumber["dag_run"]?["dag_id"]?.stringValue == "dbt_matrix")
    for name in [
      "https://dbt.example/deploy/\(run.account)/projects/501/runs/\(run.id)/",
      "https://cloud.getdbt.com/#/accounts/\(run.account)/projects/501/runs/\(run.id)/",
      "cloud/127.0.0.1/1001/\(run.id)",
    ] {
      #expect(try await json(lab, name) == byNumber, "\(name)")
    }
  }

  @Test func aNameThatIsNotUniqueListsWhatItMayMean() async throws {
    let lab = try await Self.synced.lab("2.6.3")
    let output = try await lab.run(["runs", "show", "lab/dbt_sched"])
    #expect(output.status == 1)
    #expect(output.errorText.contains("may mean several records"))
    #expect(output.errorText.ranges(of: "lab/dbt_sched/").count >= 2)
  }

  @Test func theListIsFiltered() async throws {
    let lab = try await Self.synced.lab("2.11.2")
    let all = try await lab.records()
    func member(_ name: String, of record: String) throws -> String? {
      try JSONValue(parsing: record)["dag_run"]?[name]?.stringValue
    }
    #expect(
      try await lab.records(["--dag", "dbt_*"])
        == all.filter { try member("dag_id", of: $0)?.hasPrefix("dbt_") == true })
    #expect(try await lab.records(["--state", "failed"]) == all.filter { try member("state", of: $0) == "failed" })
    #expect(try await lab.records(["--instance", "other"]) == [])
    #expect(try await lab.records(["--limit", "3"]) == Array(all.prefix(3)))
    let moment = "2026-11-21T00:10:00Z"
    let since = try await lab.records(["--since", moment])
    let until = try await lab.records(["--until", moment])
    #expect(!since.isEmpty && !until.isEmpty)
    #expect(since.count + until.count <= all.count)
    #expect(Set(since).isDisjoint(with: until))
    for record in since { #expect(try member("start_date", of: record) ?? "" >= "2026-11-21T00:10:00") }
    let run = try #require(Truth("2.11.2").run(of: "run_async"))
    #expect(try await lab.records(["--dbt-run", "\(run.id)"]).allSatisfy { $0.contains("\"run_id\":\(run.id)") })
    let starts = try all.map { try member("start_date", of: $0) ?? "~" }
    #expect(starts == starts.sorted(by: >), "newest first")
  }

  @Test(arguments: [["runs", "list"], ["runs", "show", "dbt_matrix@latest"], ["status"], ["help"], ["validate"]])
  func aPipeGetsNoColoursAndNothingIsCut(_ arguments: [String]) async throws {
    let lab = try await Self.synced.lab("3.3.2")
    let output = try await lab.run(arguments)
    #expect(output.status == 0, "\(output.errorText)")
    #expect(!output.standardOutput.contains(0x1B))
    #expect(!output.text.contains("…") || arguments == ["help"])
    #expect(!output.errorText.contains("\u{1B}"))
  }

  @Test func theScreenOfARunSaysWhatMatters() async throws {
    let lab = try await Self.synced.lab("3.3.2")
    let text = try await lab.run(["runs", "show", "dbt_matrix@latest"]).text
    for part in ["lab/dbt_matrix", "TASK", "TRY", "STATE", "run_sync", "triggered, exact", "SENT  ", "archive 1/1"] {
      #expect(text.contains(part), "\(part) in \(text)")
    }
    #expect(text.contains("FAIL ") || text.contains("ERROR "))
    let status = try await lab.run(["status"]).text
    #expect(status.hasPrefix("HEALTHY"))
  }

  /// A reader that goes away is no error.
  @Test func headMayTakeTheBeginning() async throws {
    let lab = try await Self.synced.lab("3.3.2")
    let output = try await Subprocess.run([
      "/bin/sh", "-c", "\"$0\" runs list --json --config \"$1\" | head -c 10", try Program.path, lab.config,
    ])
    #expect(output.standardOutput.count == 10)
    #expect(output.errorText == "")
  }

  @Test(arguments: AirflowFixtures.versions)
  func recordsObeyTheSchema(_ version: String) async throws {
    let lab = try await Self.synced.lab(version)
    let records = try await lab.records()
    let file = try lab.folder.write(records.map { $0 + "\n" }.joined(), to: "all.ndjson")
    let script = """
      import json, sys
      try:
          import jsonschema
      except ImportError:
          sys.exit(77)
      check = jsonschema.Draft202012Validator(json.load(open(sys.argv[1])))
      for line in open(sys.argv[2]):
          for error in check.iter_errors(json.loads(line)):
              print(error.json_path, error.message[:200])
      """
    let schema = "\(Fixtures.repositoryRoot)/docs/record.schema.json"
    let output = try await Subprocess.run(["python3", "-c", script, schema, file])
    // The structural check of RecordSchemaTests needs no Python; this one is for machines that have it.
    if output.status == 77 { return }
    #expect(output.status == 0, "\(output.errorText)")
    #expect(output.text == "")
  }

  @Test func theExampleConfigurationIsValid() async throws {
    let example = try await Program.run(["config", "example"])
    #expect(example.status == 0)
    let folder = try TemporaryFolder()
    let path = try folder.write(example.text, to: "syncer.yaml")
    let output = try await Program.run(["validate", "--offline"], config: path)
    // The secrets that it names are not there; the file itself is right.
    #expect(!output.errorText.contains(path))
    #expect(try await Program.run(["version"]).text.hasPrefix("airflow-syncer "))
    #expect(try await Program.run(["help", "sync"]).text.contains("--since"))
  }

  @Test func sinceBoundsWhatASyncLoads() async throws {
    let lab = try await Lab(
      database: try await AirflowFixtures.dump("2.11.2"), truth: "2.11.2", .init(hasLineage: false))
    let output = try await lab.run(["sync", "--since", "2026-11-21T00:30:00Z"])
    #expect(output.status == 0)
    let some = try await lab.records()
    try await lab.sync()
    let all = try await lab.records()
    #expect(!some.isEmpty)
    #expect(some.count < all.count)
  }
}
