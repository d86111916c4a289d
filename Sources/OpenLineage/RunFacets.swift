import ExecutionModel
import JSONText

// The facets of runs. Members without a value are left out: OpenLineage's schemas know no null.

extension LineageEncoder {
  /// The data interval; the logical date where a run has no interval.
  func nominalTime(_ writer: inout JSONWriter, _ run: DagRun) {
    guard let start = run.dataIntervalStart ?? run.logicalDate else { return }
    writer.facet(.nominalTime, producer: producer) {
      $0.member("nominalStartTime", start.isoformat)
      $0.present("nominalEndTime", run.dataIntervalEnd?.isoformat)
    }
  }

  func parent(_ writer: inout JSONWriter, _ reference: ParentReference?) {
    guard let reference else { return }
    writer.facet(.parent, producer: producer) {
      Self.run(&$0, reference.parent)
      $0.key("root")
      $0.object { Self.run(&$0, reference.root) }
    }
  }

  private static func run(_ writer: inout JSONWriter, _ reference: RunReference) {
    writer.key("run")
    writer.object { $0.member("runId", reference.runID.text) }
    writer.key("job")
    writer.object {
      $0.member("namespace", reference.jobNamespace)
      $0.member("name", reference.jobName)
    }
  }

  func airflowEngine(_ writer: inout JSONWriter) {
    engine(&writer, name: "Airflow", version: airflowVersion)
  }

  func dbtEngine(_ writer: inout JSONWriter, _ run: DbtRun) {
    engine(&writer, name: "dbt", version: run.dbtVersion)
  }

  func engine(_ writer: inout JSONWriter, name: String, version: String?) {
    guard let version else { return }
    writer.facet(.processingEngine, producer: producer) {
      $0.member("version", version)
      $0.member("name", name)
      $0.member("openlineageAdapterVersion", "airflow-syncer \(self.version)")
    }
  }

  // MARK: Airflow

  func airflowDagRun(_ writer: inout JSONWriter, _ run: DagRun, dag: Dag?, clearNumber: Int?, isEnd: Bool) {
    guard let knownSince = Self.knownSince(run) else { return }
    writer.facet(.airflowDagRun, producer: producer) {
      self.dag(&$0, run, dag, knownSince)
      Self.dagRun(&$0, run, clearNumber: clearNumber, isEnd: isEnd)
    }
  }

  func airflow(
    _ writer: inout JSONWriter, _ attempt: TaskAttempt, of run: DagRun, dag: Dag?, runID: RunID, isEnd: Bool
  ) {
    // The facet's schema demands both.
    guard let knownSince = Self.knownSince(run), let pool = attempt.pool else { return }
    writer.facet(.airflow, producer: producer) {
      self.dag(&$0, run, dag, knownSince)
      Self.dagRun(&$0, run, clearNumber: attempt.clearNumber ?? run.clearNumber, isEnd: false)
      $0.key("task")
      $0.object {
        $0.member("task_id", attempt.key.taskID)
        $0.present("operator_class", attempt.operatorName)
      }
      $0.key("taskInstance")
      $0.object {
        $0.member("try_number", attempt.key.tryNumber)
        $0.member("map_index", attempt.key.mapIndex)
        $0.member("pool", pool)
        // A sensor in reschedule mode is queued anew for every poke.
        if isEnd { $0.present("queued_dttm", attempt.queuedAt?.isoformat) }
        if isEnd, let duration = attempt.duration, duration.isFinite { $0.member("duration", duration) }
      }
      $0.member("taskUuid", runID.text)
    }
  }

  /// The states of the tasks, each by the attempt that ends it; a mapped task has the worst state of its instances.
  func airflowState(_ writer: inout JSONWriter, _ state: String, attempts: [TaskAttempt]) {
    var newest: [String: [Int: TaskAttempt]] = [:]
    for attempt in attempts {
      let previous = newest[attempt.key.taskID]?[attempt.key.mapIndex]
      if let previous, previous.key.tryNumber >= attempt.key.tryNumber { continue }
      newest[attempt.key.taskID, default: [:]][attempt.key.mapIndex] = attempt
    }
    if has(.tags) { newest = [:] }
    let tasks = newest.sorted { $0.key < $1.key }.map { ($0.key, Array($0.value.values)) }
    writer.facet(.airflowState, producer: producer) {
      $0.member("dagRunState", state)
      $0.key("tasksState")
      $0.object { writer in
        for (taskID, instances) in tasks {
          guard let worst = instances.compactMap(\.state).max(by: Self.isBetter) else { continue }
          writer.key(taskID)
          writer.string(worst)
        }
      }
      $0.key("tasksDuration")
      $0.object { writer in
        for (taskID, instances) in tasks {
          guard let longest = instances.compactMap(\.duration).filter(\.isFinite).max() else { continue }
          writer.key(taskID)
          writer.double(longest)
        }
      }
    }
  }

  private static func isBetter(_ left: String, _ right: String) -> Bool {
    let worst = ["success", "skipped", "removed", "up_for_retry", "upstream_failed", "failed"]
    // A state that is not known is not hidden behind a success.
    func rank(_ state: String) -> Int { worst.firstIndex(of: state) ?? 2 }
    return (rank(left), left) < (rank(right), right)
  }

  private func dag(_ writer: inout JSONWriter, _ run: DagRun, _ dag: Dag?, _ knownSince: Instant) {
    writer.key("dag")
    writer.object {
      $0.member("dag_id", run.key.dagID)
      if !has(.documentation) { $0.present("description", dag?.description) }
      if let owners = dag?.owners, !owners.isEmpty { $0.member("owner", owners.joined(separator: ", ")) }
      $0.present("schedule_interval", dag?.schedule)
      $0.member("start_date", knownSince.isoformat)
      $0.member("start_date_source", "dag_run")
    }
  }

  /// The facet's schema demands the DAG's start date, which Airflow keeps inside the serialised DAG alone. The DAG had
  /// started when this run's interval began; `start_date_source` says that no more is known.
  private static func knownSince(_ run: DagRun) -> Instant? {
    run.dataIntervalStart ?? run.logicalDate ?? run.runAfter
  }

  private static func dagRun(_ writer: inout JSONWriter, _ run: DagRun, clearNumber: Int?, isEnd: Bool) {
    writer.key("dagRun")
    writer.object {
      $0.member("dag_id", run.key.dagID)
      $0.member("run_id", run.key.runID)
      $0.present("run_type", run.runType)
      $0.present("logical_date", run.logicalDate?.isoformat)
      $0.present("run_after", run.runAfter?.isoformat)
      $0.present("data_interval_start", run.dataIntervalStart?.isoformat)
      $0.present("data_interval_end", run.dataIntervalEnd?.isoformat)
      $0.present("clear_number", clearNumber)
      $0.present("triggered_by", run.triggeredBy)
      if isEnd {
        $0.present("start_date", run.startDate?.isoformat)
        $0.present("end_date", run.endDate?.isoformat)
      }
    }
  }

  // MARK: dbt

  func dbtVersion(_ writer: inout JSONWriter, _ run: DbtRun) {
    guard let version = run.dbtVersion else { return }
    writer.facet(.dbtVersion, producer: producer) { $0.member("version", version) }
  }

  /// Needs an invocation id, which is known from the artifacts alone: the last step that has one.
  func dbtRun(_ writer: inout JSONWriter, _ run: DbtRun) {
    let invocations = run.steps.sorted { $0.index < $1.index }.compactMap { $0.invocationID.flatMap { RunID($0) } }
    guard let invocation = invocations.last else { return }
    writer.facet(.dbtRun, producer: producer) {
      $0.member("invocation_id", invocation.text)
      $0.present("account_id", run.accountID.map { String($0) })
      switch run.key {
      case .cloud: $0.member("dbt_runtime", "cloud")
      case .core: $0.member("dbt_runtime", "core")
      }
    }
  }

  func errorMessage(_ writer: inout JSONWriter, _ message: String?) {
    guard let message, !message.isEmpty else { return }
    writer.facet(.errorMessage, producer: producer) {
      $0.member("message", cutMessage(message))
      $0.member("programmingLanguage", "SQL")
    }
  }
}
