import ExecutionModel
import Platform
import TestServers

/// Writes a random but lawful history of an Airflow into a database with its real schema, one transaction at a time:
/// what the scheduler, workers, triggerer and users would write, through several connections, some of whose
/// transactions stay open while others commit. The same seed writes the same history.
///
/// Row changes follow what was recorded from real Airflows (Tests/Fixtures/airflow/transitions). Time is virtual: it
/// goes on by a random step before each transaction.
public actor HistorySimulator {
  private let executor = ThreadExecutor(name: "simulator")
  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  let database: AirflowDatabase
  private let options: Options
  private var writers: [SQLWriter] = []
  private var random: SeededRandom
  private var now: Int64
  private var nextDbtRun: Int64
  private var dags: [String: [TaskPlan]] = [:]
  private(set) var runs: [Int64: SimulatedRun] = [:]
  private var pending: [Pending] = []
  private var deleted: [RunKey] = []
  private var made = 0
  private var focus: Int64?
  private var steps = 0
  /// What was committed, and what reads must have shown.
  public private(set) var truth = Truth()
  /// What was done, step by step, for whoever looks into a fault.
  public private(set) var journal: [String] = []

  /// What a history is made of.
  public struct Options: Sendable {
    /// How many runs are made.
    public var runs: ClosedRange<Int> = 5...12
    /// After how many transactions the history breaks off, finished or not.
    public var steps: ClosedRange<Int> = 90...220
    /// Whether finished runs change in ways that do not open them again, and vanish. Only a sweep sees that.
    public var changesFinishedRuns = false

    public init() {}
  }

  /// A transaction that is not committed yet.
  private struct Pending {
    var writer: SQLWriter
    var change: Change
    var stepsLeft: Int
  }

  /// What a transaction does.
  private struct Change {
    var name: String
    var statements: [String]
    var runs: [SimulatedRun]
    var deletes: [Int64] = []
    var isNew = false
  }

  private let wanted: Int
  private let lastStep: Int

  public init(_ database: AirflowDatabase, seed: UInt64, options: Options = Options()) {
    self.database = database
    self.options = options
    var random = SeededRandom(seed)
    wanted = random.number(options.runs)
    lastStep = random.number(options.steps)
    // 2026-01-15T06:00:00Z
    now = 1_768_456_800_000_000 + Int64(random.number(0...86_400)) * 1_000_000
    nextDbtRun = random.chance(0.5) ? 50_019_000 : 70_437_463_654_557
    self.random = random
  }

  // MARK: Acting

  /// Empties the database and makes the DAGs.
  public func begin() throws {
    let writer = try SQLWriter(database.socketConninfo)
    let tables = ["dag_run", "dag", "xcom", "task_reschedule", "dag_bundle"].filter(database.has)
    try writer.run("TRUNCATE \(tables.joined(separator: ", ")) RESTART IDENTITY CASCADE")
    writers = [writer, try SQLWriter(database.socketConninfo), try SQLWriter(database.socketConninfo)]
    var script = SQLScript(database, now: now)
    script.insert("dag_bundle", [("name", "'x'")])
    for number in 1...random.number(1...3) {
      let dagID = "dag_\(number)"
      dags[dagID] = makePlan()
      script.insert("dag", [("dag_id", sql(dagID)), ("bundle_name", "'x'"), ("owners", "'airflow'")])
    }
    try writer.run(script.statements.joined(separator: ";"))
  }

  /// One transaction, or the beginning or end of a longer one.
  /// - Returns: false when nothing is left to be done.
  public func step() throws -> Bool {
    steps += 1
    now += random.chance(0.1) ? Int64(random.number(1...600)) * 1_000_000 : Int64(random.number(1...3_000_000))
    try endPending()
    guard steps < lastStep, let change = nextChange() else { return !pending.isEmpty }
    try perform(change)
    return true
  }

  /// Ends every open transaction.
  public func settle() throws {
    for index in pending.indices { pending[index].stepsLeft = 0 }
    try endPending()
  }

  /// Closes the connections.
  public func close() { writers = [] }

  /// Whether ids of runs were taken that are not committed yet.
  public var hasUncommittedRuns: Bool { pending.contains { $0.change.isNew } }

  // MARK: Reads of the syncer

  /// A poll that saw all commits so far.
  public func notePoll() { note("poll") { $0.poll() } }
  /// The loading of history that saw all commits so far.
  public func noteHistory() { note("history") { $0.history() } }
  /// A sweep that saw all commits so far.
  public func noteSweep() { note("sweep") { $0.sweep() } }

  private func note(_ name: String, _ body: (inout Truth) -> Void) {
    journal.append("\(steps) \(name)")
    body(&truth)
  }

  // MARK: Transactions

  private func perform(_ change: Change) throws {
    let isLong = pending.count < writers.count - 1 && random.chance(change.isNew ? 0.5 : 0.12)
    let body = "BEGIN; \(change.statements.joined(separator: "; "))"
    guard let writer = freeWriters.randomElement(using: &random) else { return }
    if isLong {
      try writer.run(body)
      pending.append(Pending(writer: writer, change: change, stepsLeft: random.number(1...(change.isNew ? 30 : 12))))
      journal.append("\(steps) … \(change.name)")
    } else {
      try writer.run(body + "; COMMIT")
      commit(change)
    }
  }

  private var freeWriters: [SQLWriter] {
    writers.filter { writer in !pending.contains { $0.writer === writer } }
  }

  private func endPending() throws {
    for index in pending.indices { pending[index].stepsLeft -= 1 }
    for item in pending where item.stepsLeft <= 0 {
      if random.chance(0.15) {
        try item.writer.run("ROLLBACK")
        journal.append("\(steps) ✗ \(item.change.name)")
        if item.change.isNew { made -= 1 }
      } else {
        try item.writer.run("COMMIT")
        commit(item.change)
        // The scheduler takes up what is new.
        if item.change.isNew, random.chance(0.7) { focus = item.change.runs.first?.id }
      }
    }
    pending.removeAll { $0.stepsLeft <= 0 }
  }

  private func commit(_ change: Change) {
    journal.append("\(steps) \(change.name)")
    for run in change.runs {
      runs[run.id] = run
      truth.commit(run.version(database))
    }
    for id in change.deletes {
      if let run = runs.removeValue(forKey: id) { deleted.append(run.key) }
      truth.delete(id)
    }
  }

  // MARK: Choosing

  private func nextChange() -> Change? {
    let locked = locked
    let free = runs.values.filter { !locked.contains($0.id) }.sorted { $0.id < $1.id }
    let isFull = made >= wanted
    for _ in 0..<12 {
      if !isFull, free.isEmpty || random.chance(0.08) { return newRun() }
      if random.chance(0.1), let run = random.pick(free), let change = intervene(run) { return change }
      if random.chance(0.1), let run = free.first(where: { $0.hasLateWriter && !$0.isOpen }), let change = advance(run)
      {
        return change
      }
      if focus == nil || random.chance(0.2) { focus = random.pick(free.filter(\.isOpen))?.id }
      if let id = focus, let run = free.first(where: { $0.id == id }), let change = advance(run) { return change }
      focus = nil
    }
    if !isFull { return newRun() }
    // No luck above; what is left to be done is done.
    for run in free.shuffled(using: &random) { if let change = advance(run) { return change } }
    return nil
  }

  /// Runs that a transaction has changed which is not committed yet.
  private var locked: Set<Int64> { Set(pending.flatMap { $0.change.runs.map(\.id) + $0.change.deletes }) }

  /// Makes a change of one run.
  private func change(
    _ run: SimulatedRun, _ name: String, _ body: (inout SimulatedRun, inout StepContext) -> Void
  ) -> Change {
    var run = run
    var context = StepContext(script: SQLScript(database, now: now), random: random, nextDbtRun: nextDbtRun)
    body(&run, &context)
    random = context.random
    nextDbtRun = context.nextDbtRun
    return Change(name: "\(run.key) (\(run.id)): \(name)", statements: context.script.statements, runs: [run])
  }
}

// MARK: - Runs

extension HistorySimulator {
  private func makePlan() -> [TaskPlan] {
    var plans: [TaskPlan] = []
    for number in 0..<random.number(1...4) {
      let kind: SimulatedTask.Kind =
        random.pick([.dbt, .dbt, .dbt, .deferrableDbt, .deferrableDbt, .sensor, .python, .empty, .empty, .notChosen])
        ?? .empty
      let name: String =
        switch kind {
        case .dbt: random.chance(0.2) ? "AcmeDbtOperator" : "DbtCloudRunJobOperator"
        case .deferrableDbt: "DbtCloudRunJobOperator"
        case .sensor: "PythonSensor"
        case .python: "_PythonDecoratedOperator"
        case .empty, .notChosen: "EmptyOperator"
        }
      let upstream = plans.isEmpty || random.chance(0.3) ? [] : [plans[random.number(0...plans.count - 1)].taskID]
      var mapping = TaskPlan.Mapping.none
      if kind != .empty, kind != .notChosen, random.chance(0.25) {
        mapping = upstream.isEmpty ? .literal(random.number(1...3)) : .dynamic(random.number(1...3))
      }
      plans.append(
        TaskPlan(
          taskID: "task_\(number)", kind: kind, operatorName: name, upstream: upstream, retries: random.number(0...2),
          mapping: mapping))
    }
    return plans
  }

  /// A new run. Its id is taken at once, whenever its transaction commits.
  private func newRun() -> Change? {
    guard let dagID = random.pick(dags.keys.sorted()), let plans = dags[dagID], let writer = freeWriters.first,
      let text = try? writer.run("SELECT nextval('dag_run_id_seq')").first?.first, let id = text.flatMap({ Int64($0) })
    else { return nil }
    made += 1
    let iso = Instant(microseconds: now).isoformat
    let old = now - Int64(random.number(20...400)) * 86_400_000_000 - id
    let asset = database.isVersion3 ? "asset_triggered" : "dataset_triggered"
    let kinds = [
      ("scheduled", "scheduled__\(iso)", now - 3_600_000_000, "TIMETABLE"),
      ("manual", "manual_\(id)", now, "REST_API"), ("manual", "manual__\(iso)", now, "UI"),
      ("backfill", "backfill__\(Instant(microseconds: old).isoformat)", old, "BACKFILL"),
      (asset, "\(asset)__\(iso)", now, "ASSET"),
    ]
    guard var (type, runID, date, trigger) = random.pick(kinds) else { return nil }
    // The name of a run that was deleted may be given again.
    let names = Set(runs.values.map(\.key)).union(pending.flatMap { $0.change.runs.map(\.key) })
    if let key = random.pick(deleted.filter { $0.dagID == dagID && !names.contains($0) }), random.chance(0.5) {
      (type, runID, date, trigger) = ("manual", key.runID, now, "REST_API")
    }
    // 2.x: the backfill job makes its runs running.
    let isRunning = type == "backfill" && !database.isVersion3
    var run = SimulatedRun(
      id: id, dagID: dagID, runID: runID, runType: type, state: isRunning ? "running" : "queued",
      queuedAt: isRunning ? nil : now, start: isRunning ? now : nil)
    run.pickles = !database.isVersion3 && random.chance(0.2)
    run.pushesRunID = random.chance(0.7)
    run.hasOldURLs = random.chance(0.2)
    // 3.x: the logical date of a manual run may be null.
    let logicalDate = database.isVersion3 && type == "manual" && random.chance(0.5) ? nil : date
    focus = id
    var change = change(run, "new, \(type)") {
      $0.insert(plans, logicalDate: logicalDate, triggeredBy: trigger, &$1)
    }
    change.isNew = true
    return change
  }

  // MARK: The way of a run

  /// What Airflow does next with a run.
  private func advance(_ run: SimulatedRun) -> Change? {
    if run.hasLateWriter, !run.isOpen {
      // Seen in 2.6.3, where it opens the run again, and in 2.11.2, where it does not; 3.x has no such processes.
      let opensAgain = !database.countsClears
      let moves = database.keepsHistory && !database.isVersion3 && options.changesFinishedRuns
      return opensAgain || moves ? change(run, "late write of a killed task") { $0.writeLate(&$1) } : nil
    }
    switch run.state {
    case "queued": return change(run, "queued → running") { $0.begin(&$1) }
    case "running":
      let order = run.tasks.indices.shuffled(using: &random)
      for index in order { if let change = advance(run, index) { return change } }
      let isDone = run.tasks.allSatisfy { $0.isFinished && $0.owesLink == nil }
      return isDone ? change(run, "finished") { $0.finish(&$1) } : nil
    default: return nil
    }
  }

  private func advance(_ run: SimulatedRun, _ index: Int) -> Change? {
    let task = run.tasks[index]
    func change(_ name: String, _ body: (inout SimulatedRun, inout StepContext) -> Void) -> Change {
      self.change(run, "\(task.taskID)[\(task.mapIndex)] \(name)", body)
    }
    if task.owesLink != nil {
      return change("operator link") { $0.push(SimulatedRun.operatorLink, of: index, &$1) }
    }
    switch task.state {
    case nil:
      let upstream = run.tasks.filter { task.upstream.contains($0.taskID) }
      guard upstream.allSatisfy(\.isFinished) else { return nil }
      let settles =
        task.kind == .empty || task.kind == .notChosen || upstream.contains { $0.state != "success" }
      if settles { return change("settled") { $0.settle(index, &$1) } }
      if let count = task.expandsTo { return change("expanded to \(count)") { $0.expand(index, to: count, &$1) } }
      return schedule(run, index)
    case "up_for_retry", "up_for_reschedule", "deferred": return schedule(run, index)
    case "scheduled": return change("queued") { $0.queue(index, &$1) }
    case "queued": return change("running") { $0.start(index, &$1) }
    case "running": return work(run, index)
    default: return nil
    }
  }

  /// The scheduler takes several at once.
  private func schedule(_ run: SimulatedRun, _ index: Int) -> Change {
    let ready = run.tasks.indices.filter { other in
      let task = run.tasks[other]
      guard other != index, task.state == nil, task.kind != .empty, task.kind != .notChosen, task.expandsTo == nil
      else { return false }
      return run.tasks.allSatisfy { !task.upstream.contains($0.taskID) || $0.state == "success" }
    }
    let all = [index] + ready.filter { _ in random.chance(0.5) }
    let names = all.map { "\(run.tasks[$0].taskID)[\(run.tasks[$0].mapIndex)]" }.joined(separator: ", ")
    return change(run, "\(names) scheduled") { run, context in for index in all { run.schedule(index, &context) } }
  }

  private func work(_ run: SimulatedRun, _ index: Int) -> Change? {
    let task = run.tasks[index]
    func change(_ name: String, _ body: (inout SimulatedRun, inout StepContext) -> Void) -> Change {
      self.change(run, "\(task.taskID)[\(task.mapIndex)] \(name)", body)
    }
    let outcome: SimulatedTask.Outcome = random.chance(0.68) ? .success : random.chance(0.85) ? .failure : .skip
    func end() -> Change {
      if outcome == .success, !task.hasReturned, task.kind != .sensor {
        return change("return_value") {
          $0.push("return_value", of: index, &$1)
          $0.tasks[index].hasReturned = true
        }
      }
      let final = task.hasReturned ? .success : outcome
      return change("ends: \(final)") { $0.end(index, final, &$1) }
    }
    switch task.process {
    case .begun: return change("drops XComs of the try before") { $0.dropXComs(index, &$1) }
    case .ended: return change("outcome") { $0.writeOutcome(index, &$1) }
    case .none, .working: break
    }
    switch task.kind {
    case .dbt, .deferrableDbt:
      if task.dbtRun == nil {
        // It may fail before it has asked dbt Cloud for anything.
        if random.chance(0.08) { return change("fails early") { $0.end(index, .failure, &$1) } }
        return change("job_run_url") { $0.pushURL(index, &$1) }
      }
      if run.pushesRunID, task.xcoms["job_run_id"] == nil {
        return change("job_run_id") { $0.push("job_run_id", of: index, &$1) }
      }
      if task.kind == .deferrableDbt, !task.hasDeferred {
        return change("deferred") { $0.deferTask(index, &$1) }
      }
      return end()
    case .sensor:
      if task.pokesLeft > 0 { return change("up_for_reschedule") { $0.reschedule(index, &$1) } }
      return end()
    case .python, .empty, .notChosen: return end()
    }
  }

  // MARK: What users do

  private func intervene(_ run: SimulatedRun) -> Change? {
    run.isOpen ? interveneInOpen(run) : interveneInFinished(run)
  }

  private func interveneInOpen(_ run: SimulatedRun) -> Change? {
    switch random.number(0...9) {
    case 0, 1:
      let canMark = run.tasks.allSatisfy { run.canBeMarked($0, database) }
      guard canMark else { return nil }
      if random.chance(0.3) { return change(run, "marked success") { $0.markRun("success", &$1) } }
      if database.skipsPendingWhenMarked, run.hasPending {
        guard database.isVersion3 else { return change(run, "pending skipped") { $0.skipPending(&$1) } }
        return change(run, "marked failed") {
          $0.skipPending(&$1)
          $0.markRun("failed", &$1)
        }
      }
      return change(run, "marked failed") { $0.markRun("failed", &$1) }
    case 2, 3: return mark(run)
    case 4, 5: return writeNote(run)
    case 6, 7: return clear(run, resets: true)
    case 8: return random.chance(0.4) ? delete([run]) : nil
    default: return nil
    }
  }

  private func interveneInFinished(_ run: SimulatedRun) -> Change? {
    // Opens it again: seen by a poll that comes in time.
    if random.chance(options.changesFinishedRuns ? 0.3 : 1) { return clear(run, resets: true) }
    switch random.number(0...7) {
    case 0, 1: return mark(run)
    case 2, 3: return clear(run, resets: false)
    case 4, 5: return writeNote(run)
    case 6: return delete([run])
    default:
      let all = runs.values.filter { $0.dagID == run.dagID }.sorted { $0.id < $1.id }
      guard locked.isDisjoint(with: all.map(\.id)), random.chance(0.3) else { return nil }
      return delete(all)
    }
  }

  private func mark(_ run: SimulatedRun) -> Change? {
    let indices = run.tasks.indices.filter {
      run.tasks[$0].expandsTo == nil && run.tasks[$0].owesLink == nil && run.canBeMarked(run.tasks[$0], database)
    }
    guard let index = random.pick(indices) else { return nil }
    let state = random.chance(0.5) ? "success" : "failed"
    guard run.tasks[index].state != state else { return nil }
    return change(run, "\(run.tasks[index].taskID)[\(run.tasks[index].mapIndex)] marked \(state)") {
      $0.mark(index, state, &$1)
    }
  }

  private func clear(_ run: SimulatedRun, resets: Bool) -> Change? {
    let indices = run.tasks.indices.filter {
      run.canBeCleared(run.tasks[$0], database) && run.tasks[$0].owesLink == nil
    }
    guard let index = random.pick(indices) else { return nil }
    // Marking a failed task as success clears what failed below it, and begins the run anew.
    if run.state == "failed", resets, run.tasks[index].state == "failed", random.chance(0.5) {
      let below = run.below(index, database).filter { $0 != index && run.tasks[$0].state == "upstream_failed" }
      return change(run, "\(run.tasks[index].taskID) marked success, below cleared") {
        $0.mark(index, "success", &$1)
        $0.clear(below, resets: true, &$1)
      }
    }
    let all = random.chance(0.3) ? indices : run.below(index, database)
    let names = all.map { "\(run.tasks[$0].taskID)[\(run.tasks[$0].mapIndex)]" }.joined(separator: ", ")
    return change(run, "\(names) cleared\(resets ? "" : " without reset")") { $0.clear(all, resets: resets, &$1) }
  }

  private func writeNote(_ run: SimulatedRun) -> Change? {
    guard database.hasNotes else { return nil }
    let text = "note \(random.number(1...99))"
    let indices = run.tasks.indices.filter { run.tasks[$0].expandsTo == nil }
    if random.chance(0.5), let index = random.pick(indices) {
      return change(run, "note on \(run.tasks[index].taskID)") { $0.writeNote(text, on: index, &$1) }
    }
    return change(run, "note") { $0.writeNote(text, &$1) }
  }

  private func delete(_ victims: [SimulatedRun]) -> Change? {
    guard let first = victims.first else { return nil }
    var context = StepContext(script: SQLScript(database, now: now), random: random, nextDbtRun: nextDbtRun)
    for run in victims { run.delete(&context) }
    return Change(
      name: "\(victims.map { "\($0.id)" }.joined(separator: ", ")) of \(first.dagID) deleted",
      statements: context.script.statements, runs: [], deletes: victims.map(\.id))
  }
}
