/// Something that happened to a run and is told to tracking backends: one start and one end per run id.
public struct ExecutionEvent: Hashable, Sendable {
  /// What it happened to.
  public enum Subject: Hashable, Sendable {
    /// A DAG run as it ran between two clears.
    case dagRun(DagRunKey, clearNumber: Int?)
    case attempt(DagRunKey, AttemptKey)
    case dbtRun(DbtRunKey)
    /// One node of a step of a dbt run.
    case dbtNode(DbtRunKey, step: Int, uniqueID: String, DbtNodePart)
  }

  /// What happened. Everything but ``start`` is terminal and final.
  public enum Transition: String, Hashable, Sendable, CaseIterable {
    case start = "START"
    case complete = "COMPLETE"
    case fail = "FAIL"
    case abort = "ABORT"

    public var isTerminal: Bool { self != .start }
  }

  public var subject: Subject
  public var transition: Transition
  /// When it happened, by the source's clock.
  public var time: Instant

  public init(subject: Subject, transition: Transition, time: Instant) {
    self.subject = subject
    self.transition = transition
    self.time = time
  }
}
