import HTTPClient
import LoopbackHTTP
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct HTTPPoolTests {
  @Test func asManyRequestsAreUnderWayAsThereAreLanes() async throws {
    let (underWay, most) = (Counter(), Counter())
    let server = try LoopbackServer { _ in
      most.raise(to: underWay.add(1))
      defer { underWay.add(-1) }
      return LoopbackResponse(delaySeconds: 0)
    }
    let pool = HTTPPool(name: "test", lanes: 3)
    let url = "http://127.0.0.1:\(server.port)/"
    try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<60 { group.addTask { try await pool.send(HTTPRequest(url: url)).status } }
      for try await status in group { #expect(status == 200) }
    }
    #expect(server.requestCount == 60)
    #expect(server.connectionCount <= 3)
    #expect(most.value <= 3)
  }

  @Test func whoeverIsCancelledWhileWaitingLeavesTheQueue() async throws {
    let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
    let silent = RawServer { connection in
      connection.readHead()
      arrived.yield()
      connection.waitUntilClosed()
    }
    let server = try LoopbackServer { _ in LoopbackResponse() }
    let pool = HTTPPool(name: "test", lanes: 1)
    let (silentURL, url) = ("http://127.0.0.1:\(silent.port)/", "http://127.0.0.1:\(server.port)/")
    let first = Task { try await pool.send(HTTPRequest(url: silentURL, timeout: 3600)) }
    for await _ in arrivals { break }
    let waiting = Task { try await pool.send(HTTPRequest(url: url)) }
    waiting.cancel()
    let error = await #expect(throws: HTTPError.self) { try await waiting.value }
    #expect(error?.kind == .cancelled)
    #expect(server.requestCount == 0)
    let next = Task { try await pool.send(HTTPRequest(url: url)) }
    first.cancel()
    #expect(try await next.value.status == 200)
  }
}

private final class Counter: Sendable {
  private let count = Mutex(0)
  var value: Int { count.withLock { $0 } }
  @discardableResult func add(_ number: Int) -> Int {
    count.withLock {
      $0 += number
      return $0
    }
  }
  func raise(to number: Int) { count.withLock { $0 = max($0, number) } }
}
