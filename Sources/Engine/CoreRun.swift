import DbtArtifacts
import ExecutionModel

/// One invocation of dbt of which only the artifacts are at hand. Pure.
struct CoreRun {
  var results: RunResults?
  var freshness: SourceFreshness?
  /// Read with the catalog.
  var manifest: Manifest?
  var catalog: Catalog?
  /// Whether there is a manifest that cannot be read.
  var isManifestBroken = false

  /// The invocation that wrote the results; nil where the file does not say.
  var invocationID: String? { results?.metadata.invocationID ?? freshness?.metadata.invocationID }

  /// The run as a record has it, with one step; nil without an invocation id, by which it is known.
  /// - Parameter name: whose run it is; nil for the dbt project's.
  func run(name: String?) -> DbtRun? {
    guard let invocationID, let name = name ?? manifest?.metadata.projectName else { return nil }
    var step = DbtStep(index: 1)
    step.runResults = .notApplicable
    step.manifest = isManifestBroken ? .invalid : .missing
    if let results { _ = step.fill(results, manifest: manifest) }
    if let freshness { _ = step.fill(freshness, manifest: manifest) }
    if let catalog, !step.nodes.isEmpty { step.addSizes(of: catalog) }
    step.command = step.command ?? (freshness == nil ? nil : "freshness")
    step.name = "dbt " + (freshness == nil ? step.command ?? "" : "source freshness")
    step.status = isFailed ? "error" : "success"
    // dbt says when it wrote the file, which is the last that it does.
    step.finishedAt = results?.metadata.generatedAt ?? freshness?.metadata.generatedAt
    step.startedAt = step.results.compactMap(\.startedAt).min() ?? step.finishedAt
    var run = DbtRun(
      key: .core(name: name, invocationID: invocationID), status: step.status ?? "", isComplete: true, steps: [step])
    run.jobName = name
    run.projectName = step.projectName
    run.dbtVersion = step.dbtVersion
    run.createdAt = step.startedAt
    run.startedAt = step.startedAt
    run.finishedAt = step.finishedAt
    return run
  }

  /// Whether dbt ended with an error, as far as the rows tell.
  private var isFailed: Bool {
    let bad: Set<String> = ["error", "fail", "runtime error", "partial success"]
    return (results?.results.contains { bad.contains($0.status) } ?? false)
      || (freshness?.rows.contains { bad.contains($0.status) } ?? false)
  }
}
