import FoundationEssentials
import JSONText
import TestServers
import Testing

/// `checks` and `why` as users type and see them.
@Suite struct NodeCommandTests {
  private static let linked = ["runs: linked"]

  private func lab(_ more: [String] = []) async throws -> DbtLab {
    let lab = try DbtLab(Self.linked, more: ["dbt_artifacts: [{name: nightly, path: target}]"] + more)
    for fixture in ["05_test", "07_build", "09_source_freshness"] {
      let folder = Fixtures.path("dbt/1.12-postgres/\(fixture)")
      let output = try await lab.run(["ingest", "--dbt-artifacts", folder, "--name", "nightly"])
      try #require(output.status == 0, "\(output.errorText)")
    }
    return lab
  }

  private func onTerminal(_ lab: DbtLab, _ arguments: String) async throws -> String {
    let output = try await Subprocess.run([
      "/bin/sh", "-c",
      "script -qec \"stty cols 100; NO_COLOR=1 '$0' \(arguments) --config '$1'\" /dev/null", try Program.path,
      lab.config,
    ])
    return output.text.replacing("\r\n", with: "\n")
  }

  @Test func checksTellApartWhatFailsOnAHundredColumns() async throws {
    let lab = try await lab()
    let text = try await onTerminal(lab, "checks --failing")
    let lines = text.split(separator: "\n").map(String.init)
    #expect(lines.count > 3 && lines.allSatisfy { $0.count <= 100 }, "\(text)")
    for part in ["order_status_known", "dim_statuses.status", "freshness", "raw.payments", "core/nightly/"] {
      #expect(text.contains(part), "\(part) in \(text)")
    }
  }

  @Test func aCheckShowsItsHistory() async throws {
    let lab = try await lab()
    let output = try await lab.run(["checks", "show", "test_doubled_wrong"])
    #expect(output.status == 0 && output.text.contains("failed 2 of the last 2"), "\(output.text)")
    // The lines of dbt's table, without the empty ones before it.
    #expect(output.text.contains("\n  actual differs from expected:\n") && !output.text.contains("\\n"))
    let json = try JSONValue(
      parsing: try await lab.run(["checks", "show", "test_doubled_wrong", "--json"]).text)
    #expect(json["history"]?.arrayValue?.count == 2)
    #expect(json["history"]?.arrayValue?.first?["message"]?.stringValue?.contains("actual") == true)
    #expect(try await lab.run(["checks", "show", "no_such_check"]).status == 1)
  }

  @Test(arguments: [
    "fct_orders", "model.jaffle_ops.fct_orders", "analytics.prod_marts.fct_orders", "PROD_MARTS.\\\"fct_orders\\\"",
  ])
  func aNodeIsFoundByItsNames(name: String) async throws {
    let lab = try await lab()
    let output = try await lab.run(["why", name.replacing("\\", with: "")])
    #expect(output.status == 0 && output.text.hasPrefix("model.jaffle_ops.fct_orders → "), "\(output.errorText)")
  }

  @Test func whatFailedAndWasSkippedAroundANodeIsTheManifests() async throws {
    let lab = try await lab()
    let folder = Fixtures.path("dbt/1.12-postgres/07_build")
    let script = """
      import json, sys
      folder, name = sys.argv[1:]
      manifest = json.load(open(folder + "/manifest.json"))
      parents, children = {}, {}
      for part in ("nodes", "exposures", "unit_tests"):
          for one, node in manifest.get(part, {}).items():
              parents[one] = node.get("depends_on", {}).get("nodes", [])
              for parent in parents[one]:
                  children.setdefault(parent, []).append(one)
      status = {r["unique_id"]: r["status"] for r in json.load(open(folder + "/run_results.json"))["results"]}
      def reached(start, edges):
          seen, waiting = set(), list(edges.get(start, []))
          while waiting:
              one = waiting.pop()
              if one not in seen:
                  seen.add(one)
                  waiting += edges.get(one, [])
          return seen
      bad = {u for u, s in status.items() if s not in ("success", "pass", "warn", "no-op", "reused")}
      down = reached(name, children) & bad
      above = reached(name, parents)
      print(json.dumps(sorted(down)))
      print(json.dumps(sorted(above & bad)))
      """
    for node in ["fct_orders", "broken_margin", "rpt_margin", "stg_orders", "dim_statuses", "rpt_statuses"] {
      let truth = try await Subprocess.run(["python3", "-c", script, folder, "model.jaffle_ops.\(node)"])
      try #require(truth.status == 0, "\(truth.errorText)")
      let expected = try truth.text.split(separator: "\n").map { line in
        Set(try JSONValue(parsing: String(line)).arrayValue?.compactMap(\.stringValue) ?? [])
      }
      let story = try JSONValue(parsing: try await lab.run(["why", "model.jaffle_ops.\(node)", "--json"]).text)
      let runs = try #require(story["runs"]?.arrayValue)
      let build = try #require(
        runs.first { $0["dbt_run"]?["key"]?.stringValue?.hasSuffix("31eabe0b-6930-49fd-a2ec-40ec69f2f50a") == true })
      #expect(build["lineage_known"] == .bool(true))
      func ids(_ side: String) -> [String] {
        build[side]?.arrayValue?.compactMap { $0["unique_id"]?.stringValue } ?? []
      }
      #expect(Set(ids("downstream")) == expected[0], "\(node)")
      // The tests of what is upstream are told too, which are no parents.
      #expect(
        Set(ids("upstream").filter { !$0.contains("test.") }) == expected[1].filter { !$0.contains("test.") }, "\(node)"
      )
    }
  }

  @Test func aRunWithoutItsManifestDoesNotPretendThatAllIsWellAroundANode() async throws {
    let lab = try await lab()
    let results = Fixtures.path("dbt/1.7-postgres/07_build/run_results.json")
    let output = try await lab.run(["ingest", "--dbt-run-results", results, "--name", "bare"])
    try #require(output.status == 0, "\(output.errorText)")
    #expect(try await lab.run(["why", "fct_orders", "--limit", "1"]).text.contains("are not known"))
  }

  @Test func whatIsNotKnownOrMeansSeveralIsSaidSo() async throws {
    let lab = try await lab()
    let none = try await lab.run(["why", "no_such_node"])
    #expect(none.status == 1 && none.errorText.contains("no_such_node"))
    let several = try await lab.run(["why", "jaffle_ops.rpt_"])
    #expect(several.status == 1 && several.errorText.contains("  model.jaffle_ops.rpt_margin"))
  }

  @Test func messagesThatAreDroppedAreNotShown() async throws {
    let lab = try await lab(["record: {messages: drop}"])
    for arguments in [["why", "broken_margin"], ["checks", "show", "erroring_test"], ["runs", "list"]] {
      for more in [[], ["--json"]] {
        let output = try await lab.run(arguments + more)
        #expect(output.status == 0 && !output.text.contains("Database Error"), "\(arguments + more)")
      }
    }
  }
}
