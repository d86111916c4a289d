import LoopbackHTTP
import Synchronization

/// A tracking backend on 127.0.0.1 that keeps every request in the order in which they came, and answers as a test
/// wants: first what was queued, then by the rule, then 200.
public final class RecordingBackend: Sendable {
  /// A request as it came.
  public struct Received: Sendable {
    public var request: LoopbackRequest
    /// The body, gzip undone.
    public var body: [UInt8]
    public var text: String { String(decoding: body, as: UTF8.self) }

    /// The first header of that name, in whatever case.
    public func header(_ name: String) -> String? { request.header(name) }
  }

  public typealias Rule = @Sendable (Received) -> LoopbackResponse?

  private struct State {
    var received: [Received] = []
    var queued: [LoopbackResponse] = []
    var rule: Rule?

    mutating func answer(to received: Received) -> LoopbackResponse {
      self.received.append(received)
      if !queued.isEmpty { return queued.removeFirst() }
      return rule?(received) ?? LoopbackResponse()
    }
  }

  // Apart from the backend, so that the server does not keep it.
  private final class Book: Sendable {
    let state = Mutex(State())
  }

  private let book = Book()
  private let server: LoopbackServer

  /// - Parameter port: 0 for any that is free; the one of a backend that was stopped to come back in its place.
  public init(port: Int = 0, rule: Rule? = nil) throws {
    let book = book
    book.state.withLock { $0.rule = rule }
    server = try LoopbackServer(port: UInt16(port)) { request in
      let received = Received(request: request, body: request.decodedBody ?? request.body)
      return book.state.withLock { $0.answer(to: received) }
    }
  }

  public var port: Int { Int(server.port) }

  /// Where events are to be posted.
  public var url: String { "http://127.0.0.1:\(server.port)/api/v1/lineage" }

  /// Everything that came so far, refused requests included.
  public var received: [Received] { book.state.withLock { $0.received } }

  /// Answers the next requests so, one each, whatever the rule says.
  public func answerNext(_ answers: LoopbackResponse...) { book.state.withLock { $0.queued += answers } }

  /// Answers the next requests with these statuses and empty bodies.
  public func answerNext(_ statuses: Int...) {
    book.state.withLock { $0.queued += statuses.map { LoopbackResponse(status: $0) } }
  }

  /// Answers every further request by `rule`; 200 where it gives nothing. Called with a lock held: it must not ask the
  /// backend itself.
  public func answer(by rule: Rule?) { book.state.withLock { $0.rule = rule } }

  /// Forgets what came.
  public func forget() { book.state.withLock { $0.received = [] } }

  /// Closes the port and every connection: further requests are refused.
  public func stop() { server.stop() }
}
