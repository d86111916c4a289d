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
  private let endpoint: Endpoint
  private let naming: LineageNaming
  private let ledger: Ledger
  private let lanes: [HTTPLane]
  private let clock: @Sendable () -> Int64
  private let random: @Sendable () -> Double
  private let backoff = Backoff()
  private var token: String?
  /// Whether the backend is taken to be away: then one event alone probes it.
  private var isProbing = false

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
    self.endpoint = endpoint
    self.naming = naming
    self.ledger = ledger
    self.clock = clock
    self.random = random
    self.lanes = (0..<max(1, lanes)).map { HTTPLane(name: "sink-\($0)", userAgent: "airflow-syncer/\(naming.version)") }
  }

  public func deliver() async throws -> DeliveryRound {
    let progress = try await ledger.progress(ofSink: name)
    let limit = isProbing ? 1 : Self.itemsPerRound
    let items = try await ledger.pendingItems(ofSink: progress.id, now: clock(), limit: limit)
    guard !items.isEmpty else {
      var idle = DeliveryRound()
      idle.wasIdle = true
      return idle
    }
    var report = Ledger.DeliveryReport()
    let ready = try await fixBodies(of: items, report: &report)
    let results = try await send(ready)
    return try await keep(results, of: progress, report: report)
  }

  // MARK: Making the bytes

  private struct Ready: Sendable {
    var item: OutboxItem
    var body: [UInt8]
  }

  private func fixBodies(of items: [OutboxItem], report: inout Ledger.DeliveryReport) async throws -> [Ready] {
    let bare = items.filter { $0.body == nil }
    let facts = try await ledger.facts(for: bare)
    var made: [Int64: [UInt8]] = [:]
    for (item, facts) in zip(bare, facts) {
      do { made[item.id] = try naming.encode(item, facts) } catch {
        report.parked.append(.init(id: item.id, reason: "no event can be made: \(error)", status: nil, answer: nil))
      }
    }
    try await ledger.fix(bodies: bare.compactMap { item in made[item.id].map { (item.id, $0) } })
    return items.compactMap { item in (item.body ?? made[item.id]).map { Ready(item: item, body: $0) } }
  }

  // MARK: Sending

  private struct Result: Sendable {
    var item: OutboxItem
    var outcome: Outcome
  }

  private enum Outcome: Sendable {
    case answered(DeliveryOutcome, tokenRefused: Bool)
    /// No answer: the backend is away.
    case failed(cause: String, detail: String)
    /// Not tried, because what comes before it in the same record was not delivered.
    case waiting
  }

  private func send(_ ready: [Ready]) async throws -> [Result] {
    var order: [Int64] = []
    var groups: [Int64: [Ready]] = [:]
    for item in ready {
      // Events of dbt runs without a DAG run do not depend on each other, except those of one run.
      let group = item.item.dagRun != 0 ? item.item.dagRun : -(item.item.dbtRun ?? 0)
      if groups[group] == nil { order.append(group) }
      groups[group, default: []].append(item)
    }
    let token: String?
    do { token = try currentToken() } catch {
      return ready.map { Result(item: $0.item, outcome: .failed(cause: "token", detail: "\(error)")) }
    }
    let work = order.compactMap { groups[$0] }
    let endpoint = endpoint
    let clock = clock
    let lanes = lanes
    return await withTaskGroup(of: [Result].self) { tasks in
      for (index, lane) in lanes.enumerated() {
        let mine = work.enumerated().filter { $0.offset % lanes.count == index }.map(\.element)
        guard !mine.isEmpty else { continue }
        tasks.addTask { await Self.send(mine, over: lane, to: endpoint, token: token, clock: clock) }
      }
      return await tasks.reduce(into: []) { $0 += $1 }
    }
  }

  private static func send(
    _ groups: [[Ready]], over lane: HTTPLane, to endpoint: Endpoint, token: String?, clock: @Sendable () -> Int64
  ) async -> [Result] {
    var results: [Result] = []
    var isAway = false
    for group in groups {
      var isHeld = isAway
      for ready in group {
        if isHeld {
          results.append(Result(item: ready.item, outcome: .waiting))
          continue
        }
        let outcome = await send(ready.body, over: lane, to: endpoint, token: token, clock: clock)
        results.append(Result(item: ready.item, outcome: outcome))
        switch outcome {
        case .answered(.delivered, _), .answered(.parked, tokenRefused: false): break
        case .answered(.retry, _): isHeld = true
        case .answered(.parked, tokenRefused: true), .failed:
          (isHeld, isAway) = (true, true)
        case .waiting: break
        }
      }
    }
    return results
  }

  private static func send(
    _ body: [UInt8], over lane: HTTPLane, to endpoint: Endpoint, token: String?, clock: @Sendable () -> Int64
  ) async -> Outcome {
    var answer = await post(body, over: lane, to: endpoint, token: token)
    if case .success(let response) = answer, DeliveryOutcome.isRefusedToken(status: response.status),
      let read = endpoint.token,
      let fresh = try? read(), fresh != token
    {
      // The token was changed since it was read.
      answer = await post(body, over: lane, to: endpoint, token: fresh)
    }
    switch answer {
    case .success(let response):
      let outcome = DeliveryOutcome.of(
        status: response.status, retryAfter: response.header("Retry-After"), answer: response.body, now: clock())
      return .answered(outcome, tokenRefused: DeliveryOutcome.isRefusedToken(status: response.status))
    // Asked to stop: nothing is wrong with the backend.
    case .failure(let error) where error.kind == .cancelled: return .waiting
    case .failure(let error): return .failed(cause: "http-\(error.kind.rawValue)", detail: error.description)
    }
  }

  private static func post(
    _ body: [UInt8], over lane: HTTPLane, to endpoint: Endpoint, token: String?
  ) async -> Swift.Result<HTTPResponse, HTTPError> {
    var request = HTTPRequest(method: "POST", url: endpoint.url)
    request.headers = [("Content-Type", "application/json")]
    if let token { request.headers.append(("Authorization", "Bearer \(token)")) }
    if endpoint.gzip { request.headers.append(("Content-Encoding", "gzip")) }
    request.body = endpoint.gzip ? Gzip.compress(body) : body
    request.timeout = endpoint.timeout
    request.maximumBytes = 1 << 20
    request.caFile = endpoint.caFile
    do { return .success(try await lane.send(request)) } catch let error as HTTPError { return .failure(error) } catch {
      return .failure(HTTPError(.cancelled, "\(error)", url: ""))
    }
  }

  private func currentToken() throws -> String? {
    guard let read = endpoint.token else { return nil }
    if let token { return token }
    token = try read()
    return token
  }

  // MARK: Keeping what became of it

  private func keep(
    _ results: [Result], of progress: SinkProgress, report: Ledger.DeliveryReport
  ) async throws -> DeliveryRound {
    var report = report
    var retries: [(item: OutboxItem, after: Double?, reason: String)] = []
    var trouble: (cause: String, detail: String, after: Double?)?
    for result in results {
      switch result.outcome {
      case .answered(.delivered, _): report.delivered.append(result.item.id)
      case .answered(.parked(let reason, let status, let answer), let tokenRefused):
        report.parked.append(.init(id: result.item.id, reason: reason, status: status, answer: answer))
        if tokenRefused {
          trouble = (
            "token-refused", "\(endpoint.url) refuses the token (\(reason)): check `sinks[].token_file` of `\(name)`",
            nil
          )
          token = nil
        }
      case .answered(.retry(let after, let reason), _): retries.append((result.item, after, reason))
      case .failed(let cause, let detail): trouble = trouble ?? (cause, detail, nil)
      case .waiting: break
      }
    }
    // Where nothing got through the backend is away; where something did, the fault lies with single events.
    if report.delivered.isEmpty, let first = retries.first, trouble == nil {
      trouble = ("answer", "\(endpoint.url): \(first.reason)", retries.compactMap(\.after).max())
    }
    let now = clock()
    for (item, after, _) in retries {
      let wait = max(after ?? 0, backoff.seconds(failures: item.tries + 1, random: random()))
      report.retried.append((item.id, trouble == nil ? now + Int64(wait * 1e6) : 0))
    }
    var round = DeliveryRound()
    if let trouble {
      let wait = max(trouble.after ?? 0, backoff.seconds(failures: progress.failures + 1, random: random()))
      let retryAt = now + Int64(wait * 1e6)
      report.outage = SinkOutage(error: trouble.detail, retryAt: retryAt)
      round.outage = .init(cause: trouble.cause, detail: trouble.detail, retryAt: retryAt)
      isProbing = true
    } else if !report.delivered.isEmpty {
      report.outage = .some(nil)
      isProbing = false
    }
    try await ledger.note(report, ofSink: progress.id)
    round.delivered = report.delivered.count
    round.parked = report.parked.count
    round.retried = report.retried.count
    return round
  }
}
