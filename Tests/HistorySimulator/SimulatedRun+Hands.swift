/// What users do, by the API or the web pages.
extension SimulatedRun {
  /// Clears task instances; `resets` begins the run anew when it was finished.
  mutating func clear(_ indices: [Int], resets: Bool, _ context: inout StepContext) {
    if resets, !isOpen {
      clear += context.database.countsClears ? 1 : 0
      state = "queued"
      queuedAt = context.now
      start = nil
      end = nil
      hasLateWriter = false
      write(
        [
          ("state", "'queued'"), ("queued_at", sql(time: queuedAt)), ("start_date", "NULL"), ("end_date", "NULL"),
          ("clear_number", "\(clear)"),
        ], &context)
    }
    for index in indices {
      if let state = tasks[index].state {
        keepInHistory(index, state: state, end: tasks[index].end, &context)
        if tasks[index].stored > 0 { tasks[index].maxTries = tasks[index].stored + tasks[index].retries }
      }
      if context.database.keepsHistory, !context.database.isVersion3 {
        let task = tasks[index]
        tasks[index].firstPokes[task.stored] = nil
        context.script.add("DELETE FROM task_reschedule WHERE \(condition(task)) AND try_number = \(task.stored)")
      }
      tasks[index].state = nil
      tasks[index].shown = nil
      tasks[index].isDeferral = false
      tasks[index].process = .none
      tasks[index].owesLink = nil
      write(
        tasks[index],
        [
          ("state", "NULL"), ("max_tries", "\(tasks[index].maxTries)"), ("next_method", "NULL"),
          ("next_kwargs", "NULL"),
        ], &context)
      renew(index, &context)
    }
  }

  /// The task instances that a clear of this one takes: it and all below it that are finished.
  func below(_ index: Int, _ database: AirflowDatabase) -> [Int] {
    var names: Set<String> = [tasks[index].taskID]
    for task in tasks where !names.isDisjoint(with: task.upstream) { names.insert(task.taskID) }
    return tasks.indices.filter {
      $0 == index
        || (names.contains(tasks[$0].taskID) && tasks[$0].taskID != tasks[index].taskID
          && canBeCleared(tasks[$0], database))
    }
  }

  /// Sets one task instance to success or failed.
  mutating func mark(_ index: Int, _ state: String, _ context: inout StepContext) {
    endWithoutRunning(index, state, &context)
  }

  /// Whether its row says which try it was after it was marked. Up to 2.9 that of a deferred second try does not.
  func canBeMarked(_ task: SimulatedTask, _ database: AirflowDatabase) -> Bool {
    database.keepsHistory || task.stored == 0 || (task.shown ?? task.stored) <= task.stored
  }

  /// Whether Airflow would count its next try as another one. Up to 2.9 it would not after a first try that was
  /// marked while it was deferred or waited for its next poke.
  func canBeCleared(_ task: SimulatedTask, _ database: AirflowDatabase) -> Bool {
    task.isFinished && (database.keepsHistory || (task.shown ?? 0) <= task.stored)
  }

  /// Skips what has not begun, as marking a run failed does before it touches the run.
  mutating func skipPending(_ context: inout StepContext) {
    for index in tasks.indices where !tasks[index].isFinished && !isUnderWay(tasks[index]) {
      mark(index, "skipped", &context)
    }
  }

  var hasPending: Bool { tasks.contains { !$0.isFinished && !isUnderWay($0) } }

  mutating func markRun(_ state: String, _ context: inout StepContext) {
    hasLateWriter = state == "failed" && tasks.contains { $0.state == "running" }
    for index in tasks.indices {
      let changes = state == "failed" ? isUnderWay(tasks[index]) : tasks[index].state != "success"
      if changes, state == "failed" || tasks[index].expandsTo == nil { mark(index, state, &context) }
    }
    self.state = state
    end = context.now
    start = start ?? context.now
    write([("state", sql(state)), ("start_date", sql(time: start)), ("end_date", sql(time: end))], &context)
  }

  private func isUnderWay(_ task: SimulatedTask) -> Bool {
    ["running", "deferred", "up_for_reschedule"].contains(task.state)
  }

  /// A killed task process writes the run as it knows it: 2.10 and later a later end, before that the state
  /// `running`; in either case with the old `updated_at`. Seen in 2.11.2 and 2.6.3.
  mutating func writeLate(_ context: inout StepContext) {
    hasLateWriter = false
    let old = ("updated_at", sql(time: start))
    if context.database.keepsHistory {
      end = context.now
      context.script.update("dag_run", [("end_date", sql(time: end)), old], where: condition)
    } else {
      state = "running"
      end = nil
      context.script.update("dag_run", [("state", "'running'"), ("end_date", "NULL"), old], where: condition)
    }
  }

  mutating func writeNote(_ text: String, _ context: inout StepContext) {
    context.script.add("DELETE FROM dag_run_note WHERE dag_run_id = \(id)")
    context.script.insert("dag_run_note", [("dag_run_id", "\(id)"), ("content", sql(text))])
    note = text
  }

  mutating func writeNote(_ text: String, on index: Int, _ context: inout StepContext) {
    let task = tasks[index]
    let owner = context.database.isVersion3 ? "ti_id = \(sql(task.uuid))" : condition(task)
    context.script.add("DELETE FROM task_instance_note WHERE \(owner)")
    context.script.insert(
      "task_instance_note",
      [
        ("ti_id", sql(task.uuid)), ("task_id", sql(task.taskID)), ("dag_id", sql(dagID)), ("run_id", sql(runID)),
        ("map_index", "\(task.mapIndex)"), ("content", sql(text)),
      ])
    tasks[index].note = text
  }

  /// The rest goes with the row (ON DELETE CASCADE).
  func delete(_ context: inout StepContext) { context.script.add("DELETE FROM dag_run WHERE \(condition)") }
}
