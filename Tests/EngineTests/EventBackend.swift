import Glibc
import JSONText
import LoopbackHTTP
import Synchronization
import TestServers
import Testing

/// An OpenLineage backend that keeps what it is sent, one event at a time. It may refuse, stall or go away.
final class EventBackend: Sendable {
  private struct State {
    var server: LoopbackServer?
    var bodies: [[UInt8]] = []
    var refused: [[UInt8]] = []
    var requests = 0
    var answer = LoopbackResponse(status: 201)
    var rule: (@Sendable (Int) -> LoopbackResponse?)?
  }

  private let state = Mutex(State())
  let port: UInt16
  private let reservation: LoopbackListener
  private let tls: LoopbackServer.TLS?

  init(tls: LoopbackServer.TLS? = nil) throws {
    self.tls = tls
    // The port must be there still when it is opened again after an outage.
    reservation = try LoopbackListener(listening: false)
    port = UInt16(reservation.port)
    try open()
  }

  var url: String { url(through: Int(port)) }

  /// Its address behind a proxy.
  func url(through port: Int) -> String {
    tls == nil ? "http://127.0.0.1:\(port)/api/v1/lineage" : "https://localhost:\(port)/api/v1/lineage"
  }

  func open() throws {
    // A program that another test is just starting has, for a moment, a copy of the socket that was closed.
    for attempt in 1... {
      do {
        let server = try LoopbackServer(port: port, tls: tls) { [weak self] request in
          self?.take(request) ?? LoopbackResponse()
        }
        return state.withLock { $0.server = server }
      } catch  where attempt < 500 { usleep(20_000) }
    }
  }

  func close() {
    state.withLock { state -> LoopbackServer? in
      defer { state.server = nil }
      return state.server
    }?.stop()
  }

  /// What it answers from now on; only what it accepts is kept.
  func answer(_ response: LoopbackResponse) { state.withLock { $0.answer = response } }

  /// What it answers to the first request, the second and so on, where the rule says something.
  func answer(by rule: (@Sendable (Int) -> LoopbackResponse?)?) { state.withLock { $0.rule = rule } }

  /// Every accepted body, in the order in which it came.
  var bodies: [[UInt8]] { state.withLock { $0.bodies } }
  /// Every body that it answered with a 4xx.
  var refused: [[UInt8]] { state.withLock { $0.refused } }
  /// Requests, accepted or not.
  var requests: Int { state.withLock { $0.requests } }
  var distinct: Set<String> { Set(bodies.map { String(decoding: $0, as: UTF8.self) }) }

  private func take(_ request: LoopbackRequest) -> LoopbackResponse {
    state.withLock { state in
      if request.target.hasSuffix("/batch") { return LoopbackResponse(status: 404) }
      state.requests += 1
      let answer = state.rule?(state.requests) ?? state.answer
      if answer.status < 300, answer.delaySeconds < 1, let body = request.decodedBody { state.bodies.append(body) }
      if (400..<500).contains(answer.status), let body = request.decodedBody { state.refused.append(body) }
      return answer
    }
  }
}

/// Says how two sets differ that should be equal.
func expectEqual(
  _ left: Set<String>, _ right: Set<String>, _ comment: Comment = "", _ location: SourceLocation = #_sourceLocation
) {
  let (extra, missing) = (left.subtracting(right).sorted(), right.subtracting(left).sorted())
  #expect(
    extra.isEmpty && missing.isEmpty,
    "\(extra.count) that should not be there, \(missing.count) missing: \(extra.first ?? "-") / \(missing.first ?? "-"). \(comment.rawValue)",
    sourceLocation: location)
}

/// The promises that hold for every stream of events: one START and one end per run id, the START first.
func expectWellFormed(_ bodies: [[UInt8]], endsAll: Bool = true) throws {
  var starts: [String: Int] = [:]
  var ends: [String: Int] = [:]
  for body in bodies {
    let event = try JSONValue(parsing: body)
    let id = try #require(event["run"]?["runId"]?.stringValue)
    switch event["eventType"]?.stringValue {
    case "START":
      #expect(ends[id] == nil, "an end before its START: \(id)")
      starts[id, default: 0] += 1
    case "COMPLETE", "FAIL", "ABORT": ends[id, default: 0] += 1
    case let type: Issue.record("an event of type \(type ?? "nil")")
    }
  }
  #expect(starts.values.allSatisfy { $0 == 1 }, "more than one START")
  #expect(ends.values.allSatisfy { $0 == 1 }, "more than one end")
  #expect(Set(ends.keys).isSubset(of: starts.keys), "an end without START")
}
