import HTTPClient
import LoopbackHTTP
import Testing

@Suite(.timeLimit(.minutes(2))) struct CurlOutcomeTests {
  private let lane = HTTPLane(name: "test")

  @Test func nobodyListensIsAConnectError() async throws {
    let port = RawServer.closedPort()
    let error = try await lane.failure(HTTPRequest(url: "http://127.0.0.1:\(port)/x"))
    #expect(error.kind == .connect && error.isSafeToRetry)
    #expect(error.description.contains("127.0.0.1:\(port)/x"))
  }

  @Test(arguments: [
    LoopbackResponse.Fault.closeWithoutAnswer, .truncate(afterBytes: 0), .truncate(afterBytes: 700),
  ])
  func anAnswerThatBreaksOffIsTruncated(fault: LoopbackResponse.Fault) async throws {
    let server = try LoopbackServer { _ in
      LoopbackResponse(body: .bytes([UInt8](repeating: 65, count: 1000)), fault: fault)
    }
    let error = try await lane.failure(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
    #expect(error.kind == .truncated && error.isSafeToRetry)
  }

  @Test func aChunkedAnswerThatBreaksOffIsTruncated() async throws {
    let server = RawServer { connection in
      connection.readHead()
      connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    }
    #expect(try await lane.failure(HTTPRequest(url: "http://127.0.0.1:\(server.port)/")).kind == .truncated)
  }

  @Test(arguments: [
    "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 banana\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
  ])
  func anAnswerThatIsNoHTTPIsAProtocolError(answer: String) async throws {
    let server = RawServer { connection in
      connection.readHead()
      connection.send(answer)
      connection.waitUntilClosed()
    }
    let error = try await lane.failure(HTTPRequest(url: "http://127.0.0.1:\(server.port)/", timeout: 20))
    #expect([.protocolError, .truncated].contains(error.kind), "\(error.kind) \(error)")
  }

  @Test func noErrorShowsASecret() async throws {
    let port = RawServer.closedPort()
    let error = try await lane.failure(
      HTTPRequest(
        url: "http://user:hunter2@127.0.0.1:\(port)/path?token=hunter2#hunter2",
        headers: [("Authorization", "Token hunter2")]))
    #expect(error.url == "http://127.0.0.1:\(port)/path")
    #expect(!"\(error)".contains("hunter2") && !String(reflecting: error).contains("hunter2"))
    #expect(!"\(error)".contains("user"))
  }
}
