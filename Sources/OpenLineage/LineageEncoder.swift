import ExecutionModel
import JSONText

/// Writes OpenLineage run events (specification 2-0-2). Pure: the same values give the same bytes, and nothing comes
/// from a clock.
///
/// A START is made only of what cannot change any more once the run has started, so that one that is encoded late has
/// the same bytes as one encoded at once. `docs/EVENTS.md` tells what stands in which event.
public struct LineageEncoder: Sendable {
  /// `producer` of every event and facet, e.g. `https://github.com/…/airflow-syncer/tree/1.0.0`.
  public let producer: String
  /// The version of airflow-syncer.
  public let version: String
  /// Airflow's `[openlineage] namespace` (`airflow[].namespace`).
  public let namespace: String
  /// `dbt_cloud[].namespace`: of the jobs and run ids of dbt runs.
  public let dbtNamespace: String
  /// How the instance's OpenLineage provider makes its run ids.
  public let scheme: ProviderScheme
  /// What the schema tells, a version or a range; nil when it is unknown.
  public let airflowVersion: String?
  /// What the datasets of dbt's nodes are called.
  public let datasets: DatasetNaming
  /// Whether compiled SQL stands in events.
  public let includesSQL: Bool
  /// What is left out, for want of room.
  var cuts: Set<EventCut> = []
  /// Whether the event tells what is left out.
  var isMarked = true

  public init(
    producer: String, version: String, namespace: String, dbtNamespace: String, scheme: ProviderScheme = .since2,
    airflowVersion: String?, datasets: DatasetNaming = DatasetNaming(), includesSQL: Bool = true
  ) {
    self.datasets = datasets
    self.includesSQL = includesSQL
    self.producer = producer
    self.version = version
    self.namespace = namespace
    self.dbtNamespace = dbtNamespace
    self.scheme = scheme
    self.airflowVersion = airflowVersion
  }

  // MARK: Who is whose parent

  /// A DAG run under one clear number, as a parent.
  public func reference(to run: DagRun, clearNumber: Int?) throws(LineageError) -> RunReference {
    let id = try RunID.dagRun(run, clearNumber: clearNumber, namespace: namespace, scheme: scheme)
    return RunReference(runID: id, jobNamespace: namespace, jobName: run.key.dagID)
  }

  /// A task attempt, as a parent.
  public func reference(to attempt: AttemptKey, of run: DagRun) throws(LineageError) -> RunReference {
    let id = try RunID.attempt(attempt, of: run, namespace: namespace, scheme: scheme)
    return RunReference(runID: id, jobNamespace: namespace, jobName: "\(run.key.dagID).\(attempt.taskID)")
  }

  /// The parent of what a task attempt started, such as a dbt run: the attempt, with the root of its DAG run.
  ///
  /// - Parameter clearNumber: of the DAG run when the attempt ran; nil where that is unknown.
  public func parent(
    ofWhatStarted attempt: AttemptKey, clearNumber: Int?, in run: DagRun
  ) throws(LineageError) -> ParentReference {
    let root = try parent(ofAttemptsIn: run, clearNumber: clearNumber).root
    return ParentReference(parent: try reference(to: attempt, of: run), root: root)
  }

  /// The parent of task attempts: the DAG run. Its root is what the run's conf names, as with Airflow's provider.
  private func parent(ofAttemptsIn run: DagRun, clearNumber: Int?) throws(LineageError) -> ParentReference {
    let parent = try reference(to: run, clearNumber: clearNumber ?? run.clearNumber)
    let conf = ConfParents(run.conf)
    return ParentReference(parent: parent, root: conf.root ?? conf.parent ?? parent)
  }

  /// A dbt run, as a parent.
  func reference(to run: DbtRun) throws(LineageError) -> RunReference {
    let id = try RunID.dbtRun(run, namespace: dbtNamespace)
    return RunReference(runID: id, jobNamespace: dbtNamespace, jobName: Self.jobName(of: run))
  }

  // MARK: Events

  /// An event of a DAG run.
  ///
  /// - Parameter attempts: the newest attempts of its tasks, for the states that stand in its last event.
  public func encode(
    _ event: ExecutionEvent, dagRun run: DagRun, dag: Dag?, attempts: [TaskAttempt] = []
  ) throws(LineageError) -> [UInt8] {
    guard case .dagRun(run.key, let clearNumber) = event.subject else { throw .wrongSubject(event.subject) }
    let reference = try reference(to: run, clearNumber: clearNumber)
    let isPresent = clearNumber == run.clearNumber
    return write(
      event, reference,
      runFacets: { writer in
        nominalTime(&writer, run)
        parent(&writer, ConfParents(run.conf).ofDagRun)
        airflowEngine(&writer)
        airflowDagRun(
          &writer, run, dag: dag, clearNumber: clearNumber, isEnd: event.transition.isTerminal && isPresent)
        if event.transition.isTerminal, isPresent, let state = run.state {
          airflowState(&writer, state, attempts: attempts)
        }
      },
      jobFacets: { writer in
        jobType(&writer, integration: "AIRFLOW", type: "DAG")
        ownership(&writer, dag)
        tags(&writer, (dag?.tags ?? []).map { Tag(key: $0, value: $0, source: "AIRFLOW") })
      })
  }

  /// An event of a task attempt.
  ///
  /// - Parameter dbtRuns: dbt runs that the attempt is known to have triggered; told as tags in its last event.
  public func encode(
    _ event: ExecutionEvent, attempt: TaskAttempt, of run: DagRun, dag: Dag?, dbtRuns: [DbtRunKey] = []
  ) throws(LineageError) -> [UInt8] {
    guard event.subject == .attempt(run.key, attempt.key) else { throw .wrongSubject(event.subject) }
    let reference = try reference(to: attempt.key, of: run)
    let parent = try parent(ofAttemptsIn: run, clearNumber: attempt.clearNumber)
    return write(
      event, reference,
      runFacets: { writer in
        nominalTime(&writer, run)
        self.parent(&writer, parent)
        airflowEngine(&writer)
        airflow(&writer, attempt, of: run, dag: dag, runID: reference.runID, isEnd: event.transition.isTerminal)
      },
      jobFacets: { writer in
        jobType(&writer, integration: "AIRFLOW", type: "TASK")
        tags(&writer, event.transition.isTerminal ? dbtRuns.sorted(by: keyOrder).flatMap(Self.tags) : [])
      })
  }

  /// An event of a dbt run.
  ///
  /// - Parameter parent: the attempt that triggered it, known when its START was made (``parent(ofWhatStarted:clearNumber:in:)``);
  ///   nil when none is known. The same in all events of the run.
  public func encode(
    _ event: ExecutionEvent, dbtRun run: DbtRun, parent: ParentReference?
  ) throws(LineageError) -> [UInt8] {
    guard event.subject == .dbtRun(run.key) else { throw .wrongSubject(event.subject) }
    return write(
      event, try reference(to: run),
      runFacets: { writer in
        self.parent(&writer, parent)
        dbtVersion(&writer, run)
        if event.transition.isTerminal { dbtRun(&writer, run) }
        dbtEngine(&writer, run)
        if event.transition == .fail { errorMessage(&writer, run.statusMessage) }
      },
      jobFacets: { writer in jobType(&writer, integration: "DBT", type: "JOB") })
  }

  private static func jobName(of run: DbtRun) -> String {
    switch run.key {
    case .cloud: "dbt-cloud-job-\(run.jobID.map(String.init) ?? "unknown")"
    case .core(let name, _): "dbt-core-\(name)"
    }
  }

  private static func tags(of run: DbtRunKey) -> [Tag] {
    guard case .cloud(_, let accountID, let runID) = run else { return [] }
    return [
      Tag(key: "dbt_cloud_run_id", value: String(runID), source: "dbt-cloud"),
      Tag(key: "dbt_cloud_account_id", value: String(accountID), source: "dbt-cloud"),
    ]
  }

  func write(
    _ event: ExecutionEvent, _ reference: RunReference, runFacets: (inout JSONWriter) -> Void,
    jobFacets: (inout JSONWriter) -> Void, inputs: (inout JSONWriter) -> Void = { _ in },
    outputs: (inout JSONWriter) -> Void = { _ in }
  ) -> [UInt8] {
    var writer = JSONWriter(reservingCapacity: 4096)
    writer.beginObject()
    writer.member("eventType", event.transition.rawValue)
    writer.member("eventTime", event.time.isoformat)
    writer.member("producer", producer)
    writer.member("schemaURL", "\(Facet.specification)#/$defs/RunEvent")
    writer.key("run")
    writer.object { writer in
      writer.member("runId", reference.runID.text)
      writer.key("facets")
      writer.object { writer in
        runFacets(&writer)
        cutMark(&writer)
      }
    }
    writer.key("job")
    writer.object { writer in
      writer.member("namespace", reference.jobNamespace)
      writer.member("name", reference.jobName)
      writer.key("facets")
      writer.object(jobFacets)
    }
    // Some consumers fail when these are absent.
    writer.key("inputs")
    writer.array(inputs)
    writer.key("outputs")
    writer.array(outputs)
    writer.endObject()
    return writer.bytes
  }
}

private func keyOrder(_ left: DbtRunKey, _ right: DbtRunKey) -> Bool { left.description < right.description }
