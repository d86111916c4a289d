import HTTPClient
import Ledger
import Platform

/// Posts events over several connections: those of one record one after the other, records side by side.
struct EventSender: Sendable {
  /// An event whose bytes are fixed.
  struct Ready: Sendable {
    var item: OutboxItem
    var body: [UInt8]
  }

  let endpoint: OpenLineageSink.Endpoint
  private let tokens: TokenKeeper?
  /// What stands in the URL's query, which may be a credential.
  private let credentials: [String]
  private let lanes: [HTTPLane]
  private let clock: @Sendable () -> Int64

  init(_ endpoint: OpenLineageSink.Endpoint, lanes: Int, userAgent: String, clock: @escaping @Sendable () -> Int64) {
    self.endpoint = endpoint
    self.clock = clock
    tokens = endpoint.token.map(TokenKeeper.init)
    let query = endpoint.url.split(separator: "?", maxSplits: 1).dropFirst().first ?? ""
    credentials = query.split(separator: "&").flatMap { $0.split(separator: "=", maxSplits: 1).dropFirst() }
      .map(String.init).filter { $0.utf8.count >= 6 }
    self.lanes = (0..<max(1, lanes)).map { HTTPLane(name: "sink-\($0)", userAgent: userAgent) }
  }

  /// Tries the events. One that is not in the answer was not tried, because something before it was not delivered.
  func send(_ events: [Ready]) async -> [TriedItem] {
    let records = byRecord(events)
    return await withTaskGroup(of: [TriedItem].self) { tasks in
      for (index, lane) in lanes.enumerated() {
        let mine = stride(from: index, to: records.count, by: lanes.count).map { records[$0] }
        if !mine.isEmpty { tasks.addTask { await send(mine, over: lane) } }
      }
      return await tasks.reduce(into: []) { $0 += $1 }
    }
  }

  /// What has to be sent one after the other: the events of a DAG run, or of a dbt run without one. The nodes of a dbt run
  /// depend on each other only as far as the two events of each do, unless their run's own events are among these.
  private func byRecord(_ events: [Ready]) -> [[Ready]] {
    struct Group: Hashable {
      var record: Int64
      var node: OutboxItem.Node?
    }
    func record(_ item: OutboxItem) -> Int64 { item.dagRun != 0 ? item.dagRun : -(item.dbtRun ?? 0) }
    let whole = Set(events.lazy.filter { $0.item.node == nil }.map { record($0.item) })
    var order: [Group] = []
    var groups: [Group: [Ready]] = [:]
    for event in events {
      let record = record(event.item)
      let group = Group(record: record, node: whole.contains(record) ? nil : event.item.node)
      if groups[group] == nil { order.append(group) }
      groups[group, default: []].append(event)
    }
    return order.compactMap { groups[$0] }
  }

  private func send(_ records: [[Ready]], over lane: HTTPLane) async -> [TriedItem] {
    var tried: [TriedItem] = []
    for record in records {
      events: for event in record {
        if Task.isCancelled { return tried }
        let outcome = await send(event.body, over: lane)
        // What was cut short by our own end says nothing about the backend.
        if Task.isCancelled, case .unanswered = outcome { return tried }
        tried.append(TriedItem(item: event.item, outcome: outcome))
        switch outcome {
        case .delivered, .parked: continue events
        case .retry: break events
        case .silence, .tokenRefused, .unanswered: return tried
        }
      }
    }
    return tried
  }

  private func send(_ body: [UInt8], over lane: HTTPLane) async -> DeliveryOutcome {
    var used: String?
    do { used = try await tokens?.current() } catch {
      return .unanswered(cause: "token", detail: "\(error)", mayBeItsOwn: false)
    }
    var outcome = await post(body, over: lane, token: used)
    if case .tokenRefused = outcome, let refused = used, let fresh = await tokens?.successor(of: refused) {
      // The token was changed since it was read.
      outcome = await post(body, over: lane, token: fresh)
      if case .tokenRefused = outcome { _ = await tokens?.successor(of: fresh) }
    }
    return outcome
  }

  private func post(_ body: [UInt8], over lane: HTTPLane, token: String?) async -> DeliveryOutcome {
    var request = HTTPRequest(method: "POST", url: endpoint.url)
    request.headers = [("Content-Type", "application/json")]
    if let token { request.headers.append(("Authorization", "Bearer \(token)")) }
    if endpoint.gzip { request.headers.append(("Content-Encoding", "gzip")) }
    request.body = endpoint.gzip ? Gzip.compress(body) : body
    request.timeout = endpoint.timeout
    request.maximumBytes = 1 << 20
    // Whatever a backend says to an event that it takes.
    request.destination = .discarded
    request.caFile = endpoint.caFile
    do {
      Failpoint.send.pass()
      let response = try await lane.send(request)
      Failpoint.answer.pass()
      return .of(
        status: response.status, retryAfter: response.header("Retry-After"), answer: response.body, now: clock(),
        hiding: (token.map { [$0] } ?? []) + credentials)
    } catch let error as HTTPError {
      return .of(error)
    } catch {
      return .of(HTTPError(.other, "\(error)", url: request.printableURL))
    }
  }
}
