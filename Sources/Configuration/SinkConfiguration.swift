/// One tracking backend: an entry of `sinks:`.
public struct SinkConfiguration: Sendable, Equatable {
  /// Unique among the sinks.
  public var name: String
  /// Whether what a backfill loads goes there too.
  public var history: Bool
  /// How many bytes may wait for it.
  public var maximumOutboxBytes: Int64
  /// How long the oldest item may wait.
  public var maximumOutboxAge: Duration
  public var destination: Destination

  /// Where a sink delivers, with what only that kind of backend needs.
  public enum Destination: Sendable, Equatable {
    case openLineage(OpenLineageDestination)
    case file(FileDestination)
  }
}

/// An HTTP endpoint that takes OpenLineage events.
public struct OpenLineageDestination: Sendable, Equatable {
  /// Where events are POSTed, path included.
  public var url: EndpointURL
  /// The bearer token; nil when the backend asks for none.
  public var token: Secret?
  /// What there are events for.
  public var emit: Set<EmittedKind>
  /// Whether the compiled SQL of dbt's nodes is sent.
  public var sql: Bool
  /// Whether bodies are sent gzipped.
  public var gzip: Bool
  /// The whole of one request.
  public var timeout: Duration
  /// Certificates to trust instead of the system's, PEM.
  public var caFile: String?
  /// Connections that send side by side.
  public var concurrency: Int
  /// Over all connections; nil for no limit.
  public var requestsPerSecond: Double?
  /// Whether several events go in one request.
  public var batch: BatchMode
  /// Events of one batch at most.
  public var batchMaximumEvents: Int
  /// Bytes of one batch at most, before gzip.
  public var batchMaximumBytes: Int
  /// Bytes of one event at most, before gzip; nil for no limit.
  public var maximumEventBytes: Int?
}

/// Whether an OpenLineage sink sends several events in one request.
public enum BatchMode: String, Sendable, CaseIterable {
  /// If the backend has an address for it.
  case auto
  case on
  case off
}

/// What an OpenLineage sink gets events for.
public enum EmittedKind: String, Sendable, CaseIterable {
  case dagRuns = "dag_runs"
  case attempts = "attempts"
  case dbtRuns = "dbt_runs"
  case dbtNodes = "dbt_nodes"
}

/// A file that gets one record a line (NDJSON).
public struct FileDestination: Sendable, Equatable {
  public var path: String
  public var results: ResultSelection
}

/// How much of each dbt run goes into a line.
public enum ResultSelection: String, Sendable, CaseIterable {
  case all
  case failed
  case none
}
