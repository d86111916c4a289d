import ExecutionModel

/// Which state of a DAG run, task attempt or dbt run gives which event. `docs/EVENTS.md` has the table.
///
/// Every run id gets one start and one end, in this order, and nothing after its end. The functions look at a state
/// and at what was told before, so the same state twice gives nothing new the second time. Times are the source's.
public enum LineageRules {
  // MARK: States

  /// The end that a task attempt's state means; nil when it has not ended, or ended in a way that no event tells.
  ///
  /// - Parameters:
  ///   - state: as Airflow writes it.
  ///   - isCurrent: whether Airflow's live row shows this try. A try that is only in the history is over whatever its
  ///     state says: a running task that was cleared goes there as `running` or `restarting`.
  public static func terminal(forAttemptState state: String?, isCurrent: Bool) -> ExecutionEvent.Transition? {
    switch state {
    case "success", "skipped": .complete
    case "failed", "up_for_retry": .fail
    case "upstream_failed", "removed": nil
    default: isCurrent ? nil : .abort
    }
  }

  /// The end that a DAG run's state means.
  ///
  /// - Parameter wasCleared: whether this is what the run was before a clear: then it is over whatever its state says.
  public static func terminal(
    forDagRunState state: String?, wasCleared: Bool = false
  ) -> ExecutionEvent.Transition? {
    switch state {
    case "success": .complete
    case "failed": .fail
    default: wasCleared ? .abort : nil
    }
  }

  /// The end that a dbt run's status means. A status that is not known and bears a time of finishing ended neither
  /// well nor in error as far as anyone can tell: ABORT.
  public static func terminal(forDbtStatus status: String, isFinished: Bool) -> ExecutionEvent.Transition? {
    switch status {
    case "success": .complete
    case "error": .fail
    case "cancelled": .abort
    case "queued", "starting", "running": nil
    default: isFinished ? .abort : nil
    }
  }

  // MARK: Events

  /// What is to be told of a task attempt in its present state.
  ///
  /// - Parameter told: what was told of this attempt before.
  public static func events(
    for attempt: TaskAttempt, of run: DagRunKey, told: Set<ExecutionEvent.Transition> = []
  ) -> [ExecutionEvent] {
    due(for: attempt, hasStarted: told.contains(.start), hasEnded: told.contains(where: \.isTerminal))
      .events(about: .attempt(run, attempt.key))
  }

  /// As ``events(for:of:told:)``, as mere times: a history of millions of attempts asks for each.
  ///
  /// - Parameters:
  ///   - hasStarted: whether a start was told of this attempt before.
  ///   - hasEnded: whether an end was.
  public static func due(for attempt: TaskAttempt, hasStarted: Bool = false, hasEnded: Bool = false) -> DueEvents {
    let duration = attempt.duration.flatMap { $0.isFinite && $0 >= 0 && $0 < 1e9 ? $0 : nil }
    let times = Times(start: attempt.startDate, end: attempt.endDate, duration: duration)
    if attempt.state == "upstream_failed" || attempt.state == "removed" {
      // It never ran in this state. Only a start that was told already needs its end.
      return hasStarted ? due(.abort, times, hasStarted: true, hasEnded: hasEnded) : DueEvents()
    }
    let terminal = terminal(forAttemptState: attempt.state, isCurrent: attempt.isCurrent)
    return due(terminal, times, hasStarted: hasStarted, hasEnded: hasEnded)
  }

  /// What is to be told of a DAG run in its present state, under its present clear number.
  public static func events(
    for run: DagRun, told: Set<ExecutionEvent.Transition> = []
  ) -> [ExecutionEvent] {
    events(
      .dagRun(run.key, clearNumber: run.clearNumber), terminal(forDagRunState: run.state),
      Times(start: run.startDate, end: run.endDate), told)
  }

  /// What is to be told of a DAG run as it was before a clear. Without a clear number it has the same run id as the
  /// run that followed, so `told` has to be that run's.
  public static func events(
    for clear: DagRunClear, of run: DagRunKey, told: Set<ExecutionEvent.Transition> = []
  ) -> [ExecutionEvent] {
    events(
      .dagRun(run, clearNumber: clear.clearNumber), terminal(forDagRunState: clear.state, wasCleared: true),
      Times(start: clear.startDate, end: clear.endDate), told)
  }

  /// What is to be told of a dbt run. One that is cancelled before it starts begins when it was created.
  public static func events(for run: DbtRun, told: Set<ExecutionEvent.Transition> = []) -> [ExecutionEvent] {
    let terminal = terminal(forDbtStatus: run.status, isFinished: run.finishedAt != nil)
    let start = run.startedAt ?? (terminal == nil ? nil : run.createdAt)
    return events(.dbtRun(run.key), terminal, Times(start: start, end: run.finishedAt), told)
  }

  /// The end of something whose start was told and which will get no other, since it was deleted from Airflow.
  ///
  /// - Parameter time: when that was seen, by the clock of Airflow's database; no earlier than the start.
  public static func deleted(
    _ subject: ExecutionEvent.Subject, told: Set<ExecutionEvent.Transition>, time: Instant
  ) -> ExecutionEvent? {
    guard told.contains(.start), !told.contains(where: \.isTerminal) else { return nil }
    return ExecutionEvent(subject: subject, transition: .abort, time: time)
  }

  // MARK: Times

  /// The times of one run, completed from each other, never from a clock: a missing end is the start and the duration,
  /// else the start; a missing start of something that ended is its end; an end before the start is the start.
  private struct Times {
    var start: Instant?
    var end: Instant?
    var duration: Double?
  }

  private static func events(
    _ subject: ExecutionEvent.Subject, _ terminal: ExecutionEvent.Transition?, _ times: Times,
    _ told: Set<ExecutionEvent.Transition>
  ) -> [ExecutionEvent] {
    due(terminal, times, hasStarted: told.contains(.start), hasEnded: told.contains(where: \.isTerminal))
      .events(about: subject)
  }

  private static func due(
    _ terminal: ExecutionEvent.Transition?, _ times: Times, hasStarted: Bool, hasEnded: Bool
  ) -> DueEvents {
    var due = DueEvents()
    guard !hasEnded, let start = times.start ?? (terminal == nil ? nil : times.end) else { return due }
    if !hasStarted { due.start = start }
    if let terminal {
      let computed = start.microseconds.addingReportingOverflow(Int64((times.duration ?? 0) * 1e6))
      let end = max(start, times.end ?? Instant(microseconds: computed.overflow ? .max : computed.partialValue))
      due.end = .init(transition: terminal, time: end)
    }
    return due
  }
}
