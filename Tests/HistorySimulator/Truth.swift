/// What was committed, and what each read must therefore have shown. Knows nothing of how the syncer works beyond what
/// a poll promises: it reads runs that were never read, runs that are open, and runs that were open when last read.
public struct Truth: Sendable {
  /// Task, map index and try within a DAG run; try 0 is an end without running.
  public struct AttemptID: Hashable, Sendable, CustomStringConvertible {
    public var taskID: String
    public var mapIndex: Int
    public var number: Int

    public var description: String { "\(taskID)[\(mapIndex)] try \(number)" }
  }

  struct Attempt: Hashable, Sendable {
    var state: String?
    var start: Int64?
    var end: Int64?
    var clear: Int?
    var isCurrent: Bool
    var note: String?

    /// States that Airflow does not leave within the same try.
    var isTerminal: Bool {
      ["success", "failed", "skipped", "upstream_failed", "removed", "up_for_retry"].contains(state)
    }
  }

  struct Run: Hashable, Sendable {
    var id: Int64
    var state: String
    var queuedAt: Int64?
    var start: Int64?
    var end: Int64?
    /// nil before 2.8.
    var clear: Int?
    var note: String?

    var isTerminal: Bool { state == "success" || state == "failed" }
  }

  struct Link: Hashable, Sendable {
    var attempt: AttemptID
    var dbtRun: Int64
  }

  /// A run as one committed transaction left it.
  struct Version: Sendable {
    var key: RunKey
    var run: Run
    var attempts: [AttemptID: Attempt]
    /// What XComs say that are there.
    var links: Set<Link>
  }

  /// Everything that was true of one (dag_id, run_id) at some moment.
  struct Past: Sendable {
    var runs: Set<Run> = []
    var starts: [AttemptID: Set<Int64?>] = [:]
    var outcomes: [AttemptID: Set<Outcome>] = [:]
    var clears: [AttemptID: Set<Int?>] = [:]
    /// By `dag_run.id`, for a run can be deleted and made again.
    var links: [Int64: Set<Link>] = [:]

    struct Outcome: Hashable, Sendable {
      var state: String?
      var end: Int64?
    }
  }

  /// What the reads so far have shown of one (dag_id, run_id).
  struct Shown: Sendable {
    var run: Run
    var isRemoved = false
    /// Ends of runs by what tells one from the next: the clear number, before 2.8 the start.
    var ends: [Spell: Run] = [:]
    var attempts: [AttemptID: Attempt] = [:]
    /// Attempts of the last read.
    var last: [AttemptID: Attempt] = [:]
    var links: Set<Link> = []

    struct Spell: Hashable, Sendable {
      var id: Int64
      var clear: Int?
      var start: Int64?
    }
  }

  private(set) var past: [RunKey: Past] = [:]
  private(set) var shown: [RunKey: Shown] = [:]
  private var current: [Int64: Version] = [:]
  private var known: [Int64: RunKey] = [:]
  private var openAtLastRead: Set<Int64> = []
  private var floor: Int64?

  // MARK: Commits

  mutating func commit(_ version: Version) {
    current[version.run.id] = version
    var past = past[version.key] ?? Past()
    past.runs.insert(version.run)
    for (id, attempt) in version.attempts {
      past.starts[id, default: []].insert(attempt.start)
      past.outcomes[id, default: []].insert(Past.Outcome(state: attempt.state, end: attempt.end))
      past.clears[id, default: []].insert(attempt.clear)
    }
    past.links[version.run.id, default: []].formUnion(version.links)
    self.past[version.key] = past
  }

  mutating func delete(_ id: Int64) { current[id] = nil }

  // MARK: Reads

  /// A poll has read.
  mutating func poll() {
    let floor = self.floor ?? current.keys.max() ?? 0
    self.floor = floor
    let before = openAtLastRead
    for (id, version) in current where isOpen(version) || before.contains(id) || (known[id] == nil && id > floor) {
      show(version)
    }
    for id in before where current[id] == nil { remove(id) }
  }

  /// All of history was read: what there was at first contact.
  mutating func history() {
    for (id, version) in current where id <= floor ?? 0 { show(version) }
  }

  /// Everything was read again, and what is gone was noticed.
  mutating func sweep() {
    for version in current.values { show(version) }
    for id in known.keys where current[id] == nil { remove(id) }
  }

  private func isOpen(_ version: Version) -> Bool { !version.run.isTerminal }

  private mutating func remove(_ id: Int64) {
    openAtLastRead.remove(id)
    guard let key = known[id], shown[key]?.run.id == id else { return }
    shown[key]?.isRemoved = true
  }

  private mutating func show(_ version: Version) {
    let run = version.run
    known[run.id] = version.key
    if isOpen(version) { openAtLastRead.insert(run.id) } else { openAtLastRead.remove(run.id) }
    var seen = shown[version.key] ?? Shown(run: run)
    if seen.run.id != run.id {
      // Made again under the same run_id: its ends and attempts are others.
      seen.ends = [:]
      seen.attempts = [:]
      seen.links = []
    }
    seen.run = run
    seen.isRemoved = false
    if run.isTerminal {
      let spell = Shown.Spell(id: run.id, clear: run.clear, start: run.clear == nil ? run.start : nil)
      seen.ends[spell] = run
    }
    seen.last = version.attempts
    for (id, attempt) in version.attempts {
      var attempt = attempt
      // The first start that was seen is kept.
      if let first = seen.attempts[id]?.start { attempt.start = min(first, attempt.start ?? first) }
      seen.attempts[id] = attempt
    }
    // An XCom says nothing when the try that wrote it was never seen.
    seen.links.formUnion(version.links.filter { seen.attempts[$0.attempt] != nil })
    shown[version.key] = seen
  }
}

extension SimulatedRun {
  /// What the database shows of this run, in the words of ``Truth``.
  func version(_ database: AirflowDatabase) -> Truth.Version {
    var version = Truth.Version(
      key: key,
      run: Truth.Run(
        id: id, state: state, queuedAt: queuedAt, start: start, end: end, clear: database.countsClears ? clear : nil,
        note: note),
      attempts: [:], links: [])
    for task in tasks {
      func attempt(_ number: Int) -> Truth.AttemptID {
        Truth.AttemptID(taskID: task.taskID, mapIndex: task.mapIndex, number: number)
      }
      func first(_ number: Int, _ start: Int64?) -> Int64? {
        task.firstPokes[number].map { min($0, start ?? $0) } ?? start
      }
      for past in task.history {
        version.attempts[attempt(past.number)] = Truth.Attempt(
          state: past.state, start: first(past.number, past.start), end: past.end,
          clear: database.countsClears ? past.clear : nil, isCurrent: false, note: nil)
      }
      if let number = task.shown {
        if task.hasHistory(of: number) {
          version.attempts[attempt(number)]?.isCurrent = true
          version.attempts[attempt(number)]?.note = task.note
        } else {
          let isOver = task.isFinished || task.state == "up_for_retry"
          version.attempts[attempt(number)] = Truth.Attempt(
            state: task.state, start: first(number, task.start), end: isOver ? task.end : nil,
            clear: database.countsClears ? task.shownClear : nil, isCurrent: true, note: task.note)
        }
      }
      for xcom in task.xcoms.values {
        guard let run = xcom.dbtRun else { continue }
        version.links.insert(Truth.Link(attempt: attempt(xcom.writer), dbtRun: run))
      }
    }
    return version
  }
}
