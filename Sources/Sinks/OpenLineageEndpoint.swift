extension OpenLineageSink {
  /// Whether events are sent several at once.
  public enum Batches: String, Hashable, Sendable, CaseIterable {
    /// If the backend has an address for it, which is found out with the first event.
    case auto
    case on
    case off
  }

  /// Where and how to send.
  public struct Endpoint: Sendable {
    /// `sinks[].url`: the whole URL that takes one event.
    public var url: String
    /// Reads `sinks[].token_file` and the like; nil without a token. Asked again when the backend refuses the token.
    public var token: (@Sendable () throws -> String)?
    public var gzip: Bool
    /// Seconds for one request.
    public var timeout: Double
    public var caFile: String?
    /// Connections that send side by side.
    public var concurrency: Int
    /// Over all connections; nil for as many as there are.
    public var requestsPerSecond: Double?
    public var batches: Batches
    /// Events of one batch at most.
    public var batchEvents: Int
    /// Bytes of one batch at most, before it is compressed. An event that is larger goes alone.
    public var batchBytes: Int

    public init(
      url: String, token: (@Sendable () throws -> String)?, gzip: Bool = true, timeout: Double = 30,
      caFile: String? = nil, concurrency: Int = 4, requestsPerSecond: Double? = nil, batches: Batches = .auto,
      batchEvents: Int = 500, batchBytes: Int = 1_000_000
    ) {
      self.url = url
      self.token = token
      self.gzip = gzip
      self.timeout = timeout
      self.caFile = caFile
      self.concurrency = concurrency
      self.requestsPerSecond = requestsPerSecond
      self.batches = batches
      self.batchEvents = batchEvents
      self.batchBytes = batchBytes
    }

    /// The whole URL that takes an array of events: `/batch` after the path of ``url``.
    var batchURL: String {
      let end = url.firstIndex { $0 == "?" || $0 == "#" } ?? url.endIndex
      let path = url[..<end]
      return (path.hasSuffix("/") ? path.dropLast() : path) + "/batch" + url[end...]
    }
  }
}
