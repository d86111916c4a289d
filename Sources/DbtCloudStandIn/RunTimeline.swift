import ExecutionModel

/// What the API shows of a run at one moment of its life. Pure: everything follows from the run, its artifacts and how
/// far it has come; no clock.
struct RunTimeline {
  /// How far a run has come.
  enum Phase: Int64, Comparable {
    case queued = 1
    case starting = 2
    case running = 3
    case over = 10

    static func < (left: Phase, right: Phase) -> Bool { left.rawValue < right.rawValue }
  }

  struct Step {
    var index: Int
    var name: String
    var command: String?
    /// Status code as of runs.
    var status: Int64
    var startedAt: Instant?
    var finishedAt: Instant?
    var folder: ArtifactFolder?
  }

  var phase: Phase
  var status: Int64
  var dequeuedAt: Instant?
  var startedAt: Instant?
  var finishedAt: Instant?
  var steps: [Step] = []

  /// Seconds from creation to start, and from start to end.
  private static let wait: Int64 = 1
  private static let work: Int64 = 2

  init(_ run: StandInRun, folders: [ArtifactFolder], phase: Phase) {
    self.phase = phase
    let start = run.createdAt.advanced(bySeconds: Self.wait)
    let end = run.cancelledAt ?? start.advanced(bySeconds: Self.work)
    status = phase == .over ? Self.code(run.finalOutcome) : phase.rawValue
    if phase >= .starting { dequeuedAt = Instant(microseconds: run.createdAt.microseconds + 500_000) }
    if phase >= .running, start <= end { startedAt = start }
    if phase == .over { finishedAt = end }
    guard phase >= .running, start <= end else { return }

    let outcome = run.finalOutcome
    let commands: [(command: String, folder: ArtifactFolder?)] =
      outcome == .cancelled || folders.isEmpty ? [("dbt build", nil)] : folders.map { ($0.command, $0) }
    var plan: [(name: String, command: String?, folder: ArtifactFolder?)] = [
      ("Clone git repository", nil, nil), ("Create profile from connection Postgres", nil, nil),
      ("Invoke dbt with `dbt deps`", "dbt deps", nil),
    ]
    plan += commands.map { ("Invoke dbt with `\($0.command)`", $0.command, $0.folder) }

    let slice = max(0, end.microseconds - start.microseconds) / Int64(plan.count)
    for (offset, item) in plan.enumerated() {
      let begin = Instant(microseconds: start.microseconds + Int64(offset) * slice)
      let finish = Instant(microseconds: begin.microseconds + slice)
      let isLast = offset == plan.count - 1
      var step = Step(
        index: offset + 1, name: item.name, command: item.command, status: 10, startedAt: begin, finishedAt: finish,
        folder: item.folder)
      if phase == .running {
        // Under way: dbt is at its last command.
        if isLast {
          step.status = 3
          step.finishedAt = nil
          step.folder = nil
        }
      } else {
        switch outcome {
        case .success: break
        case .error: if item.folder?.failed ?? isLast { step.status = 20 }
        case .cancelled: if isLast { step.status = 30 }
        }
      }
      steps.append(step)
    }
  }

  private static func code(_ outcome: StandInRun.Outcome) -> Int64 {
    switch outcome {
    case .success: 10
    case .error: 20
    case .cancelled: 30
    }
  }
}
