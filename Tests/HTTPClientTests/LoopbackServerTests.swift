import HTTPClient
import LoopbackHTTP
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1))) struct LoopbackServerTests {
  private let lane = HTTPLane(name: "test")

  @Test func aFileIsServed() async throws {
    let folder = try TemporaryFolder()
    try folder.write("{\"a\":1}", to: "a.json")
    let server = try LoopbackServer { [path = folder.path] in LoopbackResponse(body: .file(path + $0.path)) }
    let whole = try await lane.send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/a.json"))
    #expect(whole.body == Array("{\"a\":1}".utf8))
    #expect(try await lane.send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/none")).status == 500)
  }

  @Test func aFileMayBreakOff() async throws {
    let folder = try TemporaryFolder()
    try folder.write("{\"a\":1}", to: "a.json")
    let server = try LoopbackServer { [path = folder.path] in
      LoopbackResponse(body: .file(path + $0.path), fault: .truncate(afterBytes: 3))
    }
    let error = await #expect(throws: HTTPError.self) {
      try await lane.send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/a.json"))
    }
    #expect(error?.kind == .truncated)
  }

  @Test func aStallGoesOnAfterItsTime() async throws {
    let server = try LoopbackServer { _ in
      LoopbackResponse(body: .bytes(Array("hello".utf8)), fault: .stall(afterBytes: 2, seconds: 0.1))
    }
    let response = try await lane.send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
    #expect(response.body == Array("hello".utf8))
  }

  @Test func stoppingEndsDelaysAndStalls() async throws {
    let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
    let server = try LoopbackServer { request in
      arrived.yield()
      return request.path == "/delay"
        ? LoopbackResponse(delaySeconds: 3600)
        : LoopbackResponse(body: .bytes([1, 2, 3]), fault: .stall(afterBytes: 1, seconds: 3600))
    }
    let (lane, other, port) = (lane, HTTPLane(name: "other"), server.port)
    let delayed = Task { try await lane.send(HTTPRequest(url: "http://127.0.0.1:\(port)/delay", timeout: 3600)) }
    let stalled = Task { try await other.send(HTTPRequest(url: "http://127.0.0.1:\(port)/stall", timeout: 3600)) }
    var count = 0
    for await _ in arrivals {
      count += 1
      if count == 2 { break }
    }
    server.stop()
    server.stop()
    _ = await delayed.result
    _ = await stalled.result
    let error = await #expect(throws: HTTPError.self) {
      try await lane.send(HTTPRequest(url: "http://127.0.0.1:\(port)/"))
    }
    #expect(error?.kind == .connect)
  }

  @Test func aPortThatIsTakenIsAnError() throws {
    let server = try LoopbackServer { _ in LoopbackResponse() }
    #expect(throws: LoopbackError.self) { try LoopbackServer(port: server.port) { _ in LoopbackResponse() } }
  }
}
