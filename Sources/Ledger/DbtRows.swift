import ExecutionModel
import Storage

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

  static func bindFacts(_ run: DbtRun, to binder: inout Binder) {
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
  static func read(_ columns: inout Columns) -> DbtRun? {
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
    step_index, name, command, status, started_at, finished_at, invocation_id, manifest, run_results, catalog, sources,
    dbt_version, adapter, project_name, is_full_refresh
    """
  static let count = 15

  static func bind(_ step: DbtStep, to binder: inout Binder) {
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
    binder(step.dbtVersion)
    binder(step.adapter)
    binder(step.projectName)
    binder(step.isFullRefresh)
  }

  static func read(_ columns: inout Columns) -> DbtStep {
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
    step.dbtVersion = columns.optionalText()
    step.adapter = columns.optionalText()
    step.projectName = columns.optionalText()
    step.isFullRefresh = columns.optionalBool()
    return step
  }
}

/// A result names its node (``DbtNodeRow``), and holds what came of it in one step.
enum DbtResultRow {
  /// What an insert gives, after the run, the step and the position.
  static let columns = """
    node, status, started_at, completed_at, execution_time, thread, rows_affected, failures, message, query_id, inputs,
    relation, relation_rows, relation_bytes, batches_successful, batches_failed
    """
  static let count = 16

  /// - Parameters:
  ///   - node: the row of the result's node, whose relation is `relation`.
  ///   - inputs: rows of the nodes that it reads.
  static func bind(
    _ result: DbtNodeResult, node: Int64, relation: String?, inputs: [Int64], to binder: inout Binder
  ) {
    binder(node)
    binder(result.status)
    binder(result.startedAt)
    binder(result.completedAt)
    binder(result.executionTime)
    binder(result.thread)
    binder(result.rowsAffected)
    binder(result.failures)
    binder(result.message)
    binder(result.queryID)
    binder(inputs.isEmpty ? nil : "[\(inputs.map(String.init).joined(separator: ","))]")
    binder(result.relation == relation ? nil : result.relation)
    binder(result.relationRows)
    binder(result.relationBytes)
    binder(result.batches?.successful)
    binder(result.batches?.failed)
  }

  /// For rows `r` of `dbt_result` with their nodes `n`.
  static let selected = """
    n.unique_id, n.resource_type, n.name, n.package, n.path, n.owner, n.node_group, n.tags, r.status,
    coalesce(r.relation, n.relation), n.materialized, r.started_at, r.completed_at, r.execution_time, r.thread,
    r.rows_affected, r.failures, r.message, r.query_id, n.depends_on, r.relation_rows, r.relation_bytes,
    r.batches_successful, r.batches_failed, n.attached_node, n.column_name, n.test, n.severity, r.inputs
    """

  /// - Returns: the result, and the rows of the nodes that it reads, whose names are still to be looked up.
  static func read(_ columns: inout Columns) -> (result: DbtNodeResult, inputs: [Int64]) {
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
    result.materialized = columns.optionalText()
    result.startedAt = columns.optionalInstant()
    result.completedAt = columns.optionalInstant()
    result.executionTime = columns.optionalDouble()
    result.thread = columns.optionalText()
    result.rowsAffected = columns.optionalInteger()
    result.failures = columns.optionalInteger()
    result.message = columns.optionalText()
    result.queryID = columns.optionalText()
    result.dependsOn = NameList.list(columns.text())
    result.relationRows = columns.optionalInteger()
    result.relationBytes = columns.optionalInteger()
    let (successful, failed) = (columns.optionalInt(), columns.optionalInt())
    if let successful, let failed { result.batches = DbtBatches(successful: successful, failed: failed) }
    result.attachedNode = columns.optionalText()
    result.column = columns.optionalText()
    result.test = columns.optionalText()
    result.severity = columns.optionalText()
    return (result, inputs(columns.optionalText()))
  }

  /// `[1,2]`
  static func inputs(_ text: String?) -> [Int64] {
    guard let text else { return [] }
    return text.dropFirst().dropLast().split(separator: ",").compactMap { Int64($0) }
  }
}

enum DbtFreshnessRow {
  static let columns = "unique_id, status, max_loaded_at, snapshotted_at, age_seconds, error"
  static let count = 6

  static func bind(_ freshness: DbtFreshness, to binder: inout Binder) {
    binder(freshness.uniqueID)
    binder(freshness.status)
    binder(freshness.maxLoadedAt)
    binder(freshness.snapshottedAt)
    binder(freshness.ageSeconds)
    binder(freshness.error)
  }

  static func read(_ columns: inout Columns) -> DbtFreshness {
    var freshness = DbtFreshness(uniqueID: columns.text(), status: columns.text())
    freshness.maxLoadedAt = columns.optionalInstant()
    freshness.snapshottedAt = columns.optionalInstant()
    freshness.ageSeconds = columns.optionalDouble()
    freshness.error = columns.optionalText()
    return freshness
  }
}
