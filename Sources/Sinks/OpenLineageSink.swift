import HTTPClient
import Ledger
import Platform

/// Sends events to an OpenLineage HTTP endpoint: one POST per event, START before its end and parents before children
/// within a DAG run, several DAG runs side by side. The bytes are fixed in the ledger before the first of them is sent,
/// so that a retry sends the same.
public actor OpenLineageSink: Sink {
  /// Where and how to send.
  public struct Endpoint: Sendable {
    /// `sinks[].url`: the whole URL that takes one event.
    public var url: String
    /// Reads `sinks[].token_file` and the like; nil without a token. Asked again when the backend refuses the token.
    public var token: (@Sendable () throws -> String)?
    public var gzip: Bool
    /// Seconds for one event.
    public var timeout: Double
    public var caFile: String?

    public init(
      url: String, token: (@Sendable () throws -> String)?, gzip: Bool = true, timeout: Double = 30,
      caFile: String? = nil
    ) {
      self.url = url
      self.token = token
      self.gzip = gzip
      self.timeout = timeout
      self.caFile = caFile
    }
  }

  public nonisolated let name: String
  private let naming: LineageNaming
  private let ledger: Ledger
  private let sender: EventSender
  private let backend: RoundVerdict.Backend
  private let clock: @Sendable () -> Int64
  private let random: @Sendable () -> Double
  /// Whether the backend takes events, as far as this sink knows; else one event alone probes it.
  private var isTaking = false

  private static let itemsPerRound = 256

  /// - Parameters:
  ///   - lanes: connections that send side by side.
  ///   - clock: microseconds since 1970.
  public init(
    name: String, endpoint: Endpoint, naming: LineageNaming, ledger: Ledger, lanes: Int = 4,
    clock: @escaping @Sendable () -> Int64 = wallClockMicroseconds,
    random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
  ) {
    self.name = name
    self.naming = naming
    self.ledger = ledger
    self.clock = clock
    self.random = random
    sender = EventSender(endpoint, lanes: lanes, userAgent: "airflow-syncer/\(naming.version)", clock: clock)
    backend = RoundVerdict.Backend(
      sink: name, url: HTTPRequest(url: endpoint.url).printableURL, hasToken: endpoint.token != nil)
  }

  /// Connections end with the sink; nobody waits for them.
  public func close() {}

  public func deliver() async throws -> DeliveryRound {
    let progress = try await ledger.progress(ofSink: name)
    let items =
      isTaking
      ? try await ledger.pendingItems(ofSink: progress.id, now: clock(), limit: Self.itemsPerRound)
      : try await ledger.probingItem(ofSink: progress.id, now: clock()).map { [$0] } ?? []
    var round = DeliveryRound()
    guard !items.isEmpty else {
      round.wasIdle = true
      return round
    }
    let (ready, impossible) = try await fixBodies(of: items)
    let tried = await sender.send(ready)
    let verdict = RoundVerdict(
      tried, of: backend, failures: progress.failures, now: clock(), random: random)
    var report = verdict.report
    report.parked += impossible
    try await ledger.note(report, ofSink: progress.id)
    // What was delivered before is kept; what was not tried is not the backend's failure.
    try Task.checkCancellation()
    switch report.outage {
    case .none: break
    case .some(let outage): isTaking = outage == nil
    }
    round.delivered = report.delivered.count
    round.parked = report.parked.count
    round.retried = report.retried.count
    round.outage = verdict.outage
    return round
  }

  /// The items with the bytes that they have or now get, and those of which no event can be made.
  private func fixBodies(
    of items: [OutboxItem]
  ) async throws -> (ready: [EventSender.Ready], impossible: [Ledger.DeliveryReport.Parked]) {
    let bare = items.filter { $0.body == nil }
    let facts = try await ledger.facts(for: bare)
    var made: [Int64: [UInt8]] = [:]
    var impossible: [Ledger.DeliveryReport.Parked] = []
    for (item, facts) in zip(bare, facts) {
      do { made[item.id] = try naming.encode(item, facts) } catch {
        impossible.append(.init(id: item.id, reason: "no event can be made: \(error)", status: nil, answer: nil))
      }
    }
    try await ledger.fix(bodies: bare.compactMap { item in made[item.id].map { (item.id, $0) } })
    return (
      items.compactMap { item in (item.body ?? made[item.id]).map { EventSender.Ready(item: item, body: $0) } },
      impossible
    )
  }
}
