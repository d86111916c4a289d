import ExecutionModel
import JSONText

/// Writes a record (contract version 1, `docs/record.schema.json`) piece by piece, so that a DAG run with 10,000
/// tasks never is in memory as a whole.
///
/// The order of calls is the order of the document: ``begin(_:)``, each ``attempt(_:)``, ``endAttempts(unseen:)``,
/// then for each dbt run ``beginDbtRun(_:)`` and each ``step(_:)``, then ``end()``. The caller gives attempts and dbt
/// runs in record order; links and evidence are put in order here. The same values give the same bytes.
public struct RecordEncoder: Sendable {
  /// The contract's version: adding a field keeps it, changing one raises it.
  public static let version = 1

  /// What was written and not yet taken.
  public private(set) var writer: JSONWriter
  private let options: RecordOptions
  private var place = Place.outside
  private var run: DagRunKey?
  private var ui: AirflowURL?

  private enum Place { case outside, attempts, dbtRuns, steps }

  public init(options: RecordOptions = RecordOptions()) {
    self.options = options
    writer = JSONWriter()
  }

  /// The bytes of a whole record, without a line break.
  public static func encode(_ record: ExecutionRecord, options: RecordOptions = RecordOptions()) -> [UInt8] {
    var encoder = RecordEncoder(options: options)
    encoder.begin(record.header)
    for linked in record.attempts.sorted(by: { TaskAttempt.inRecordOrder($0.attempt, $1.attempt) }) {
      encoder.attempt(linked)
    }
    encoder.endAttempts(unseen: record.unseenTries)
    for run in record.dbtRuns.sorted(by: DbtRun.inRecordOrder) {
      encoder.beginDbtRun(run)
      for step in run.steps.sorted(by: { $0.index < $1.index }) { encoder.step(step) }
    }
    encoder.end()
    return encoder.takeBytes()
  }

  /// What was written since the last call; the rest of the record follows in later calls.
  public mutating func takeBytes() -> [UInt8] {
    defer { writer.bytes.removeAll(keepingCapacity: true) }
    return writer.bytes
  }

  /// Everything up to the first attempt.
  public mutating func begin(_ header: RecordHeader) {
    precondition(place == .outside, "begin() within a record")
    run = header.run?.key
    ui = header.ui
    writer.beginObject()
    writer.member("record_version", Self.version)
    writer.member("kind", header.kind.rawValue)
    writer.member("key", header.key)
    writer.member("instance", header.instance)
    writer.member("airflow_version", header.airflowVersion)
    writer.member("revision", header.revision)
    writer.key("removed")
    if let removed = header.removed { write(removed) } else { writer.null() }
    writer.key("dag")
    if let dag = header.dag { write(dag) } else { writer.null() }
    writer.key("dag_run")
    if let run = header.run { write(run, history: header.history) } else { writer.null() }
    writer.key("attempts")
    writer.beginArray()
    place = .attempts
  }

  /// One attempt with its links.
  public mutating func attempt(_ linked: LinkedAttempt) {
    let attempt = linked.attempt
    precondition(place == .attempts, "attempts come after begin() and before dbt runs")
    writer.beginObject()
    writer.member("task_id", attempt.key.taskID)
    writer.member("map_index", attempt.key.mapIndex)
    writer.member("try_number", attempt.key.tryNumber)
    writer.member("current", attempt.isCurrent)
    writer.key("removed")
    if let removed = linked.removed { write(removed) } else { writer.null() }
    writer.member("clear_number", attempt.clearNumber)
    writer.member("operator", attempt.operatorName)
    writer.member("state", attempt.state)
    writer.member("queued_at", attempt.queuedAt)
    writer.member("start_date", attempt.startDate)
    writer.member("end_date", attempt.endDate)
    writer.member("duration_s", attempt.duration)
    writer.member("max_tries", attempt.maxTries)
    writer.member("hostname", attempt.hostname)
    writer.member("pool", attempt.pool)
    writer.member("queue", attempt.queue)
    writer.member("rendered_map_index", attempt.renderedMapIndex)
    writer.member("note", attempt.note)
    writer.member("url", run.flatMap { run in ui?.attempt(attempt.key, of: run) })
    writer.key("dbt_runs")
    writer.beginArray()
    for link in linked.links.sorted(by: RunLink.inRecordOrder) { write(link) }
    writer.endArray()
    writer.endObject()
  }

  /// What comes after the last attempt.
  /// - Parameter unseen: tries that no read showed, by task, map index and try.
  public mutating func endAttempts(unseen: [UnseenTries]) {
    precondition(place == .attempts, "endAttempts() comes after begin()")
    writer.endArray()
    writer.key("unseen_tries")
    writer.array { writer in
      for tries in unseen {
        writer.object {
          $0.member("task_id", tries.taskID)
          $0.member("map_index", tries.mapIndex)
          $0.member("first", tries.first)
          $0.member("last", tries.last)
        }
      }
    }
    writer.key("dbt_runs")
    writer.beginArray()
    place = .dbtRuns
  }

  /// One dbt run up to its steps. Its own `steps` are not looked at.
  public mutating func beginDbtRun(_ run: DbtRun) {
    precondition(place != .outside && place != .attempts, "dbt runs come after endAttempts()")
    endDbtRun()
    writer.beginObject()
    write(run, options: options)
    writer.key("steps")
    writer.beginArray()
    place = .steps
  }

  /// One step of the dbt run that was begun last.
  public mutating func step(_ step: DbtStep) {
    precondition(place == .steps, "steps come after beginDbtRun()")
    write(step, options: options)
  }

  /// The rest of the record.
  public mutating func end() {
    precondition(place != .outside && place != .attempts, "end() comes after endAttempts()")
    endDbtRun()
    writer.endArray()
    writer.endObject()
    place = .outside
  }

  /// Ends the line of the record, for NDJSON; the next record may begin.
  public mutating func newline() {
    precondition(place == .outside, "newline() within a record")
    writer.newline()
  }

  private mutating func endDbtRun() {
    guard place == .steps else { return }
    writer.endArray()
    writer.endObject()
    place = .dbtRuns
  }
}

// MARK: - The DAG run

extension RecordEncoder {
  private mutating func write(_ removed: RecordHeader.Removed) {
    writer.object {
      $0.member("kind", removed.kind.rawValue)
      $0.member("seen_at", removed.seenAt)
    }
  }

  private mutating func write(_ dag: Dag) {
    writer.object {
      $0.member("owners", dag.owners)
      $0.member("tags", dag.tags)
      $0.member("schedule", dag.schedule)
      $0.member("description", dag.description)
      $0.member("fileloc", dag.fileloc)
      $0.member("is_paused", dag.isPaused)
    }
  }

  private mutating func write(_ run: DagRun, history: [DagRunClear]) {
    writer.beginObject()
    writer.member("id", run.sourceID)
    writer.member("dag_id", run.key.dagID)
    writer.member("run_id", run.key.runID)
    writer.member("run_type", run.runType)
    writer.member("state", run.state)
    writer.member("url", ui?.dagRun(run.key))
    writer.member("logical_date", run.logicalDate)
    writer.member("run_after", run.runAfter)
    writer.member("data_interval_start", run.dataIntervalStart)
    writer.member("data_interval_end", run.dataIntervalEnd)
    writer.member("queued_at", run.queuedAt)
    writer.member("start_date", run.startDate)
    writer.member("end_date", run.endDate)
    writer.member("clear_number", run.clearNumber)
    writer.member("triggered_by", run.triggeredBy)
    writer.member("triggering_user_name", run.triggeringUserName)
    writer.member("conf", conf(of: run))
    writer.member("note", run.note)
    writer.key("history")
    writer.beginArray()
    for clear in history.sorted(by: DagRunClear.inRecordOrder) {
      writer.object {
        $0.member("clear_number", clear.clearNumber)
        $0.member("state", clear.state)
        $0.member("queued_at", clear.queuedAt)
        $0.member("start_date", clear.startDate)
        $0.member("end_date", clear.endDate)
      }
    }
    writer.endArray()
    writer.endObject()
  }

  private func conf(of run: DagRun) -> RawJSON? {
    switch options.conf {
    case .redact: run.conf.map(options.redaction.redacted)
    case .keep: run.conf
    case .drop: nil
    }
  }

  private mutating func write(_ link: RunLink) {
    writer.beginObject()
    writer.member("key", link.key?.description)
    writer.member("relation", link.relation.rawValue)
    writer.member("retried_run", link.retriedRun?.description)
    writer.member("confidence", link.confidence.rawValue)
    writer.member("unresolved", link.unresolved)
    writer.key("evidence")
    writer.beginArray()
    for evidence in link.evidence.sorted(by: { ($0.kind, $0.value) < ($1.kind, $1.value) }) {
      writer.object {
        $0.member("kind", evidence.kind)
        $0.member("value", evidence.value)
      }
    }
    writer.endArray()
    if link.confidence == .ambiguous {
      writer.member("candidates", link.candidates.map(\.description).sorted())
    }
    writer.endObject()
  }
}

extension RunLink {
  /// By dbt run, those without one last, then by relation.
  fileprivate static func inRecordOrder(_ left: RunLink, _ right: RunLink) -> Bool {
    switch (left.key?.description, right.key?.description) {
    case (let a?, let b?) where a != b: a < b
    case (.some, nil): true
    case (nil, .some): false
    default:
      (left.relation.rawValue, left.unresolved ?? "", left.evidence.first?.value ?? "")
        < (right.relation.rawValue, right.unresolved ?? "", right.evidence.first?.value ?? "")
    }
  }
}

extension DagRunClear {
  /// By clear number, then by start.
  fileprivate static func inRecordOrder(_ left: DagRunClear, _ right: DagRunClear) -> Bool {
    let none = Instant(microseconds: .max)
    return (left.clearNumber ?? .max, left.startDate ?? left.queuedAt ?? none)
      < (right.clearNumber ?? .max, right.startDate ?? right.queuedAt ?? none)
  }
}

// MARK: - The dbt run

extension RecordEncoder {
  private mutating func write(_ run: DbtRun, options: RecordOptions) {
    writer.member("key", run.key.description)
    writer.member("account", run.account)
    writer.member("account_id", run.accountID)
    writer.member("host", run.host)
    writer.member("run_id", run.runID)
    writer.member("job_id", run.jobID)
    writer.member("job_name", run.jobName)
    writer.member("project_id", run.projectID)
    writer.member("project_name", run.projectName)
    writer.member("environment_id", run.environmentID)
    writer.member("environment_name", run.environmentName)
    writer.member("status", run.status)
    writer.member("status_code", run.statusCode)
    writer.member("status_message", options.shown(message: run.statusMessage))
    writer.member("cause", run.cause)
    writer.member("created_at", run.createdAt)
    writer.member("started_at", run.startedAt)
    writer.member("finished_at", run.finishedAt)
    writer.member("git_branch", run.gitBranch)
    writer.member("git_sha", run.gitSHA)
    writer.member("dbt_version", run.dbtVersion)
    writer.member("href", run.href)
    writer.member("complete", run.isComplete)
  }

  private mutating func write(_ step: DbtStep, options: RecordOptions) {
    writer.beginObject()
    writer.member("index", step.index)
    writer.member("name", step.name)
    writer.member("command", step.command)
    writer.member("status", step.status)
    writer.member("started_at", step.startedAt)
    writer.member("finished_at", step.finishedAt)
    writer.member("invocation_id", step.invocationID)
    writer.member("dbt_version", step.dbtVersion)
    writer.member("adapter", step.adapter)
    writer.member("project_name", step.projectName)
    writer.member("full_refresh", step.isFullRefresh)
    writer.key("artifacts")
    writer.object {
      $0.member("manifest", step.manifest.rawValue)
      $0.member("run_results", step.runResults.rawValue)
      $0.member("catalog", step.catalog.rawValue)
      $0.member("sources", step.sources.rawValue)
    }
    writer.key("results")
    writer.beginArray()
    for result in step.results where options.writes(status: result.status) { write(result, options: options) }
    writer.endArray()
    writer.key("freshness")
    writer.beginArray()
    for freshness in step.freshness where options.writes(status: freshness.status) {
      writer.object {
        $0.member("unique_id", freshness.uniqueID)
        $0.member("status", freshness.status)
        $0.member("max_loaded_at", freshness.maxLoadedAt)
        $0.member("snapshotted_at", freshness.snapshottedAt)
        $0.member("max_loaded_at_time_ago_in_s", freshness.ageSeconds)
        $0.member("error", options.shown(message: freshness.error))
      }
    }
    writer.endArray()
    writer.endObject()
  }

  private mutating func write(_ result: DbtNodeResult, options: RecordOptions) {
    writer.beginObject()
    writer.member("unique_id", result.uniqueID)
    writer.member("resource_type", result.resourceType)
    writer.member("name", result.name)
    writer.member("package", result.package)
    writer.member("path", result.path)
    writer.member("owner", result.owner)
    writer.member("group", result.group)
    writer.member("tags", result.tags)
    writer.member("status", result.status)
    writer.member("relation", result.relation)
    writer.member("materialized", result.materialized)
    writer.member("started_at", result.startedAt)
    writer.member("completed_at", result.completedAt)
    writer.member("execution_time_s", result.executionTime)
    writer.member("thread", result.thread)
    writer.member("rows_affected", result.rowsAffected)
    writer.member("failures", result.failures)
    writer.member("message", options.shown(message: result.message))
    writer.member("query_id", result.queryID)
    writer.member("depends_on", result.dependsOn)
    writer.member("inputs", result.inputs)
    writer.member("relation_rows", result.relationRows)
    writer.member("relation_bytes", result.relationBytes)
    writer.key("batches")
    if let batches = result.batches {
      writer.object {
        $0.member("successful", batches.successful)
        $0.member("failed", batches.failed)
      }
    } else {
      writer.null()
    }
    writer.member("attached_node", result.attachedNode)
    writer.member("column", result.column)
    writer.member("test", result.test)
    writer.member("severity", result.severity)
    writer.member("outcome", DbtOutcome(result)?.description)
    writer.endObject()
  }
}
