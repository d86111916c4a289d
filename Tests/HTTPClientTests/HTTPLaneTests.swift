import HTTPClient
import LoopbackHTTP
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(2))) struct HTTPLaneTests {
  private let lane = HTTPLane(name: "test", userAgent: "airflow-syncer/9.9")

  private func send(_ request: HTTPRequest) async throws -> HTTPResponse { try await lane.send(request) }

  /// The error that the request ends with.
  private func failure(_ request: HTTPRequest, _ location: SourceLocation = #_sourceLocation) async throws -> HTTPError
  {
    do {
      let response = try await lane.send(request)
      Issue.record("expected an error, got \(response.status)", sourceLocation: location)
      throw HTTPError(.other, "no error")
    } catch let error as HTTPError {
      return error
    }
  }

  // MARK: What is sent, what comes back

  @Test func aRequestArrivesAsItWasMade() async throws {
    let seen = Mutex<[LoopbackRequest]>([])
    let server = try LoopbackServer { request in
      seen.withLock { $0.append(request) }
      return LoopbackResponse(status: 201, text: "{\"ok\":true}", headers: [("X-One", "1"), ("x-one", "2")])
    }
    let body = Array("{\"é\":1}".utf8)
    let response = try await send(
      HTTPRequest(
        method: "POST", url: "http://127.0.0.1:\(server.port)/a%20b/c?x=1&y=%26&z",
        headers: [("Authorization", "Bearer s3cret"), ("X-Empty", "")], body: body))
    #expect(response.status == 201)
    #expect(response.body == Array("{\"ok\":true}".utf8))
    #expect(response.bytesReceived == 11)
    #expect(response.header("CONTENT-TYPE") == "application/json")
    #expect(response.headers.filter { $0.name.lowercased() == "x-one" }.map(\.value) == ["1", "2"])
    #expect(response.header("none") == nil)
    let request = try #require(seen.withLock { $0.first })
    #expect(request.method == "POST" && request.path == "/a b/c")
    #expect(request.target == "/a%20b/c?x=1&y=%26&z")
    #expect(request.query.map(\.name) == ["x", "y", "z"] && request.query.map(\.value) == ["1", "&", ""])
    #expect(request.header("authorization") == "Bearer s3cret")
    #expect(request.header("x-empty") == "")
    #expect(request.header("user-agent") == "airflow-syncer/9.9")
    #expect(request.header("expect") == nil && request.header("content-type") == nil)
    #expect(request.body == body)
  }

  @Test(arguments: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
  func everyMethodWorksWithAndWithoutABody(method: String) async throws {
    let server = try LoopbackServer { LoopbackResponse(text: "\($0.method) \($0.body.count)") }
    for body in method == "HEAD" ? [nil] : [nil, [], [UInt8](repeating: 7, count: 3_000_000)] {
      let response = try await send(
        HTTPRequest(method: method, url: "http://127.0.0.1:\(server.port)/", body: body))
      #expect(response.status == 200)
      #expect(
        String(decoding: response.body, as: UTF8.self) == (method == "HEAD" ? "" : "\(method) \(body?.count ?? 0)"))
    }
  }

  @Test func oneConnectionServesManyRequests() async throws {
    let server = try LoopbackServer { LoopbackResponse(text: "\($0.connectionIndex) \($0.receivedIndex)") }
    for index in 0..<50 {
      let response = try await send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
      #expect(String(decoding: response.body, as: UTF8.self) == "0 \(index)")
    }
    #expect(server.connectionCount == 1)
  }

  @Test func aConnectionThatTheServerClosedIsReplaced() async throws {
    let requests = Atomic<Int>(0)
    let server = RawServer { connection in
      connection.readHead()
      requests.add(1, ordering: .relaxed)
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")  // and closes without saying so
    }
    for _ in 0..<5 {
      #expect(try await send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/")).status == 200)
    }
    #expect(requests.load(ordering: .relaxed) == 5)
  }

  @Test func gzipIsUndoneBothWays() async throws {
    let text = Array(String(repeating: "the same again ", count: 10_000).utf8)
    let server = try LoopbackServer { request in
      guard request.decodedBody == text, request.body.count < text.count,
        request.header("accept-encoding")?.contains("gzip") == true
      else { return LoopbackResponse(status: 400) }
      return LoopbackResponse(headers: [("Content-Encoding", "gzip")], body: .bytes(Gzip.compress(text)))
    }
    let response = try await send(
      HTTPRequest(
        method: "POST", url: "http://127.0.0.1:\(server.port)/", headers: [("Content-Encoding", "gzip")],
        body: Gzip.compress(text)))
    #expect(response.status == 200)
    #expect(response.body == text)
    #expect(response.bytesReceived == text.count)
  }

  @Test func informationalAnswersAndTrailersAreNotTheAnswer() async throws {
    let server = RawServer { connection in
      connection.readHead()
      connection.send("HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n")
      connection.send("HTTP/1.1 200 Fine: really\r\nTransfer-Encoding: chunked\r\nX:  padded \t\r\n\r\n")
      connection.send("2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n")
    }
    let response = try await send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
    #expect(response.status == 200 && response.body == Array("ok".utf8))
    #expect(response.headers.map(\.name) == ["Transfer-Encoding", "X"])
    #expect(response.header("x") == "padded")
  }

  @Test(arguments: [400, 401, 404, 429, 500, 503])
  func everyStatusIsAnAnswer(status: Int) async throws {
    let server = try LoopbackServer { _ in
      LoopbackResponse(status: status, text: "why", headers: [("Retry-After", "7")])
    }
    let response = try await send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
    #expect(response.status == status && response.header("retry-after") == "7")
    #expect(response.body == Array("why".utf8))
  }

  // MARK: Limits

  @Test func aBodyMayBeAsLargeAsAllowedAndNoByteLarger() async throws {
    let server = try LoopbackServer { _ in LoopbackResponse(body: .bytes([UInt8](repeating: 65, count: 100_000))) }
    let url = "http://127.0.0.1:\(server.port)/"
    #expect(try await send(HTTPRequest(url: url, maximumBytes: 100_000)).body.count == 100_000)
    let error = try await failure(HTTPRequest(url: url, maximumBytes: 99_999))
    #expect(error.kind == .tooLarge && !error.isSafeToRetry)
    #expect(error.description.contains("99999"))
  }

  @Test func theLimitCountsWhatComesOutOfGzip() async throws {
    let bomb = Gzip.compress([UInt8](repeating: 0, count: 50 << 20))
    #expect(bomb.count < 100_000)
    let server = try LoopbackServer { _ in
      LoopbackResponse(headers: [("Content-Encoding", "gzip")], body: .bytes(bomb))
    }
    let error = try await failure(HTTPRequest(url: "http://127.0.0.1:\(server.port)/", maximumBytes: 1 << 20))
    #expect(error.kind == .tooLarge)
  }

  @Test func aLongErrorPageIsCutAndItsStatusKept() async throws {
    let server = try LoopbackServer { _ in
      LoopbackResponse(status: 502, body: .bytes([UInt8](repeating: 65, count: 1 << 20)))
    }
    let url = "http://127.0.0.1:\(server.port)/"
    let response = try await send(HTTPRequest(url: url))
    #expect(response.status == 502 && response.isBodyCut && response.body.count == 64 << 10)
    #expect(try await send(HTTPRequest(url: url, maximumBytes: 10)).body.count == 10)
  }

  @Test func endlessHeadersAreAnError() async throws {
    let server = RawServer { connection in
      connection.readHead()
      connection.send("HTTP/1.1 200 OK\r\n")
      for index in 0..<10_000 { connection.send("X-\(index): \(String(repeating: "a", count: 200))\r\n") }
      connection.waitUntilClosed()
    }
    let error = try await failure(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
    #expect(error.kind == .tooLarge)
  }

  // MARK: Time

  @Test(arguments: ["", "HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"])
  func anAnswerThatStopsEndsAtTheDeadline(start: String) async throws {
    let server = RawServer { connection in
      connection.readHead()
      connection.send(start)
      connection.waitUntilClosed()
    }
    let error = try await failure(HTTPRequest(url: "http://127.0.0.1:\(server.port)/", timeout: 0.3))
    #expect(error.kind == .timeout && error.isSafeToRetry)
  }

  @Test func anAnswerThatStallsIsGivenUpBeforeTheDeadline() async throws {
    let server = RawServer { connection in
      connection.readHead()
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
      connection.waitUntilClosed()
    }
    let error = try await failure(
      HTTPRequest(url: "http://127.0.0.1:\(server.port)/", timeout: 3600, stallTimeout: 1))
    #expect(error.kind == .timeout)
  }

  @Test func redirectsShareOneDeadline() async throws {
    let server = try LoopbackServer { _ in
      LoopbackResponse(status: 302, headers: [("Location", "/next")], delaySeconds: 0.4)
    }
    let error = try await failure(HTTPRequest(url: "http://127.0.0.1:\(server.port)/", timeout: 0.6))
    #expect(error.kind == .timeout)
  }

  @Test func cancellingEndsTheRequestAndNotTheNext() async throws {
    let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
    let server = RawServer { connection in
      connection.readHead()
      arrived.yield()
      connection.waitUntilClosed()
    }
    let lane = lane
    let url = "http://127.0.0.1:\(server.port)/"
    let request = Task { try await lane.send(HTTPRequest(url: url, timeout: 3600)) }
    for await _ in arrivals { break }
    request.cancel()
    let error = await #expect(throws: HTTPError.self) { try await request.value }
    #expect(error?.kind == .cancelled && error?.isSafeToRetry == false)
    let working = try LoopbackServer { _ in LoopbackResponse() }
    #expect(try await send(HTTPRequest(url: "http://127.0.0.1:\(working.port)/")).status == 200)
  }

  @Test func aLateCancellationHitsNobodyElse() async throws {
    let server = try LoopbackServer { _ in LoopbackResponse() }
    let request = HTTPRequest(url: "http://127.0.0.1:\(server.port)/", timeout: 30)
    let lane = lane
    for _ in 0..<200 {
      let victim = Task { try await lane.send(request) }
      let bystander = Task { try await lane.send(request) }
      victim.cancel()
      #expect(try await bystander.value.status == 200)
      if case .failure(let error) = await victim.result { #expect((error as? HTTPError)?.kind == .cancelled) }
    }
  }

  @Test func aTaskCancelledBeforeSendsNothing() async throws {
    let server = try LoopbackServer { _ in LoopbackResponse() }
    let lane = lane
    let url = "http://127.0.0.1:\(server.port)/"
    let request = Task {
      while !Task.isCancelled { await Task.yield() }
      return try await lane.send(HTTPRequest(url: url))
    }
    request.cancel()
    await #expect(throws: HTTPError.self) { try await request.value }
    #expect(server.requestCount == 0)
  }

  // MARK: Faults

  @Test func nobodyListensIsAConnectError() async throws {
    let port = RawServer.closedPort()
    let error = try await failure(HTTPRequest(url: "http://127.0.0.1:\(port)/x"))
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
    let error = try await failure(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
    #expect(error.kind == .truncated && error.isSafeToRetry)
  }

  @Test func aChunkedAnswerThatBreaksOffIsTruncated() async throws {
    let server = RawServer { connection in
      connection.readHead()
      connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    }
    #expect(try await failure(HTTPRequest(url: "http://127.0.0.1:\(server.port)/")).kind == .truncated)
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
    let error = try await failure(HTTPRequest(url: "http://127.0.0.1:\(server.port)/", timeout: 20))
    #expect([.protocolError, .truncated].contains(error.kind), "\(error.kind) \(error)")
  }

  // MARK: Secrets and injection

  @Test func noErrorShowsASecret() async throws {
    let port = RawServer.closedPort()
    let error = try await failure(
      HTTPRequest(
        url: "http://user:hunter2@127.0.0.1:\(port)/path?token=hunter2#hunter2",
        headers: [("Authorization", "Token hunter2")]))
    #expect(error.url == "http://127.0.0.1:\(port)/path")
    #expect(!"\(error)".contains("hunter2") && !String(reflecting: error).contains("hunter2"))
    #expect(!"\(error)".contains("user"))
  }

  @Test(arguments: ["a\r\nX-Injected: 1", "a\nb", "a\rb", "a\0b", "\u{1}", "a\u{7F}"])
  func aHeaderThatWouldBecomeTwoIsRefused(value: String) async throws {
    let server = try LoopbackServer { _ in LoopbackResponse() }
    let url = "http://127.0.0.1:\(server.port)/"
    let error = try await failure(HTTPRequest(url: url, headers: [("Authorization", value)]))
    #expect(error.kind == .invalidRequest && !error.isSafeToRetry)
    #expect(!"\(error)".contains("Injected"))
    #expect(server.requestCount == 0)
  }

  @Test(arguments: [
    "", "127.0.0.1", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http://a b/", "http://127.0.0.1/\r\nX: 1",
    "http://127.0.0.1/ HTTP/1.1", "http://127.0.0.1:99999/", "http://127.0.0.1:x/", "/relative", "http://[::1/",
  ])
  func aURLThatIsNoneIsRefused(url: String) async throws {
    let error = try await failure(HTTPRequest(url: url))
    #expect(error.kind == .invalidRequest)
  }

  @Test(arguments: ["", "GET /x HTTP/1.1\r\nX:", "G T", "PÖST"])
  func aMethodThatIsNoneIsRefused(method: String) async throws {
    let server = try LoopbackServer { _ in LoopbackResponse() }
    let error = try await failure(HTTPRequest(method: method, url: "http://127.0.0.1:\(server.port)/"))
    #expect(error.kind == .invalidRequest)
    #expect(server.requestCount == 0)
  }
}
