import ExecutionModel
import JSONText
import TestServers
import Testing

@testable import DbtArtifacts

/// What dbt wrote, read here and by a Python script that shares no code with the reader.
@Suite struct RealArtifactsTests {
  @Test(arguments: Folders.all)
  func everyFieldOfEveryResultEqualsWhatPythonReads(_ folder: String) async throws {
    let script = Fixtures.path("dbt/expected.py")
    let output = try await Subprocess.run(["python3", "-B", script, Fixtures.path("dbt/\(folder)")])
    try #require(output.status == 0, "\(output.errorText)")
    let expected = try output.text.split(separator: "\n").map { line in
      try JSONValue(parsing: String(line)).arrayValue?.map(\.stringValue) ?? []
    }

    var step = DbtStep(index: 1)
    var read: [[String?]] = []
    if Folders.withoutResults.contains(folder) {
      let freshness = try SourceFreshness(path: Folders.path(folder, .sources))
      let manifest = try Manifest(path: Folders.path(folder, .manifest), keeping: freshness.uniqueIDs)
      #expect(step.fill(freshness, manifest: manifest) == .filled)
      read = step.freshness.map {
        [
          $0.uniqueID, $0.status, $0.maxLoadedAt?.rfc3339, $0.snapshottedAt?.rfc3339, $0.ageSeconds?.description,
          $0.error,
        ]
      }
    } else {
      let results = try RunResults(path: Folders.path(folder, .runResults))
      step.nodes = try Manifest(path: Folders.path(folder, .manifest), keeping: results.uniqueIDs).nodes
      read = try Folders.joined(folder).map { fields($0, step.nodes) }
    }
    if Folders.withCatalog.contains(folder) {
      step.add(try Catalog(path: Folders.path(folder, .catalog), keeping: Set(step.nodes.keys)))
    }
    read += step.nodes.values.sorted { $0.uniqueID < $1.uniqueID }.map(fields)
    #expect(read.count == expected.count)
    for (ours, theirs) in zip(read, expected) { #expect(ours == theirs) }
  }

  private func fields(_ node: DbtNode) -> [String?] {
    let columns = node.columns.map { "\($0.name),\($0.type ?? "-"),\($0.description ?? "-")" }
    return [
      "node", node.uniqueID, node.resourceType, node.relation, node.database, node.schema, node.alias,
      node.materialized, node.description, columns.joined(separator: "|"), node.dependsOn.joined(separator: ","),
      node.meta.map { "\($0.key)=\($0.value)" }.joined(separator: "|"), node.severity, node.warnIf, node.errorIf,
    ]
  }

  private func fields(_ result: DbtNodeResult, _ nodes: [String: DbtNode]) -> [String?] {
    let batches = result.batches.map { "\($0.successful)/\($0.failed)" }
    return [
      result.uniqueID, result.resourceType, result.name, result.package, result.path, result.owner, result.group,
      result.tags.joined(separator: ","), result.status, result.relation, result.startedAt?.rfc3339,
      result.completedAt?.rfc3339, result.executionTime?.description, result.thread,
      result.rowsAffected.map(String.init), result.failures.map(String.init), result.message, result.queryID,
      result.dependsOn.joined(separator: ","), result.attachedNode, result.column, result.test, result.severity,
      result.inputs.joined(separator: ","),
      result.inputs.map { nodes[$0]?.relation ?? "?" }.joined(separator: ","), batches,
    ]
  }

  @Test(arguments: Folders.withResults)
  func bothFilesOfOneInvocationAreRecognisedAsSuch(_ folder: String) throws {
    let results = try RunResults(path: Folders.path(folder, .runResults))
    let manifest = try Manifest(path: Folders.path(folder, .manifest), keeping: results.uniqueIDs)
    #expect(results.metadata.invocationID != nil)
    #expect(results.metadata.invocationID == manifest.metadata.invocationID)
    #expect(results.metadata.dbtVersion == manifest.metadata.dbtVersion)
    #expect(manifest.metadata.adapterType == (folder.contains("duckdb") ? "duckdb" : "postgres"))
    #expect(manifest.metadata.projectName == (folder.hasPrefix("1.3") ? nil : "jaffle_ops"))
    #expect(results.uniqueIDs.isSubset(of: manifest.nodes.keys))
  }

  @Test func microbatchKeepsItsOwnStatus() throws {
    let statuses = try Folders.joined("1.12-duckdb/03_run").map(\.status)
    #expect(statuses.contains("partial success"))
  }

  @Test func docsGenerateGivesRowsThatAreNoResults() throws {
    for folder in ["1.7-postgres/08_docs_generate", "1.12-postgres/08_docs_generate"] {
      let results = try RunResults(path: Folders.path(folder, .runResults))
      #expect(results.which == "generate")
      #expect(!results.areResults)
      #expect(!results.needManifest)
    }
  }

  @Test func retryBearsTheCommandThatItRepeats() throws {
    let results = try RunResults(path: Folders.path("1.12-postgres/19_retry", .runResults))
    #expect(results.which == "run")
    #expect(results.areResults)
    #expect(results.results.count == 3)
  }
}
