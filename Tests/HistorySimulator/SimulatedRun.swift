import ExecutionModel

/// One row of `dag_run` with its task instances. A value: a step works on a copy, which takes the place of the
/// original when its transaction commits.
struct SimulatedRun {
  let id: Int64
  let dagID: String
  let runID: String
  let runType: String
  var state: String
  var queuedAt: Int64?
  var start: Int64?
  var end: Int64?
  var clear = 0
  var note: String?
  var tasks: [SimulatedTask] = []

  /// XComs as pickles (`enable_xcom_pickling`, 2.x).
  var pickles = false
  /// Whether the dbt provider pushes `job_run_id` (4.4.3 and later).
  var pushesRunID = true
  /// The address form of dbt Cloud until 2022.
  var hasOldURLs = false
  /// A task process that was killed when its run was marked, and still writes the run that it once read.
  var hasLateWriter = false

  var isOpen: Bool { state == "queued" || state == "running" }
  var key: RunKey { RunKey(dagID: dagID, runID: runID) }

  var condition: String { "id = \(id)" }
  func condition(_ task: SimulatedTask) -> String {
    "dag_id = \(sql(dagID)) AND run_id = \(sql(runID)) AND task_id = \(sql(task.taskID)) AND map_index = \(task.mapIndex)"
  }

  func rows(of taskID: String) -> [SimulatedTask] { tasks.filter { $0.taskID == taskID } }
}

/// Airflow's UNIQUE (dag_id, run_id).
public struct RunKey: Hashable, Sendable, CustomStringConvertible {
  public var dagID: String
  public var runID: String

  public init(dagID: String, runID: String) {
    self.dagID = dagID
    self.runID = runID
  }

  public var description: String { "\(dagID)/\(runID)" }
}

/// What a step needs beside the run that it changes.
struct StepContext {
  var script: SQLScript
  var random: SeededRandom
  var nextDbtRun: Int64

  var database: AirflowDatabase { script.database }
  var now: Int64 { script.now }

  mutating func uuid() -> String {
    func hex(_ value: UInt64, _ digits: Int) -> String {
      let text = String(value, radix: 16)
      return String(repeating: "0", count: max(0, digits - text.count)) + text.suffix(digits)
    }
    let time = hex(UInt64(now / 1000), 12)
    return
      "\(time.prefix(8))-\(time.suffix(4))-7\(hex(random.next(), 3))-8\(hex(random.next(), 3))-\(hex(random.next(), 12))"
  }
}

extension SimulatedRun {
  // MARK: Beginning

  /// The run with its task instances, all inserted at once.
  mutating func insert(_ plans: [TaskPlan], logicalDate: Int64?, triggeredBy: String, _ context: inout StepContext) {
    let database = context.database
    context.script.insert(
      "dag_run",
      [
        ("id", "\(id)"), ("dag_id", sql(dagID)), ("run_id", sql(runID)), ("run_type", sql(runType)),
        ("state", sql(state)), ("queued_at", sql(time: queuedAt)), ("start_date", sql(time: start)),
        ("clear_number", "0"), ("execution_date", sql(time: logicalDate ?? context.now)),
        ("logical_date", sql(time: logicalDate)),
        ("run_after", sql(time: logicalDate ?? context.now)), ("data_interval_start", sql(time: logicalDate)),
        ("data_interval_end", sql(time: logicalDate)), ("external_trigger", runType == "manual" ? "true" : "false"),
        ("conf", database.isVersion3 ? "'{}'" : "'\\x80057d942e'"), ("triggered_by", sql(triggeredBy)),
        ("updated_at", sql(time: context.now)),
      ])
    for plan in plans {
      let indices: [Int] = if case .literal(let count) = plan.mapping { Array(0..<count) } else { [-1] }
      for index in indices {
        var task = SimulatedTask(
          taskID: plan.taskID, mapIndex: index, kind: plan.kind, operatorName: plan.operatorName,
          upstream: plan.upstream, retries: plan.retries, uuid: context.uuid(), maxTries: plan.retries)
        if case .dynamic(let count) = plan.mapping { task.expandsTo = count }
        insert(task, &context)
        tasks.append(task)
      }
    }
  }

  func insert(_ task: SimulatedTask, _ context: inout StepContext) {
    context.script.insert(
      "task_instance",
      [
        ("id", sql(task.uuid)), ("task_id", sql(task.taskID)), ("dag_id", sql(dagID)), ("run_id", sql(runID)),
        ("map_index", "\(task.mapIndex)"), ("try_number", "\(task.stored)"), ("max_tries", "\(task.maxTries)"),
        ("pool", "'default_pool'"), ("queue", "'default'"), ("operator", sql(task.operatorName)),
        ("custom_operator_name", context.database.isVersion3 ? sql(task.operatorName) : "NULL"),
        ("updated_at", sql(time: context.now)),
      ])
  }

  mutating func begin(_ context: inout StepContext) {
    state = "running"
    start = context.now
    write([("state", sql(state)), ("start_date", sql(time: start))], &context)
  }

  mutating func finish(_ context: inout StepContext) {
    state = tasks.contains { $0.state == "failed" || $0.state == "upstream_failed" } ? "failed" : "success"
    end = context.now
    write([("state", sql(state)), ("end_date", sql(time: end))], &context)
  }

  func write(_ values: [(column: String, value: String)], _ context: inout StepContext) {
    context.script.update("dag_run", values + [("updated_at", sql(time: context.now))], where: condition)
  }

  /// Up to 2.9 the last write of a try carries the time of its start.
  func write(_ task: SimulatedTask, _ values: [(column: String, value: String)], _ context: inout StepContext) {
    let isOld = !context.database.keepsHistory && task.isFinished
    context.script.update(
      "task_instance", values + [("updated_at", sql(time: isOld ? task.start : context.now))], where: condition(task))
  }

  // MARK: The scheduler's part

  mutating func schedule(_ index: Int, _ context: inout StepContext) {
    let comesBack = tasks[index].shown != nil && tasks[index].state != "up_for_retry"
    tasks[index].state = "scheduled"
    if !comesBack {
      tasks[index].shown = nil
      if context.database.keepsHistory { tasks[index].stored += 1 }
    }
    tasks[index].process = .none
    write(
      tasks[index],
      [
        ("state", "'scheduled'"), ("try_number", "\(tasks[index].stored)"), ("trigger_id", "NULL"),
        ("scheduled_dttm", sql(time: context.now)),
      ], &context)
  }

  mutating func queue(_ index: Int, _ context: inout StepContext) {
    tasks[index].state = "queued"
    tasks[index].queued = context.now
    write(tasks[index], [("state", "'queued'"), ("queued_dttm", sql(time: context.now))], &context)
  }

  /// Ends a task that does not run: an EmptyOperator, one that no branch chose, or one whose upstream failed or was
  /// skipped.
  mutating func settle(_ index: Int, _ context: inout StepContext) {
    let upstream = tasks.filter { tasks[index].upstream.contains($0.taskID) }
    if upstream.contains(where: { $0.state == "failed" || $0.state == "upstream_failed" }) {
      endWithoutRunning(index, "upstream_failed", &context)
    } else if upstream.contains(where: { $0.state == "skipped" }) || tasks[index].kind == .notChosen {
      endWithoutRunning(index, "skipped", &context)
    } else {
      if context.database.keepsHistory { tasks[index].stored += 1 }
      tasks[index].state = "success"
      tasks[index].shown = tasks[index].stored
      tasks[index].shownClear = clear
      tasks[index].start = context.now
      tasks[index].end = context.now
      writeEnd(index, &context)
    }
  }

  /// What `TaskInstance.set_state` does: times that are there stay.
  mutating func endWithoutRunning(_ index: Int, _ state: String, _ context: inout StepContext) {
    let number = tasks[index].stored
    let shown = tasks[index].shown ?? 0
    if state == "upstream_failed" || tasks[index].hasHistory(of: number) {
      // The try that bears this number is told by the history, or is over.
      tasks[index].shown = 0
      tasks[index].shownClear = clear
    } else if shown == 0 {
      tasks[index].shown = number
      tasks[index].shownClear = clear
    }
    tasks[index].state = state
    tasks[index].start = tasks[index].start ?? context.now
    tasks[index].end = tasks[index].end ?? context.now
    tasks[index].process = .none
    writeEnd(index, &context)
  }

  private func writeEnd(_ index: Int, _ context: inout StepContext) {
    let task = tasks[index]
    write(
      task,
      [
        ("state", sql(task.state)), ("try_number", "\(task.stored)"), ("start_date", sql(time: task.start)),
        ("end_date", sql(time: task.end)), ("duration", "0"),
      ], &context)
  }

  /// The row with map index -1 becomes 0, the others are inserted.
  mutating func expand(_ index: Int, to count: Int, _ context: inout StepContext) {
    let condition = condition(tasks[index])
    tasks[index].mapIndex = 0
    tasks[index].expandsTo = nil
    context.script.update(
      "task_instance", [("map_index", "0"), ("updated_at", sql(time: context.now))], where: condition)
    for mapIndex in 1..<max(count, 1) {
      var task = SimulatedTask(
        taskID: tasks[index].taskID, mapIndex: mapIndex, kind: tasks[index].kind,
        operatorName: tasks[index].operatorName, upstream: tasks[index].upstream, retries: tasks[index].retries,
        uuid: context.uuid(), maxTries: tasks[index].retries)
      task.state = nil
      insert(task, &context)
      tasks.append(task)
    }
  }

  // MARK: The worker's part

  mutating func start(_ index: Int, _ context: inout StepContext) {
    let comesBack = tasks[index].shown != nil
    if !context.database.keepsHistory { tasks[index].stored += 1 }
    var values = [("state", "'running'"), ("try_number", "\(tasks[index].stored)"), ("end_date", "NULL")]
    if comesBack {
      tasks[index].process = .working
    } else {
      tasks[index].shown = tasks[index].stored
      tasks[index].shownClear = clear
      tasks[index].process = tasks[index].xcoms.isEmpty ? .working : .begun
      tasks[index].dbtRun = nil
      tasks[index].hasDeferred = false
      tasks[index].hasReturned = false
      tasks[index].isDeferral = false
      tasks[index].pokesLeft = tasks[index].kind == .sensor ? context.random.number(0...2) : 0
    }
    // A resumed deferral keeps its start, a poke does not.
    if !tasks[index].isDeferral {
      tasks[index].start = context.now
      values.append(("start_date", sql(time: context.now)))
    }
    tasks[index].state = "running"
    tasks[index].end = nil
    if tasks[index].operatorName.hasPrefix("_") { values.append(("custom_operator_name", "'@task'")) }
    write(tasks[index], values, &context)
  }

  /// The XComs of the try before go when the next one has started: at once, on 3.x one by one.
  mutating func dropXComs(_ index: Int, _ context: inout StepContext) {
    let keys = tasks[index].xcoms.keys.sorted()
    for key in context.database.isVersion3 ? Array(keys.prefix(1)) : keys { drop(key, of: index, &context) }
    if tasks[index].xcoms.isEmpty { tasks[index].process = .working }
  }

  private mutating func drop(_ key: String, of index: Int, _ context: inout StepContext) {
    tasks[index].xcoms[key] = nil
    context.script.add("DELETE FROM xcom WHERE \(condition(tasks[index])) AND key = \(sql(key))")
  }

  mutating func pushURL(_ index: Int, _ context: inout StepContext) {
    // `reuse_existing_run`: another task's run is found under way.
    let others = tasks.compactMap(\.dbtRun)
    if let other = context.random.pick(others), context.random.chance(0.1) {
      tasks[index].dbtRun = other
    } else {
      tasks[index].dbtRun = context.nextDbtRun
      context.nextDbtRun += 1
    }
    push("job_run_url", of: index, &context)
  }

  static let operatorLink = "_link_DbtCloudRunJobOperatorLink"

  /// Writes an XCom in the place of one with that key.
  mutating func push(_ key: String, of index: Int, _ context: inout StepContext) {
    let task = tasks[index]
    let value: StoredXCom
    switch key {
    case "job_run_url", Self.operatorLink:
      let id = task.dbtRun ?? 0
      value = .text(
        hasOldURLs
          ? "https://cloud.getdbt.com/#/accounts/1001/projects/501/runs/\(id)/"
          : "https://cloud.getdbt.com/deploy/1001/projects/501/runs/\(id)/")
    default: value = .number(task.dbtRun ?? Int64(context.random.number(1...900_000)))
    }
    if task.xcoms[key] != nil { drop(key, of: index, &context) }
    tasks[index].xcoms[key] = SimulatedTask.XCom(
      dbtRun: task.dbtRun, writer: (key == Self.operatorLink ? task.owesLink : nil) ?? task.shown ?? 0)
    context.script.insert(
      "xcom",
      [
        ("dag_run_id", "\(id)"), ("task_id", sql(task.taskID)), ("map_index", "\(task.mapIndex)"), ("key", sql(key)),
        ("dag_id", sql(dagID)), ("run_id", sql(runID)), ("timestamp", sql(time: context.now)),
        ("value", value.sql(isJSONB: context.database.isVersion3, isPickled: pickles)),
        ("dag_result", "false"),
      ])
    if key == Self.operatorLink { tasks[index].owesLink = nil }
  }

  mutating func deferTask(_ index: Int, _ context: inout StepContext) {
    tasks[index].state = "deferred"
    tasks[index].isDeferral = true
    tasks[index].hasDeferred = true
    tasks[index].process = .none
    tasks[index].owesLink = context.database.isVersion3 ? tasks[index].shown : nil
    if !context.database.keepsHistory { tasks[index].stored -= 1 }
    write(
      tasks[index],
      [
        ("state", "'deferred'"), ("try_number", "\(tasks[index].stored)"), ("next_method", "'execute_complete'"),
        ("next_kwargs", "'{}'"),
      ], &context)
  }

  mutating func reschedule(_ index: Int, _ context: inout StepContext) {
    guard let number = tasks[index].shown, let began = tasks[index].start else { return }
    // The process notes its own start, a little after the row's.
    let poke = min(began + 240_000, context.now)
    tasks[index].firstPokes[number] = min(tasks[index].firstPokes[number] ?? poke, poke)
    tasks[index].state = "up_for_reschedule"
    tasks[index].end = context.now
    tasks[index].pokesLeft -= 1
    tasks[index].process = .none
    if !context.database.keepsHistory { tasks[index].stored -= 1 }
    write(
      tasks[index],
      [
        ("state", "'up_for_reschedule'"), ("try_number", "\(tasks[index].stored)"),
        ("end_date", sql(time: context.now)), ("duration", "0.25"),
      ], &context)
    let task = tasks[index]
    context.script.insert(
      "task_reschedule",
      [
        ("ti_id", sql(task.uuid)), ("task_id", sql(task.taskID)), ("dag_id", sql(dagID)), ("run_id", sql(runID)),
        ("map_index", "\(task.mapIndex)"), ("try_number", "\(number)"), ("start_date", sql(time: poke)),
        ("end_date", sql(time: context.now)), ("duration", "0"),
        ("reschedule_date", sql(time: context.now + 6_000_000)),
      ])
  }

  /// The process is over; what it writes about it follows.
  mutating func end(_ index: Int, _ outcome: SimulatedTask.Outcome, _ context: inout StepContext) {
    tasks[index].process = .ended(outcome, at: context.now, inHistory: false)
    let retries = outcome == .failure && tasks[index].stored <= tasks[index].maxTries
    if retries, context.database.keepsHistory, !context.database.isVersion3 {
      keepInHistory(index, state: "failed", end: context.now, &context)
      tasks[index].process = .ended(outcome, at: context.now, inHistory: true)
    } else {
      writeOutcome(index, &context)
    }
  }

  mutating func writeOutcome(_ index: Int, _ context: inout StepContext) {
    guard case .ended(let outcome, let time, _) = tasks[index].process else { return }
    let retries = outcome == .failure && tasks[index].stored <= tasks[index].maxTries
    tasks[index].state =
      switch outcome {
      case .success: "success"
      case .skip: "skipped"
      case .failure: retries ? "up_for_retry" : "failed"
      }
    tasks[index].end = time
    tasks[index].isDeferral = false
    tasks[index].process = .none
    let isDbt = tasks[index].kind == .dbt || tasks[index].kind == .deferrableDbt
    tasks[index].owesLink =
      context.database.isVersion3 && isDbt && tasks[index].dbtRun != nil ? tasks[index].shown : nil
    write(
      tasks[index],
      [
        ("state", sql(tasks[index].state)), ("end_date", sql(time: time)), ("duration", "2.5"),
        ("next_method", "NULL"), ("next_kwargs", "NULL"),
      ], &context)
    if retries, context.database.isVersion3 {
      keepInHistory(index, state: "failed", end: time, &context)
      renew(index, &context)
    }
  }

  // MARK: History

  /// Copies the row into `task_instance_history`, once per try.
  mutating func keepInHistory(_ index: Int, state: String, end: Int64?, _ context: inout StepContext) {
    let task = tasks[index]
    guard context.database.keepsHistory, !task.hasHistory(of: task.stored) else { return }
    let live = Set(context.database.columns(of: "task_instance").map(\.name))
    let own: Set<String> = ["id", "task_instance_id", "state", "end_date"]
    let common = context.database.columns(of: "task_instance_history").map(\.name)
      .filter { live.contains($0) && !own.contains($0) }.map { "\"\($0)\"" }.joined(separator: ", ")
    let identity = context.database.isVersion3 ? ("task_instance_id, ", "id, ") : ("", "")
    context.script.add(
      """
      INSERT INTO task_instance_history (\(identity.0)state, end_date, \(common))
      SELECT \(identity.1)\(sql(state)), \(sql(time: end))::timestamptz, \(common) FROM task_instance WHERE \(condition(task))
      """)
    tasks[index].history.append(
      SimulatedTask.Past(
        number: task.stored, state: state, start: task.start, end: end, clear: task.shownClear))
  }

  /// 3.x: the next try gets another uuid, and the pokes of the old one go.
  mutating func renew(_ index: Int, _ context: inout StepContext) {
    guard context.database.isVersion3 else { return }
    context.script.add("DELETE FROM task_reschedule WHERE ti_id = \(sql(tasks[index].uuid))")
    tasks[index].firstPokes = [:]
    tasks[index].uuid = context.uuid()
    write(tasks[index], [("id", sql(tasks[index].uuid))], &context)
  }
}
