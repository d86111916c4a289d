import HTTPClient
import LoopbackHTTP
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(2))) struct HTTPLaneTests {
  private let lane = HTTPLane(name: "test", userAgent: "airflow-syncer/9.9")

  @Test func aRequestArrivesAsItWasMade() async throws {
    let seen = Mutex<[LoopbackRequest]>([])
    let server = try LoopbackServer { request in
      seen.withLock { $0.append(request) }
      return LoopbackResponse(status: 201, text: "{\"ok\":true}", headers: [("X-One", "1"), ("x-one", "2")])
    }
    let body = Array("{\"é\":1}".utf8)
    let response = try await lane.send(
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
      let response = try await lane.send(
        HTTPRequest(method: method, url: "http://127.0.0.1:\(server.port)/", body: body))
      #expect(response.status == 200)
      #expect(
        String(decoding: response.body, as: UTF8.self) == (method == "HEAD" ? "" : "\(method) \(body?.count ?? 0)"))
    }
  }

  @Test func oneConnectionServesManyRequests() async throws {
    let server = try LoopbackServer { LoopbackResponse(text: "\($0.connectionIndex) \($0.receivedIndex)") }
    for index in 0..<50 {
      let response = try await lane.send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
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
      #expect(try await lane.send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/")).status == 200)
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
    let response = try await lane.send(
      HTTPRequest(
        method: "POST", url: "http://127.0.0.1:\(server.port)/", headers: [("Content-Encoding", "gzip")],
        body: Gzip.compress(text)))
    #expect(response.status == 200)
    #expect(response.body == text)
    #expect(response.bytesReceived == text.count)
  }

  @Test(arguments: ["", "HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"])
  func anAnswerThatStopsEndsAtTheDeadline(start: String) async throws {
    let server = RawServer { connection in
      connection.readHead()
      connection.send(start)
      connection.waitUntilClosed()
    }
    let error = try await lane.failure(HTTPRequest(url: "http://127.0.0.1:\(server.port)/", timeout: 0.3))
    #expect(error.kind == .timeout && error.isSafeToRetry)
  }

  @Test func anAnswerThatStallsIsGivenUpBeforeTheDeadline() async throws {
    let server = RawServer { connection in
      connection.readHead()
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
      connection.waitUntilClosed()
    }
    let error = try await lane.failure(
      HTTPRequest(url: "http://127.0.0.1:\(server.port)/", timeout: 3600, stallTimeout: 1))
    #expect(error.kind == .timeout)
  }

  @Test func redirectsShareOneDeadline() async throws {
    let server = try LoopbackServer { _ in
      LoopbackResponse(status: 302, headers: [("Location", "/next")], delaySeconds: 0.4)
    }
    let error = try await lane.failure(HTTPRequest(url: "http://127.0.0.1:\(server.port)/", timeout: 0.6))
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
    #expect(try await lane.send(HTTPRequest(url: "http://127.0.0.1:\(working.port)/")).status == 200)
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
}
