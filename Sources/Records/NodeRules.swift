import ExecutionModel

/// Which results of a dbt run give which events. `docs/EVENTS.md` has the table.
///
/// A model, seed or snapshot that was built is one run, a node with the tests that are attached to it another, and so is
/// each test that is attached to none. What was skipped is told by nothing: it did not run.
public enum NodeRules {
  /// What is to be known of a result to tell which events it gives.
  public struct Outcome: Hashable, Sendable {
    public var uniqueID: String
    public var resourceType: String?
    public var status: String
    public var failures: Int64?
    public var severity: String?
    public var attachedNode: String?
    public var failedBatches: Int?
    public var startedAt: Instant?
    public var completedAt: Instant?

    public init(uniqueID: String, status: String) {
      self.uniqueID = uniqueID
      self.status = status
    }

    public init(_ result: DbtNodeResult) {
      self.init(uniqueID: result.uniqueID, status: result.status)
      resourceType = result.resourceType
      failures = result.failures
      severity = result.severity
      attachedNode = result.attachedNode
      failedBatches = result.batches?.failed
      startedAt = result.startedAt
      completedAt = result.completedAt
    }
  }

  /// The times of a step, for results without times of their own.
  public struct StepTimes: Hashable, Sendable {
    public var startedAt: Instant?
    public var finishedAt: Instant?

    public init(startedAt: Instant?, finishedAt: Instant?) {
      self.startedAt = startedAt
      self.finishedAt = finishedAt
    }

    /// - Parameter run: the run of the step, for a step that has no times.
    public init(_ step: DbtStep, of run: DbtRun) {
      startedAt = step.startedAt ?? run.startedAt ?? run.createdAt
      finishedAt = step.finishedAt ?? run.finishedAt ?? startedAt
    }
  }

  /// Something that ran: a node's own run, or its tests.
  public struct Told: Hashable, Sendable {
    public var uniqueID: String
    public var part: DbtNodePart
    public var start: Instant
    public var end: Instant
    public var transition: ExecutionEvent.Transition

    /// Its START and its end.
    public func events(of run: DbtRunKey, step: Int) -> [ExecutionEvent] {
      let subject = ExecutionEvent.Subject.dbtNode(run, step: step, uniqueID: uniqueID, part)
      return [
        ExecutionEvent(subject: subject, transition: .start, time: start),
        ExecutionEvent(subject: subject, transition: transition, time: end),
      ]
    }
  }

  /// How many events there are about the nodes of a run.
  public static func count(of run: DbtRun) -> Int {
    run.steps.reduce(0) { count, step in
      count + 2 * told(of: step.results.map(Outcome.init), command: step.command, StepTimes(step, of: run)).count
    }
  }

  /// What ran in a step, in the order of its results; a node's tests where its last test stands, after the node itself.
  public static func told(of outcomes: [Outcome], command: String?, _ times: StepTimes) -> [Told] {
    guard tells(command) else { return [] }
    var told: [Told] = []
    var tests: [String: [Outcome]] = [:]
    var runs: Set<String> = []
    for outcome in outcomes {
      if let node = testedNode(outcome) {
        tests[node, default: []].append(outcome)
      } else if let transition = end(of: outcome), runs.insert(outcome.uniqueID).inserted,
        let period = period(of: [outcome], times)
      {
        told.append(
          Told(
            uniqueID: outcome.uniqueID, part: .run, start: period.start, end: period.end, transition: transition))
      }
    }
    for outcome in outcomes {
      guard let node = testedNode(outcome), let group = tests.removeValue(forKey: node) else { continue }
      let ran = group.filter { !isSkipped($0) }
      guard !ran.isEmpty, let period = period(of: ran, times) else { continue }
      told.append(
        Told(uniqueID: node, part: .tests, start: period.start, end: period.end, transition: end(ofTests: ran)))
    }
    return told
  }

  /// Whether the results of a command say what was done to relations: those of `generate`, `compile`, `list` and
  /// `parse` do not, nor do those of macros. A command that is not known is told.
  public static func tells(_ command: String?) -> Bool {
    switch command {
    case "generate", "compile", "list", "parse", "run-operation", "show", "freshness": false
    default: true
    }
  }

  /// The node that a test tells of; nil for what is no test, or is attached to no node.
  public static func testedNode(_ outcome: Outcome) -> String? {
    outcome.uniqueID.hasPrefix("test.") ? outcome.attachedNode : nil
  }

  /// Whether a test did not run, so that it says nothing about the node.
  public static func isSkipped(_ outcome: Outcome) -> Bool {
    DbtOutcome(status: outcome.status, failures: outcome.failures, severity: outcome.severity) == .skipped
  }

  // MARK: Ends

  private static func end(of outcome: Outcome) -> ExecutionEvent.Transition? {
    let kind = outcome.uniqueID.prefix { $0 != "." }
    switch kind {
    case "test", "unit_test": return isSkipped(outcome) ? nil : end(ofTests: [outcome])
    case "model", "seed", "snapshot": break
    default: return nil
    }
    switch outcome.status.lowercased() {
    case "success": return .complete
    // Some batches of the model were built and others were not.
    case "partial success": return outcome.failedBatches == 0 ? .complete : .fail
    case "error", "fail", "failed", "runtime error": return .fail
    case "skipped", "skip", "no-op", "reused": return nil
    // It is over, and nobody can tell how.
    default: return .abort
    }
  }

  private static func end(ofTests outcomes: [Outcome]) -> ExecutionEvent.Transition {
    var end = ExecutionEvent.Transition.complete
    for outcome in outcomes {
      switch DbtOutcome(status: outcome.status, failures: outcome.failures, severity: outcome.severity) {
      case .pass, .warn, .skipped: continue
      case .fail, .error: return .fail
      case .other: end = .abort
      }
    }
    return end
  }

  // MARK: Times

  /// From the first start to the last end; where no result has times, the end of the step. Never the present.
  private static func period(of outcomes: [Outcome], _ times: StepTimes) -> (start: Instant, end: Instant)? {
    let starts = outcomes.compactMap { $0.startedAt ?? $0.completedAt }
    let ends = outcomes.compactMap { $0.completedAt ?? $0.startedAt }
    guard let start = starts.min() ?? times.finishedAt ?? times.startedAt else { return nil }
    return (start, max(start, ends.max() ?? start))
  }
}
