import ExecutionModel
import Ledger
import OpenLineage

/// The names under which runs are told to an OpenLineage backend, by Airflow instance and dbt Cloud account, and the
/// making of an event's bytes. Pure.
public struct LineageNaming: Hashable, Sendable {
  /// How the runs of one Airflow instance are named.
  public struct Airflow: Hashable, Sendable {
    /// Airflow's `[openlineage] namespace`.
    public var namespace: String
    public var scheme: ProviderScheme

    public init(namespace: String, scheme: ProviderScheme) {
      self.namespace = namespace
      self.scheme = scheme
    }
  }

  /// `producer` of every event.
  public var producer: String
  /// The version of airflow-syncer.
  public var version: String
  /// By `airflow[].name`.
  public var airflow: [InstanceName: Airflow]
  /// `dbt_cloud[].namespace` by `dbt_cloud[].name`.
  public var dbtNamespaces: [String: String]
  /// What the datasets of an account's projects are called, by `dbt_cloud[].name`, or the name of a dbt Core project.
  public var datasets: [String: DatasetNaming]
  /// Whether compiled SQL stands in events.
  public var includesSQL: Bool
  /// How large an event may be; nil for any size. One that is larger is cut.
  public var maximumEventBytes: Int?

  public init(
    producer: String, version: String, airflow: [InstanceName: Airflow], dbtNamespaces: [String: String],
    datasets: [String: DatasetNaming] = [:], includesSQL: Bool = true
  ) {
    self.datasets = datasets
    self.includesSQL = includesSQL
    self.producer = producer
    self.version = version
    self.airflow = airflow
    self.dbtNamespaces = dbtNamespaces
  }

  /// Why no event can be made of an item. It is parked with this reason.
  public struct Impossible: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String
    /// One can be made, but no backend would get it.
    var isTooLarge = false

    /// As it stands beside what is parked.
    var reason: String { isTooLarge ? description : "no event can be made: \(description)" }
  }

  /// Whether a backend takes so many bytes.
  func fits(_ body: [UInt8]) -> Bool { maximumEventBytes.map { body.count <= $0 } ?? true }

  /// The bytes of an item's event; of one that is too large without what ``EventCut`` lists, as far as that is needed.
  /// - Throws: ``Impossible``
  public func encode(_ item: OutboxItem, _ facts: EventFacts) throws(Impossible) -> [UInt8] {
    var body = try encode(item, facts, leavingOut: [])
    guard let limit = maximumEventBytes, body.count > limit else { return body }
    var cuts: Set<EventCut> = []
    var size = body.count
    for cut in EventCut.allCases {
      // Without the mark, so that what the event does not have is not said to be missing.
      let shorter = try encode(item, facts, leavingOut: cuts.union([cut]), isMarked: false)
      guard shorter.count < body.count else { continue }
      body = shorter
      cuts.insert(cut)
      let marked = try encode(item, facts, leavingOut: cuts)
      if marked.count <= limit { return marked }
      size = marked.count
    }
    throw Impossible(
      description: "the event has \(size) bytes without all that may be cut; max_event_bytes is \(limit)",
      isTooLarge: true)
  }

  private func encode(
    _ item: OutboxItem, _ facts: EventFacts, leavingOut cuts: Set<EventCut>, isMarked: Bool = true
  ) throws(Impossible) -> [UInt8] {
    guard let transition = item.transition, let time = item.eventTime else {
      throw Impossible(description: "the item names no event")
    }
    do {
      switch item.kind {
      case .dagRun:
        guard let run = facts.run else { throw missing }
        let event = ExecutionEvent(
          subject: .dagRun(run.key, clearNumber: item.clearNumber), transition: transition, time: time)
        return try encoder(run.key.instance, version: facts.airflowVersion).leavingOut(cuts, isMarked: isMarked)
          .encode(event, dagRun: run, dag: facts.dag, attempts: facts.currentAttempts)
      case .attempt:
        guard let run = facts.run, let attempt = facts.attempt else { throw missing }
        let event = ExecutionEvent(subject: .attempt(run.key, attempt.key), transition: transition, time: time)
        return try encoder(run.key.instance, version: facts.airflowVersion).leavingOut(cuts, isMarked: isMarked)
          .encode(event, attempt: attempt, of: run, dag: facts.dag, dbtRuns: facts.triggered)
      case .dbtRun, .dbtNode:
        guard let dbtRun = facts.dbtRun else { throw missing }
        let (whole, parent) = try encoder(for: dbtRun, facts)
        let encoder = whole.leavingOut(cuts, isMarked: isMarked)
        guard item.kind == .dbtNode else {
          let event = ExecutionEvent(subject: .dbtRun(dbtRun.key), transition: transition, time: time)
          return try encoder.encode(event, dbtRun: dbtRun, parent: parent)
        }
        guard let node = item.node, let execution = facts.dbtNode else { throw missing }
        let event = ExecutionEvent(
          subject: .dbtNode(dbtRun.key, step: node.step, uniqueID: node.uniqueID, node.part), transition: transition,
          time: time)
        return try encoder.encode(event, node: execution, of: dbtRun, parent: parent)
      case .dbtNodes: throw Impossible(description: "the events of a whole dbt run are no event")
      case .record: throw Impossible(description: "a record is no event")
      }
    } catch let error as Impossible {
      throw error
    } catch {
      throw Impossible(description: "\(error)")
    }
  }

  private var missing: Impossible {
    Impossible(description: "the ledger no longer has what this event is about")
  }

  /// The encoder of a dbt run and its nodes, and the run's parent: the attempt that triggered it, if it is known.
  private func encoder(
    for dbtRun: DbtRun, _ facts: EventFacts
  ) throws -> (encoder: LineageEncoder, parent: ParentReference?) {
    let name =
      switch dbtRun.key {
      case .cloud: dbtRun.account
      case .core(let name, _): dbtRun.account ?? name
      }
    let namespace = name.map { dbtNamespaces[$0] ?? $0 } ?? "dbt-cloud"
    let datasets = name.flatMap { self.datasets[$0] } ?? DatasetNaming()
    guard let run = facts.run, let attempt = facts.attempt else {
      return (try encoder(nil, dbtNamespace: namespace, datasets: datasets, version: nil), nil)
    }
    let encoder = try encoder(
      run.key.instance, dbtNamespace: namespace, datasets: datasets, version: facts.airflowVersion)
    let parent = try encoder.parent(ofWhatStarted: attempt.key, clearNumber: attempt.clearNumber, in: run)
    return (encoder, parent)
  }

  private func encoder(
    _ instance: InstanceName?, dbtNamespace: String = "", datasets: DatasetNaming = DatasetNaming(),
    version airflowVersion: String?
  ) throws(Impossible) -> LineageEncoder {
    let names = instance.flatMap { airflow[$0] }
    if let instance, names == nil {
      throw Impossible(
        description:
          "Airflow instance `\(instance)` has no `namespace` in the configuration any more")
    }
    return LineageEncoder(
      producer: producer, version: version, namespace: names?.namespace ?? dbtNamespace, dbtNamespace: dbtNamespace,
      scheme: names?.scheme ?? .since2, airflowVersion: airflowVersion, datasets: datasets, includesSQL: includesSQL)
  }
}
