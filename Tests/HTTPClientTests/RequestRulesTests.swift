import HTTPClient
import LoopbackHTTP
import Testing

@Suite(.timeLimit(.minutes(2))) struct RequestRulesTests {
  private let lane = HTTPLane(name: "test")

  @Test(arguments: ["a\r\nX-Injected: 1", "a\nb", "a\rb", "a\0b", "\u{1}", "a\u{7F}"])
  func aHeaderThatWouldBecomeTwoIsRefused(value: String) async throws {
    let server = try LoopbackServer { _ in LoopbackResponse() }
    let url = "http://127.0.0.1:\(server.port)/"
    let error = try await lane.failure(HTTPRequest(url: url, headers: [("Authorization", value)]))
    #expect(error.kind == .invalidRequest && !error.isSafeToRetry)
    #expect(!"\(error)".contains("Injected"))
    #expect(server.requestCount == 0)
  }

  @Test(arguments: [
    "", "127.0.0.1", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http://a b/", "http://127.0.0.1/\r\nX: 1",
    "http://127.0.0.1/ HTTP/1.1", "http://127.0.0.1:99999/", "http://127.0.0.1:x/", "/relative", "http://[::1/",
  ])
  func aURLThatIsNoneIsRefused(url: String) async throws {
    let error = try await lane.failure(HTTPRequest(url: url))
    #expect(error.kind == .invalidRequest)
  }

  @Test(arguments: ["", "GET /x HTTP/1.1\r\nX:", "G T", "PÖST"])
  func aMethodThatIsNoneIsRefused(method: String) async throws {
    let server = try LoopbackServer { _ in LoopbackResponse() }
    let error = try await lane.failure(HTTPRequest(method: method, url: "http://127.0.0.1:\(server.port)/"))
    #expect(error.kind == .invalidRequest)
    #expect(server.requestCount == 0)
  }
}
