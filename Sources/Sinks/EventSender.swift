import HTTPClient
import Ledger
import OpenLineage
import Platform

/// Posts events over several connections, one by one or several in one request.
struct EventSender: Sendable {
  /// An event whose bytes are fixed.
  struct Ready: Sendable {
    var item: OutboxItem
    var body: [UInt8]
  }

  /// What came of what was to be sent. An event that is not in it was not tried, because something before it was not
  /// delivered.
  struct Sent: Sendable {
    var tried: [TriedItem] = []
    /// Whether the backend takes several events at once, if that was found out.
    var takesBatches: Bool?
    /// The bytes of the smallest batch that was too large for it.
    var tooManyBytes: Int?
  }

  /// What a request came to.
  enum Answer {
    case response(HTTPResponse, secrets: [String])
    case nothing(DeliveryOutcome)
    /// We end ourselves, which says nothing about the backend.
    case cancelled
  }

  let endpoint: OpenLineageSink.Endpoint
  let clock: @Sendable () -> Int64
  private let tokens: TokenKeeper?
  /// What stands in the URL's query, which may be a credential.
  private let credentials: [String]
  private let lanes: [HTTPLane]
  private let pace: RequestPace?

  init(_ endpoint: OpenLineageSink.Endpoint, userAgent: String, clock: @escaping @Sendable () -> Int64) {
    self.endpoint = endpoint
    self.clock = clock
    tokens = endpoint.token.map(TokenKeeper.init)
    let query = endpoint.url.split(separator: "?", maxSplits: 1).dropFirst().first ?? ""
    credentials = query.split(separator: "&").flatMap { $0.split(separator: "=", maxSplits: 1).dropFirst() }
      .map(String.init).filter { $0.utf8.count >= 6 }
    lanes = (0..<max(1, endpoint.concurrency)).map { HTTPLane(name: "sink-\($0)", userAgent: userAgent) }
    pace = endpoint.requestsPerSecond.map { RequestPace(requestsPerSecond: $0) }
  }

  var laneCount: Int { lanes.count }

  /// Sends events one after the other, until one is not delivered.
  func sendSingly(_ events: [Ready], over lane: Int) async -> Sent {
    var sent = Sent()
    for event in events {
      guard let outcome = await outcome(of: event, over: lane) else { break }
      sent.tried.append(TriedItem(item: event.item, outcome: outcome))
      guard outcome.letsTheNextGo else { break }
    }
    return sent
  }

  /// nil when we end ourselves.
  private func outcome(of event: Ready, over lane: Int) async -> DeliveryOutcome? {
    // Whatever a backend says to an event that it takes.
    switch await post(event.body, to: endpoint.url, over: lane, answer: .discarded) {
    case .response(let response, let secrets): .of(response, now: clock(), hiding: secrets)
    case .nothing(let outcome): outcome
    case .cancelled: nil
    }
  }

  // MARK: One request

  /// Posts a body, with a token that was changed since it was read if need be.
  func post(
    _ body: [UInt8], to url: String, over lane: Int, answer destination: HTTPDestination
  ) async -> Answer {
    var used: String?
    do { used = try await tokens?.current() } catch {
      return .nothing(.unanswered(cause: "token", detail: "\(error)", mayBeItsOwn: false))
    }
    let answer = await exchange(body, url, over: lane, token: used, destination)
    guard answer.refusesToken, let refused = used, let fresh = await tokens?.successor(of: refused) else {
      return answer
    }
    let second = await exchange(body, url, over: lane, token: fresh, destination)
    if second.refusesToken { _ = await tokens?.successor(of: fresh) }
    return second
  }

  private func exchange(
    _ body: [UInt8], _ url: String, over lane: Int, token: String?, _ destination: HTTPDestination
  ) async -> Answer {
    var request = HTTPRequest(method: "POST", url: url)
    request.headers = [("Content-Type", "application/json")]
    do { request.headers.append(("Idempotency-Key", try EventKey.of(body))) } catch {
      return .nothing(.unanswered(cause: "key", detail: "\(error)", mayBeItsOwn: false))
    }
    if let token { request.headers.append(("Authorization", "Bearer \(token)")) }
    if endpoint.gzip { request.headers.append(("Content-Encoding", "gzip")) }
    request.body = endpoint.gzip ? Gzip.compress(body) : body
    request.timeout = endpoint.timeout
    request.maximumBytes = destination == .discarded ? 1 << 20 : 8 << 20
    request.destination = destination
    request.caFile = endpoint.caFile
    do {
      try await pace?.wait()
      Failpoint.send.pass()
      let response = try await lanes[lane % lanes.count].send(request)
      Failpoint.answer.pass()
      return .response(response, secrets: (token.map { [$0] } ?? []) + credentials)
    } catch  where Task.isCancelled {
      return .cancelled
    } catch let error as HTTPError {
      // Only the answer of a backend that takes what it is sent is refused for its length.
      if error.kind == .tooLarge { return .response(HTTPResponse(status: 200), secrets: []) }
      return .nothing(.of(error))
    } catch {
      return .nothing(.of(HTTPError(.other, "\(error)", url: request.printableURL)))
    }
  }
}

extension EventSender.Answer {
  fileprivate var refusesToken: Bool {
    if case .response(let response, _) = self { response.status == 401 || response.status == 403 } else { false }
  }
}

extension DeliveryOutcome {
  /// Whether what comes after the item in its record may be sent.
  var letsTheNextGo: Bool {
    switch self {
    case .delivered, .parked: true
    case .retry, .silence, .tokenRefused, .unanswered: false
    }
  }

  /// Whether it says that the backend as a whole should be left alone.
  var stopsTheSink: Bool {
    switch self {
    case .delivered, .parked, .retry: false
    case .silence, .tokenRefused, .unanswered: true
    }
  }

  static func of(_ response: HTTPResponse, now: Int64, hiding secrets: [String]) -> DeliveryOutcome {
    .of(
      status: response.status, retryAfter: response.header("Retry-After"), answer: response.body, now: now,
      hiding: secrets)
  }
}
