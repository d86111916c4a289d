import ExecutionModel
import SQLite

// How dbt runs stand in the ledger's tables. Columns and values are in one order, here only.

enum DbtRunRow {
  static let columns = """
    key, account, host, account_id, run_id, job_id, job_name, project_id, project_name, environment_id, environment_name,
    status, status_code, status_message, cause, created_at, started_at, finished_at, git_branch, git_sha, dbt_version, href,
    retrying_run_id, is_complete
    """
  /// Those that an answer of dbt Cloud sets: all but the key.
  static let facts = String(columns.dropFirst("key, ".count))
  static let factCount = 23

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
    binder(run.retryingRunID)
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
    run.retryingRunID = columns.optionalInteger()
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
    binder(NameList.text(result.tags))
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
    binder(NameList.text(result.dependsOn))
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
    result.tags = NameList.list(columns.text())
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
    result.dependsOn = NameList.list(columns.text())
    result.attachedNode = columns.optionalText()
    result.column = columns.optionalText()
    result.test = columns.optionalText()
    result.severity = columns.optionalText()
    return result
  }
}
