import ExecutionModel
import JSONText

/// One run of one job, as the parent facet names it.
public struct RunReference: Hashable, Sendable {
  public var runID: RunID
  public var jobNamespace: String
  public var jobName: String

  public init(runID: RunID, jobNamespace: String, jobName: String) {
    self.runID = runID
    self.jobNamespace = jobNamespace
    self.jobName = jobName
  }
}

/// The run that made another run, and the run at the root of them all.
public struct ParentReference: Hashable, Sendable {
  public var parent: RunReference
  public var root: RunReference

  public init(parent: RunReference, root: RunReference) {
    self.parent = parent
    self.root = root
  }
}

/// The runs that a DAG run's conf names as its parent and root, `{"openlineage": {"parentRunId": …, …}}`, as whoever
/// triggers a DAG run from outside may say (provider 2.20.3 `utils/utils.py::get_dag_parent_run_facet`). Each counts
/// only when it is complete and its id a UUID.
struct ConfParents: Hashable {
  var parent: RunReference?
  var root: RunReference?

  init(_ conf: RawJSON?) {
    guard let conf, conf != .emptyObject,
      let value = try? JSONValue(parsing: conf.text, source: "dag_run.conf", maximumDepth: 256)
    else { return }
    guard let data = value["openlineage"] else { return }
    parent = Self.run(in: data, id: "parentRunId", namespace: "parentJobNamespace", name: "parentJobName")
    root = Self.run(in: data, id: "rootParentRunId", namespace: "rootParentJobNamespace", name: "rootParentJobName")
  }

  private static func run(in data: JSONValue, id: String, namespace: String, name: String) -> RunReference? {
    guard let id = data[id]?.stringValue.flatMap({ RunID($0) }),
      let namespace = data[namespace]?.stringValue, !namespace.isEmpty,
      let name = data[name]?.stringValue, !name.isEmpty
    else { return nil }
    return RunReference(runID: id, jobNamespace: namespace, jobName: name)
  }

  /// What a DAG run's own parent facet says; nil without a parent.
  var ofDagRun: ParentReference? { parent.map { ParentReference(parent: $0, root: root ?? $0) } }
}
