import ExecutionModel
import Storage

// How the values read from Airflow stand in the ledger's tables. Columns and values are in one order, here only.

enum DagRunRow {
  static let columns = """
    source_id, run_type, state, logical_date, run_after, data_interval_start, data_interval_end, queued_at, start_date,
    end_date, clear_number, triggered_by, triggering_user_name, conf, note, is_open
    """
  static let count = 16

  static func bind(_ run: DagRun, to binder: inout Binder) {
    binder(run.sourceID)
    binder(run.runType)
    binder(run.state)
    binder(run.logicalDate)
    binder(run.runAfter)
    binder(run.dataIntervalStart)
    binder(run.dataIntervalEnd)
    binder(run.queuedAt)
    binder(run.startDate)
    binder(run.endDate)
    binder(run.clearNumber)
    binder(run.triggeredBy)
    binder(run.triggeringUserName)
    binder(run.conf?.text)
    binder(run.note)
    binder(run.isOpen)
  }

  static func read(_ columns: inout Columns, key: DagRunKey) -> DagRun {
    var run = DagRun(key: key, sourceID: columns.integer())
    run.runType = columns.optionalText()
    run.state = columns.optionalText()
    run.logicalDate = columns.optionalInstant()
    run.runAfter = columns.optionalInstant()
    run.dataIntervalStart = columns.optionalInstant()
    run.dataIntervalEnd = columns.optionalInstant()
    run.queuedAt = columns.optionalInstant()
    run.startDate = columns.optionalInstant()
    run.endDate = columns.optionalInstant()
    run.clearNumber = columns.optionalInt()
    run.triggeredBy = columns.optionalText()
    run.triggeringUserName = columns.optionalText()
    run.conf = columns.optionalText().map(RawJSON.init)
    run.note = columns.optionalText()
    _ = columns.bool()
    return run
  }
}

enum AttemptRow {
  static let columns = "\(keyColumns), \(factColumns)"
  static let keyColumns = "task_id, map_index, try_number"
  static let factColumns = """
    is_current, clear_number, operator, state, queued_at, start_date, end_date, duration,
    max_tries, hostname, pool, queue, rendered_map_index, note
    """
  static let count = 17

  static func bind(_ attempt: TaskAttempt, to binder: inout Binder) {
    bind(attempt.key, to: &binder)
    bindFacts(attempt, to: &binder)
  }

  static func bind(_ key: AttemptKey, to binder: inout Binder) {
    binder(key.taskID)
    binder(key.mapIndex)
    binder(key.tryNumber)
  }

  static func bindFacts(_ attempt: TaskAttempt, to binder: inout Binder) {
    binder(attempt.isCurrent)
    binder(attempt.clearNumber)
    binder(attempt.operatorName)
    binder(attempt.state)
    binder(attempt.queuedAt)
    binder(attempt.startDate)
    binder(attempt.endDate)
    binder(attempt.duration)
    binder(attempt.maxTries)
    binder(attempt.hostname)
    binder(attempt.pool)
    binder(attempt.queue)
    binder(attempt.renderedMapIndex)
    binder(attempt.note)
  }

  static func read(_ columns: inout Columns) -> TaskAttempt {
    let key = readKey(&columns)
    var attempt = TaskAttempt(key: key, isCurrent: columns.bool())
    attempt.clearNumber = columns.optionalInt()
    attempt.operatorName = columns.optionalText()
    attempt.state = columns.optionalText()
    attempt.queuedAt = columns.optionalInstant()
    attempt.startDate = columns.optionalInstant()
    attempt.endDate = columns.optionalInstant()
    attempt.duration = columns.optionalDouble()
    attempt.maxTries = columns.optionalInt()
    attempt.hostname = columns.optionalText()
    attempt.pool = columns.optionalText()
    attempt.queue = columns.optionalText()
    attempt.renderedMapIndex = columns.optionalText()
    attempt.note = columns.optionalText()
    return attempt
  }

  static func readKey(_ columns: inout Columns) -> AttemptKey {
    AttemptKey(taskID: columns.text(), mapIndex: columns.int(), tryNumber: columns.int())
  }
}

enum DagRow {
  static let columns = "dag_id, owners, tags, schedule, description, fileloc, is_paused"
  static let count = 7

  static func bind(_ dag: Dag, to binder: inout Binder) {
    binder(dag.dagID)
    binder(NameList.text(dag.owners))
    binder(NameList.text(dag.tags))
    binder(dag.schedule)
    binder(dag.description)
    binder(dag.fileloc)
    binder(dag.isPaused)
  }

  static func read(_ columns: inout Columns) -> Dag {
    var dag = Dag(dagID: columns.text(), owners: NameList.list(columns.text()), tags: NameList.list(columns.text()))
    dag.schedule = columns.optionalText()
    dag.description = columns.optionalText()
    dag.fileloc = columns.optionalText()
    dag.isPaused = columns.optionalBool()
    return dag
  }
}
