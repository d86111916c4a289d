import HTTPClient
import LoopbackHTTP
import Testing

@Suite(.timeLimit(.minutes(2))) struct TransferTests {
  private let lane = HTTPLane(name: "test")

  @Test func informationalAnswersAndTrailersAreNotTheAnswer() async throws {
    let server = RawServer { connection in
      connection.readHead()
      connection.send("HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n")
      connection.send("HTTP/1.1 200 Fine: really\r\nTransfer-Encoding: chunked\r\nX:  padded \t\r\n\r\n")
      connection.send("2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n")
    }
    let response = try await lane.send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
    #expect(response.status == 200 && response.body == Array("ok".utf8))
    #expect(response.headers.map(\.name) == ["Transfer-Encoding", "X"])
    #expect(response.header("x") == "padded")
  }

  @Test(arguments: [400, 401, 404, 429, 500, 503])
  func everyStatusIsAnAnswer(status: Int) async throws {
    let server = try LoopbackServer { _ in
      LoopbackResponse(status: status, text: "why", headers: [("Retry-After", "7")])
    }
    let response = try await lane.send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
    #expect(response.status == status && response.header("retry-after") == "7")
    #expect(response.body == Array("why".utf8))
  }

  @Test func aBodyMayBeAsLargeAsAllowedAndNoByteLarger() async throws {
    let server = try LoopbackServer { _ in LoopbackResponse(body: .bytes([UInt8](repeating: 65, count: 100_000))) }
    let url = "http://127.0.0.1:\(server.port)/"
    #expect(try await lane.send(HTTPRequest(url: url, maximumBytes: 100_000)).body.count == 100_000)
    let error = try await lane.failure(HTTPRequest(url: url, maximumBytes: 99_999))
    #expect(error.kind == .tooLarge && !error.isSafeToRetry)
    #expect(error.description.contains("99999"))
  }

  @Test(arguments: [0, 1000, 5_000_000])
  func ofADiscardedBodyOnlyTheStatusCounts(bytes: Int) async throws {
    let server = try LoopbackServer { _ in
      LoopbackResponse(status: 201, body: .bytes([UInt8](repeating: 65, count: bytes)))
    }
    let request = HTTPRequest(
      url: "http://127.0.0.1:\(server.port)/", maximumBytes: 1000, destination: .discarded)
    for _ in 0..<2 {
      let response = try await lane.send(request)
      #expect(response.status == 201 && response.body == [] && response.isBodyCut == (bytes > 1000))
    }
  }

  @Test func whyADiscardedRequestFailedIsKept() async throws {
    let server = try LoopbackServer { _ in LoopbackResponse(status: 422, text: "why") }
    let response = try await lane.send(
      HTTPRequest(url: "http://127.0.0.1:\(server.port)/", destination: .discarded))
    #expect(response.body == Array("why".utf8))
  }

  @Test func theLimitCountsWhatComesOutOfGzip() async throws {
    let bomb = Gzip.compress([UInt8](repeating: 0, count: 50 << 20))
    #expect(bomb.count < 100_000)
    let server = try LoopbackServer { _ in
      LoopbackResponse(headers: [("Content-Encoding", "gzip")], body: .bytes(bomb))
    }
    let error = try await lane.failure(HTTPRequest(url: "http://127.0.0.1:\(server.port)/", maximumBytes: 1 << 20))
    #expect(error.kind == .tooLarge)
  }

  @Test func aLongErrorPageIsCutAndItsStatusKept() async throws {
    let server = try LoopbackServer { _ in
      LoopbackResponse(status: 502, body: .bytes([UInt8](repeating: 65, count: 1 << 20)))
    }
    let url = "http://127.0.0.1:\(server.port)/"
    let response = try await lane.send(HTTPRequest(url: url))
    #expect(response.status == 502 && response.isBodyCut && response.body.count == 64 << 10)
    #expect(try await lane.send(HTTPRequest(url: url, maximumBytes: 10)).body.count == 10)
  }

  @Test func endlessHeadersAreAnError() async throws {
    let server = RawServer { connection in
      connection.readHead()
      connection.send("HTTP/1.1 200 OK\r\n")
      for index in 0..<10_000 { connection.send("X-\(index): \(String(repeating: "a", count: 200))\r\n") }
      connection.waitUntilClosed()
    }
    let error = try await lane.failure(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
    #expect(error.kind == .tooLarge)
  }
}
