import ExecutionModel
import Ledger
import OpenLineage

/// The names under which runs are told to an OpenLineage backend, by Airflow instance and dbt Cloud account, and the
/// making of an event's bytes. Pure.
public struct LineageNaming: Sendable {
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

  public init(producer: String, version: String, airflow: [InstanceName: Airflow], dbtNamespaces: [String: String]) {
    self.producer = producer
    self.version = version
    self.airflow = airflow
    self.dbtNamespaces = dbtNamespaces
  }

  /// Why no event can be made of an item. It is parked with this reason.
  public struct Impossible: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String
  }

  /// The bytes of an item's event.
  /// - Throws: ``Impossible``
  public func encode(_ item: OutboxItem, _ facts: EventFacts) throws(Impossible) -> [UInt8] {
    guard let transition = item.transition, let time = item.eventTime else {
      throw Impossible(description: "the item names no event")
    }
    do {
      switch item.kind {
      case .dagRun:
        guard let run = facts.run else { throw missing }
        let event = ExecutionEvent(
          subject: .dagRun(run.key, clearNumber: item.clearNumber), transition: transition, time: time)
        return try encoder(run.key.instance, version: facts.airflowVersion)
          .encode(event, dagRun: run, dag: facts.dag, attempts: facts.currentAttempts)
      case .attempt:
        guard let run = facts.run, let attempt = facts.attempt else { throw missing }
        let event = ExecutionEvent(subject: .attempt(run.key, attempt.key), transition: transition, time: time)
        return try encoder(run.key.instance, version: facts.airflowVersion)
          .encode(event, attempt: attempt, of: run, dag: facts.dag, dbtRuns: facts.triggered)
      case .dbtRun:
        guard let dbtRun = facts.dbtRun else { throw missing }
        let event = ExecutionEvent(subject: .dbtRun(dbtRun.key), transition: transition, time: time)
        let namespace = dbtRun.account.flatMap { dbtNamespaces[$0] } ?? dbtRun.account ?? "dbt-cloud"
        guard let run = facts.run, let attempt = facts.attempt else {
          return try encoder(nil, dbtNamespace: namespace, version: nil).encode(event, dbtRun: dbtRun, parent: nil)
        }
        let encoder = try encoder(run.key.instance, dbtNamespace: namespace, version: facts.airflowVersion)
        let parent = try encoder.parent(ofWhatStarted: attempt.key, clearNumber: attempt.clearNumber, in: run)
        return try encoder.encode(event, dbtRun: dbtRun, parent: parent)
      case .record: throw Impossible(description: "a record is no event")
      }
    } catch let error as Impossible {
      throw error
    } catch {
      throw Impossible(description: "\(error)")
    }
  }

  private var missing: Impossible { Impossible(description: "the ledger no longer has what this event is about") }

  private func encoder(
    _ instance: InstanceName?, dbtNamespace: String = "", version airflowVersion: String?
  ) throws(Impossible) -> LineageEncoder {
    let names = instance.flatMap { airflow[$0] }
    if let instance, names == nil {
      throw Impossible(description: "Airflow instance `\(instance)` has no `namespace` in the configuration any more")
    }
    return LineageEncoder(
      producer: producer, version: version, namespace: names?.namespace ?? dbtNamespace, dbtNamespace: dbtNamespace,
      scheme: names?.scheme ?? .since2, airflowVersion: airflowVersion)
  }
}
