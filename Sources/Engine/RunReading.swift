import DbtArtifacts
import DbtCloud
import ExecutionModel

/// Reads what the steps of one dbt Cloud run left: results, lineage, freshness, and the columns of the catalog.
struct RunReading: Sendable {
  let client: DbtCloudClient
  let reader: ArtifactReader
  let downloads: Downloads
  let runID: Int64
  /// A file that cannot be read may have been cut on its way: it is fetched again a few times before the record is kept
  /// without it.
  let mayGiveUp: Bool

  /// What was read, and what has to be said about it.
  struct Outcome: Sendable {
    var steps: [DbtStep]
    /// Whether dbt Cloud was asked for any artifact.
    var hasAsked = false
    var warnings: [String] = []
  }

  /// The steps of a run that is over, with their results.
  /// - Throws: ``DbtCloudError``, ``ArtifactError`` where reading anew may help, or `CancellationError`.
  func read(_ head: DbtRunHead) async throws -> Outcome {
    var outcome = Outcome(steps: head.run.steps)
    var earlier: Set<String> = []
    for index in outcome.steps.indices {
      var step = outcome.steps[index]
      try await fill(&step, earlier: earlier, &outcome)
      if let id = step.invocationID { earlier.insert(id) }
      outcome.steps[index] = step
    }
    try await addCatalog(head, to: &outcome)
    return outcome
  }

  private func fill(_ step: inout DbtStep, earlier: Set<String>, _ outcome: inout Outcome) async throws {
    let plan = StepPlan(step: step, runIsOver: true)
    plan.begin(&step)
    switch plan.first {
    case .runResults: try await fillResults(&step, earlier: earlier, &outcome)
    case .sources: try await fillFreshness(&step, earlier: earlier, &outcome)
    default: break
    }
  }

  private func fillResults(_ step: inout DbtStep, earlier: Set<String>, _ outcome: inout Outcome) async throws {
    let found = try await artifact(.runResults, step.index, &outcome) { try await reader.runResults($0) }
    guard case .read(let results) = found else {
      step.runResults = found.state
      step.manifest = found.state == .missing ? .missing : .notApplicable
      return
    }
    guard results.needManifest, !(results.metadata.invocationID.map(earlier.contains) ?? false) else {
      _ = step.fill(results, manifest: nil, earlier: earlier)
      return
    }
    let manifest = try await artifact(.manifest, step.index, &outcome) {
      try await reader.manifest($0, keeping: results.uniqueIDs)
    }
    if case .read(let manifest) = manifest {
      _ = step.fill(results, manifest: manifest, earlier: earlier)
    } else {
      _ = step.fill(results, manifest: nil, earlier: earlier)
      step.manifest = manifest.state
    }
  }

  private func fillFreshness(_ step: inout DbtStep, earlier: Set<String>, _ outcome: inout Outcome) async throws {
    let found = try await artifact(.sources, step.index, &outcome) { try await reader.freshness($0) }
    guard case .read(let freshness) = found else {
      step.sources = found.state
      return
    }
    guard !freshness.rows.isEmpty, !(freshness.metadata.invocationID.map(earlier.contains) ?? false) else {
      _ = step.fill(freshness, earlier: earlier)
      return
    }
    let manifest = try await artifact(.manifest, step.index, &outcome) {
      try await reader.manifest($0, keeping: freshness.uniqueIDs)
    }
    if case .read(let manifest) = manifest {
      _ = step.fill(freshness, manifest: manifest, earlier: earlier)
    } else {
      _ = step.fill(freshness, earlier: earlier)
      step.manifest = manifest.state
    }
  }

  // MARK: The catalog

  /// The columns and sizes of tables, as the last `dbt docs generate` of the run found them, go to the nodes of all steps.
  private func addCatalog(_ head: DbtRunHead, to outcome: inout Outcome) async throws {
    let steps = outcome.steps
    let generated = steps.lastIndex {
      $0.command == "generate" && $0.startedAt != nil && !["error", "cancelled"].contains($0.status)
    }
    // A job may generate its docs in a step that does not say so; dbt Cloud keeps them with the last.
    guard let docs = generated ?? (head.hasDocs ? steps.indices.last : nil) else { return }
    let wanted = steps.reduce(into: Set<String>()) { $0.formUnion($1.nodes.keys) }
    guard !wanted.isEmpty else { return }
    let found = try await artifact(.catalog, steps[docs].index, &outcome) {
      try await reader.catalog($0, keeping: wanted)
    }
    if case .read(let catalog) = found {
      for index in outcome.steps.indices where !outcome.steps[index].nodes.isEmpty {
        let state = outcome.steps[index].catalog
        outcome.steps[index].add(catalog)
        outcome.steps[index].catalog = state
      }
    }
    outcome.steps[docs].catalog = found.state
  }

  // MARK: One artifact

  private enum Found<Value> {
    case read(Value)
    /// dbt Cloud has none.
    case missing
    /// It cannot be read, or is too large.
    case invalid

    var state: ArtifactState {
      switch self {
      case .read: .fetched
      case .missing: .missing
      case .invalid: .invalid
      }
    }
  }

  private func artifact<Value>(
    _ artifact: ArtifactName, _ step: Int, _ outcome: inout Outcome, read: (String) async throws -> Value
  ) async throws -> Found<Value> {
    let (path, isThere) = downloads.file(runID, step: step, name: artifact.rawValue)
    if !isThere {
      outcome.hasAsked = true
      do {
        switch try await client.artifact(run: runID, step: step, name: artifact.rawValue, to: path) {
        case .fetched(let bytes): downloads.note(path, bytes: bytes, of: runID)
        case .missing: return .missing
        }
      } catch let error as DbtCloudError {
        switch error.kind {
        case .tooLarge:
          outcome.warnings.append(error.description)
          return .invalid
        // The page of a proxy says nothing about the artifact: that is waited for.
        case .notJSON where !error.isWebPage && mayGiveUp:
          outcome.warnings.append(
            "dbt run \(runID), step \(step): \(artifact.rawValue) is no JSON object (\(error.message)). The run is "
              + "recorded without it.")
          return .invalid
        default: throw error
        }
      }
    }
    do { return .read(try await read(path)) } catch let error as ArtifactError {
      downloads.drop(path, of: runID)
      if error.isRetryable, !mayGiveUp { throw error }
      outcome.warnings.append("dbt run \(runID), step \(step): \(error.description) The run is recorded without it.")
      return .invalid
    }
  }
}
