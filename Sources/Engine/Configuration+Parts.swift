import Configuration
import DbtCloud
import ExecutionModel
import Ledger
import OpenLineage
import Postgres
import Records
import Sinks

// The configuration as the rooms want it.

extension AirflowConfiguration {
  /// How to reach the metadata database.
  public var postgres: PostgresConfiguration {
    PostgresConfiguration(
      conninfo: dsn.conninfo,
      password: password.map { secret in { @Sendable () throws -> String? in try secret.read() } },
      applicationName: "airflow-syncer/\(name)")
  }

  /// What is odd about `role`, given what the server is; nil when they agree. Whatever `role` says, a server that is a
  /// replica is never believed that a run was deleted.
  func roleWarning(isReplica: Bool) -> String? {
    switch (role, isReplica) {
    case (.primary, false), (.replica, true): nil
    case (.primary, true):
      "the server is a replica, on which no run is taken for deleted: set `role: replica`, or read the primary"
    case (.replica, false):
      "the server is no replica: with `role: replica` deleted runs are not noticed, set `role: primary`"
    }
  }

  var naming: LineageNaming.Airflow? {
    namespace.map { namespace in
      let scheme: ProviderScheme =
        switch openLineageProvider {
        case .current: .since2
        case .from1_9: .from1_9
        case .upTo1_8: .upTo1_8
        }
      return LineageNaming.Airflow(namespace: namespace, scheme: scheme)
    }
  }
}

extension DbtCloudConfiguration {
  var datasets: DatasetNaming {
    let style: DatasetNaming.Style =
      switch datasetNaming {
      case .producer: .producer
      case .spec: .spec
      }
    return DatasetNaming(style: style, namespace: datasetNamespace.all, ofProjects: datasetNamespace.ofProjects)
  }

  /// The account as the ledger knows it.
  public var directoryEntry: AccountDirectory.Account {
    AccountDirectory.Account(name: name, accountID: accountID, host: url.host)
  }

  /// - Throws: `DbtCloudError` when the URL cannot be used.
  public func account(allowsPlainHTTP: Bool) throws -> DbtCloudAccount {
    let secret = token
    return try DbtCloudAccount(
      name: name, accountID: accountID, url: url.text, token: { try secret.read() }, caFile: caFile,
      requestsPerSecond: requestsPerSecond, allowsPlainHTTP: allowsPlainHTTP)
  }
}

extension SinkConfiguration {
  /// What the sink wants to be told, for the ledger.
  public var registration: SinkRegistration {
    switch destination {
    case .openLineage(let destination):
      let emit = Set(destination.emit.compactMap { SinkRegistration.Emission(rawValue: $0.rawValue) })
      return SinkRegistration(name: name, type: "openlineage", kind: .events(emit), history: history)
    case .file: return SinkRegistration(name: name, type: "file", kind: .records, history: history)
    }
  }
}

extension Configuration {
  /// Where the ledger is kept.
  public var ledgerPlace: LedgerPlace {
    switch ledger {
    case .sqlite(let path): .file(path)
    case .postgres(let dsn, let password):
      .postgres(
        PostgresConfiguration(
          conninfo: dsn.conninfo,
          password: password.map { secret in { @Sendable () throws -> String? in try secret.read() } },
          applicationName: "airflow-syncer/ledger"))
    }
  }

  /// What records show, with `results` of a file sink.
  public func recordContext(results: ResultSelection = .all) -> RecordContext {
    let options = RecordOptions(
      conf: RecordOptions.Conf(rawValue: record.conf.rawValue) ?? .redact,
      messages: RecordOptions.Messages(rawValue: record.messages.rawValue) ?? .keep,
      results: RecordOptions.Results(rawValue: results.rawValue) ?? .all)
    let urls = airflow.compactMap { instance in instance.uiURL.map { (instance.name, $0.text) } }
    return RecordContext(options: options, uiURLs: Dictionary(urls) { first, _ in first })
  }

  /// Whether a sink wants the compiled SQL of dbt's nodes, so that it is kept.
  public var keepsSQL: Bool {
    sinks.contains { sink in
      if case .openLineage(let destination) = sink.destination {
        destination.sql && destination.emit.contains(.dbtNodes)
      } else {
        false
      }
    }
  }

  /// Whether a sink is told of dbt's nodes, whose datasets are named by the connections of their projects.
  public var namesDatasets: Bool {
    sinks.contains { sink in
      if case .openLineage(let destination) = sink.destination { destination.emit.contains(.dbtNodes) } else { false }
    }
  }

  var naming: LineageNaming {
    LineageNaming(
      producer: SyncerVersion.producer, version: SyncerVersion.current,
      airflow: Dictionary(airflow.compactMap { instance in instance.naming.map { (instance.name, $0) } }) { first, _ in
        first
      },
      dbtNamespaces: Dictionary(dbtCloud.map { ($0.name, $0.namespace) }) { first, _ in first },
      datasets: Dictionary(
        dbtCloud.map { ($0.name, $0.datasets) }
          + dbtArtifacts.map { ($0.name, DatasetNaming(namespace: $0.datasetNamespace)) }
      ) { first, _ in first })
  }

  /// The run ids that Airflow's OpenLineage provider gives to attempts, which causes of dbt runs may hold.
  var lineageRunID: Ledger.LineageRunID {
    let instances = naming.airflow
    return { run, attempt in
      guard let naming = instances[run.key.instance] else { return nil }
      return try? RunID.attempt(attempt, of: run, namespace: naming.namespace, scheme: naming.scheme).text
    }
  }

  func makeSinks(ledger: Ledger) -> [any Sink] {
    let naming = naming
    return sinks.map { sink -> any Sink in
      switch sink.destination {
      case .file(let destination):
        return FileSink(
          name: sink.name, path: destination.path, ledger: ledger, context: recordContext(results: destination.results))
      case .openLineage(let destination):
        var naming = naming
        naming.includesSQL = destination.sql
        naming.maximumEventBytes = destination.maximumEventBytes
        let batches: OpenLineageSink.Batches =
          switch destination.batch {
          case .auto: .auto
          case .on: .on
          case .off: .off
          }
        return OpenLineageSink(
          name: sink.name,
          endpoint: OpenLineageSink.Endpoint(
            url: destination.url.text,
            token: destination.token.map { secret in { @Sendable () throws -> String in try secret.read() } },
            gzip: destination.gzip, timeout: destination.timeout.totalSeconds, caFile: destination.caFile,
            concurrency: destination.concurrency, requestsPerSecond: destination.requestsPerSecond, batches: batches,
            batchEvents: destination.batchMaximumEvents, batchBytes: destination.batchMaximumBytes),
          naming: naming, ledger: ledger)
      }
    }
  }
}
