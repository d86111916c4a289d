import ExecutionModel
import SQLite

// How the model's values stand in the ledger's tables. Columns and values are in one order, here only.

extension SQLiteBinder {
  mutating func callAsFunction(_ value: Instant?) { self(value?.microseconds) }
}

extension SQLiteColumns {
  mutating func optionalInstant() -> Instant? { optionalInteger().map(Instant.init(microseconds:)) }
}

enum DagRunRow {
  static let columns = """
    source_id, run_type, state, logical_date, run_after, data_interval_start, data_interval_end, queued_at, start_date,
    end_date, clear_number, triggered_by, triggering_user_name, conf, note, is_open
    """
  static let count = 16

  static func bind(_ run: DagRun, to binder: inout SQLiteBinder) {
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

  static func read(_ columns: inout SQLiteColumns, key: DagRunKey) -> DagRun {
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
  static let columns = """
    task_id, map_index, try_number, is_current, clear_number, operator, state, queued_at, start_date, end_date, duration,
    max_tries, hostname, pool, queue, rendered_map_index, note
    """
  static let count = 17

  static func bind(_ attempt: TaskAttempt, to binder: inout SQLiteBinder) {
    bind(attempt.key, to: &binder)
    bindFacts(attempt, to: &binder)
  }

  static func bind(_ key: AttemptKey, to binder: inout SQLiteBinder) {
    binder(key.taskID)
    binder(key.mapIndex)
    binder(key.tryNumber)
  }

  static func bindFacts(_ attempt: TaskAttempt, to binder: inout SQLiteBinder) {
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

  static func read(_ columns: inout SQLiteColumns) -> TaskAttempt {
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

  static func readKey(_ columns: inout SQLiteColumns) -> AttemptKey {
    AttemptKey(taskID: columns.text(), mapIndex: columns.int(), tryNumber: columns.int())
  }
}

enum DagRow {
  static func read(_ columns: inout SQLiteColumns) -> Dag {
    var dag = Dag(dagID: columns.text(), owners: list(columns.text()), tags: list(columns.text()))
    dag.schedule = columns.optionalText()
    dag.description = columns.optionalText()
    dag.fileloc = columns.optionalText()
    dag.isPaused = columns.optionalBool()
    return dag
  }

  static let columns = "dag_id, owners, tags, schedule, description, fileloc, is_paused"

  /// Lists of names are kept one per line: neither owners, tags nor dbt's node ids hold a line feed.
  static func list(_ text: String) -> [String] {
    text.isEmpty ? [] : text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  static func text(_ list: [String]) -> String { list.joined(separator: "\n") }
}

enum DbtRunRow {
  static let columns = """
    key, account, host, account_id, run_id, job_id, job_name, project_id, project_name, environment_id, environment_name,
    status, status_code, status_message, cause, created_at, started_at, finished_at, git_branch, git_sha, dbt_version, href,
    is_complete
    """

  static func bindFacts(_ run: DbtRun, to binder: inout SQLiteBinder) {
    binder(run.account)
    binder(run.host)
    binder(run.accountID)
    binder(run.runID)
    binder(run.jobID)
    binder(run.jobName)
    binder(run.projectID)
    binder(run.projectName)
    binder(run.environmentID)
    binder(run.environmentName)
    binder(run.status)
    binder(run.statusCode)
    binder(run.statusMessage)
    binder(run.cause)
    binder(run.createdAt)
    binder(run.startedAt)
    binder(run.finishedAt)
    binder(run.gitBranch)
    binder(run.gitSHA)
    binder(run.dbtVersion)
    binder(run.href)
    binder(run.isComplete)
  }

  /// nil when the key is unreadable, which no release has written.
  static func read(_ columns: inout SQLiteColumns) -> DbtRun? {
    guard let key = DbtRunKey(columns.text()) else { return nil }
    var run = DbtRun(key: key, status: "")
    run.account = columns.optionalText()
    run.host = columns.optionalText()
    run.accountID = columns.optionalInteger()
    run.runID = columns.optionalInteger()
    run.jobID = columns.optionalInteger()
    run.jobName = columns.optionalText()
    run.projectID = columns.optionalInteger()
    run.projectName = columns.optionalText()
    run.environmentID = columns.optionalInteger()
    run.environmentName = columns.optionalText()
    run.status = columns.text()
    run.statusCode = columns.optionalInt()
    run.statusMessage = columns.optionalText()
    run.cause = columns.optionalText()
    run.createdAt = columns.optionalInstant()
    run.startedAt = columns.optionalInstant()
    run.finishedAt = columns.optionalInstant()
    run.gitBranch = columns.optionalText()
    run.gitSHA = columns.optionalText()
    run.dbtVersion = columns.optionalText()
    run.href = columns.optionalText()
    run.isComplete = columns.bool()
    return run
  }
}

enum DbtStepRow {
  static let columns = """
    step_index, name, command, status, started_at, finished_at, invocation_id, manifest, run_results, catalog, sources
    """

  static func bind(_ step: DbtStep, to binder: inout SQLiteBinder) {
    binder(step.index)
    binder(step.name)
    binder(step.command)
    binder(step.status)
    binder(step.startedAt)
    binder(step.finishedAt)
    binder(step.invocationID)
    binder(step.manifest.rawValue)
    binder(step.runResults.rawValue)
    binder(step.catalog.rawValue)
    binder(step.sources.rawValue)
  }

  static func read(_ columns: inout SQLiteColumns) -> DbtStep {
    var step = DbtStep(index: columns.int(), name: columns.optionalText())
    step.command = columns.optionalText()
    step.status = columns.optionalText()
    step.startedAt = columns.optionalInstant()
    step.finishedAt = columns.optionalInstant()
    step.invocationID = columns.optionalText()
    step.manifest = ArtifactState(rawValue: columns.text()) ?? .pending
    step.runResults = ArtifactState(rawValue: columns.text()) ?? .pending
    step.catalog = ArtifactState(rawValue: columns.text()) ?? .pending
    step.sources = ArtifactState(rawValue: columns.text()) ?? .pending
    return step
  }
}

enum DbtResultRow {
  static let columns = """
    unique_id, resource_type, name, package, path, owner, node_group, tags, status, relation, started_at, completed_at,
    execution_time, thread, rows_affected, failures, message, query_id, depends_on, attached_node, column_name, test, severity
    """
  static let count = 23

  static func bind(_ result: DbtNodeResult, to binder: inout SQLiteBinder) {
    binder(result.uniqueID)
    binder(result.resourceType)
    binder(result.name)
    binder(result.package)
    binder(result.path)
    binder(result.owner)
    binder(result.group)
    binder(DagRow.text(result.tags))
    binder(result.status)
    binder(result.relation)
    binder(result.startedAt)
    binder(result.completedAt)
    binder(result.executionTime)
    binder(result.thread)
    binder(result.rowsAffected)
    binder(result.failures)
    binder(result.message)
    binder(result.queryID)
    binder(DagRow.text(result.dependsOn))
    binder(result.attachedNode)
    binder(result.column)
    binder(result.test)
    binder(result.severity)
  }

  static func read(_ columns: inout SQLiteColumns) -> DbtNodeResult {
    var result = DbtNodeResult(uniqueID: columns.text(), status: "")
    result.resourceType = columns.optionalText()
    result.name = columns.optionalText()
    result.package = columns.optionalText()
    result.path = columns.optionalText()
    result.owner = columns.optionalText()
    result.group = columns.optionalText()
    result.tags = DagRow.list(columns.text())
    result.status = columns.text()
    result.relation = columns.optionalText()
    result.startedAt = columns.optionalInstant()
    result.completedAt = columns.optionalInstant()
    result.executionTime = columns.optionalDouble()
    result.thread = columns.optionalText()
    result.rowsAffected = columns.optionalInteger()
    result.failures = columns.optionalInteger()
    result.message = columns.optionalText()
    result.queryID = columns.optionalText()
    result.dependsOn = DagRow.list(columns.text())
    result.attachedNode = columns.optionalText()
    result.column = columns.optionalText()
    result.test = columns.optionalText()
    result.severity = columns.optionalText()
    return result
  }
}

/// `?, ?, …`
func placeholders(_ count: Int) -> String { Array(repeating: "?", count: count).joined(separator: ", ") }
