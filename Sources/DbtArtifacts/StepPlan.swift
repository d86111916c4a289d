import ExecutionModel

/// Which artifacts to ask dbt Cloud for, by what is known of one step. Always ask with `?step=`: without it the answer
/// is the last step's, and `docs generate`, often the last, calls every node a success.
///
/// 1. Ask for ``first``. A 404 is "no artifact".
/// 2. Read it. ``RunResults/needManifest`` says whether `manifest.json` is worth its size.
public struct StepPlan: Hashable, Sendable {
  /// What the step's command line says, see ``StepCommand``.
  public var command: String?
  /// The artifact that has the step's outcome: run_results.json, or sources.json after `dbt source freshness`.
  /// nil when the step leaves none, or has not ended yet.
  public var first: ArtifactName?
  /// The step may still leave artifacts: look again later.
  public var isOpen: Bool

  /// - Parameter runIsOver: dbt Cloud will not go on with the run, so a step that has not started never will.
  public init(step: DbtStep, runIsOver: Bool) {
    command = step.command ?? step.name.flatMap { StepCommand.name(ofStep: $0) }
    isOpen = false
    guard mayLeaveResults(step.name, command) else { return }
    switch step.status {
    case "queued", "starting", "running":
      // Left so by a run that was cancelled or lost: it never ended.
      isOpen = !runIsOver
      if runIsOver, step.startedAt != nil { first = artifact(of: command) }
    case "success", "error": first = artifact(of: command)
    default:
      if step.startedAt != nil || step.status == nil {
        first = artifact(of: command)
      } else {
        isOpen = !runIsOver
      }
    }
  }

  /// Puts command and artifact states into the step: pending for what is to be fetched, not applicable for the rest.
  public func begin(_ step: inout DbtStep) {
    step.command = command
    step.catalog = .notApplicable
    let waiting: ArtifactState = isOpen ? .pending : .notApplicable
    step.runResults = first == .runResults ? .pending : waiting
    step.manifest = step.runResults
    step.sources = first == .sources ? .pending : .notApplicable
    if isOpen, command == "freshness" {
      step.runResults = .notApplicable
      step.manifest = .notApplicable
      step.sources = .pending
    }
  }
}

extension StepPlan {
  /// Commands that write run_results.json without having run anything, or that write none of their own. `docs generate`
  /// and `compile` call each node "success"; a file found after one of the others was left by an earlier step.
  public static let commandsWithoutResults: Set<String> = [
    "clean", "compile", "debug", "deps", "docs", "environment", "generate", "init", "list", "man", "parse", "serve",
    "show", "sl", "system",
  ]
}

private func mayLeaveResults(_ name: String?, _ command: String?) -> Bool {
  if let command { return !StepPlan.commandsWithoutResults.contains(command) }
  // Without a name nothing tells that the step is no invocation of dbt.
  return name.map(StepCommand.isInvocation) ?? true
}

private func artifact(of command: String?) -> ArtifactName { command == "freshness" ? .sources : .runResults }

extension RunResults {
  /// Whether the rows are results of the command: false for `docs generate`, `compile` and the like.
  public var areResults: Bool { which.map { !StepPlan.commandsWithoutResults.contains($0) } ?? true }

  /// Whether a manifest would add something to the rows.
  public var needManifest: Bool { areResults && !results.isEmpty }

  /// The nodes to keep of the manifest.
  public var uniqueIDs: Set<String> { Set(results.map(\.uniqueID)) }
}

extension SourceFreshness {
  /// The nodes to keep of the manifest.
  public var uniqueIDs: Set<String> { Set(rows.map(\.uniqueID)) }
}
