import LoopbackHTTP
import Synchronization
import Testing

@testable import HTTPClient

@Suite(.timeLimit(.minutes(1))) struct RedirectRulesTests {
  private let lane = HTTPLane(name: "test")

  @Test(arguments: [301, 302, 303, 307, 308])
  func aGetStaysWithinItsOriginAndKeepsItsToken(status: Int) async throws {
    let server = try LoopbackServer { request in
      request.path == "/from"
        ? LoopbackResponse(status: status, headers: [("Location", "/to?a=b")])
        : LoopbackResponse(text: "\(request.target) \(request.header("Authorization") ?? "")")
    }
    let response = try await lane.send(
      HTTPRequest(url: "http://127.0.0.1:\(server.port)/from", headers: [("Authorization", "Token t")]))
    #expect(String(decoding: response.body, as: UTF8.self) == "/to?a=b Token t")
  }

  @Test(arguments: ["127.0.0.1", "localhost"])
  func nothingReachesAnotherHostOrPort(host: String) async throws {
    let other = try LoopbackServer { _ in LoopbackResponse() }
    let server = try LoopbackServer { [port = other.port] _ in
      LoopbackResponse(status: 302, headers: [("Location", "http://\(host):\(port)/steal?secret=1")])
    }
    let error = await #expect(throws: HTTPError.self) {
      try await lane.send(
        HTTPRequest(url: "http://127.0.0.1:\(server.port)/", headers: [("Authorization", "Token t")]))
    }
    #expect(error?.kind == .redirect && error?.isSafeToRetry == false)
    #expect(error?.message.contains("127.0.0.1:\(server.port)") == true)
    #expect(error?.message.contains("\(host):\(other.port)") == true)
    #expect(error?.description.contains("secret") == false)
    #expect(other.connectionCount == 0)
  }

  @Test func aPostIsNeverSentOn() async throws {
    let server = try LoopbackServer { _ in LoopbackResponse(status: 308, headers: [("Location", "/elsewhere")]) }
    let error = await #expect(throws: HTTPError.self) {
      try await lane.send(HTTPRequest(method: "POST", url: "http://127.0.0.1:\(server.port)/", body: [1]))
    }
    #expect(error?.kind == .redirect)
    #expect(error?.message.contains("/elsewhere") == true)
    #expect(server.requestCount == 1)
  }

  @Test func aLoopEnds() async throws {
    let server = try LoopbackServer { _ in LoopbackResponse(status: 302, headers: [("Location", "/again")]) }
    let error = await #expect(throws: HTTPError.self) {
      try await lane.send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
    }
    #expect(error?.kind == .redirect)
    #expect(server.requestCount == 4)
  }

  @Test func anAnswerThatLeadsNowhereIsAnAnswer() async throws {
    let server = try LoopbackServer { LoopbackResponse(status: $0.path == "/304" ? 304 : 302) }
    #expect(try await lane.send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/304")).status == 304)
    #expect(try await lane.send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/302")).status == 302)
  }

  @Test(arguments: [
    ("https://a.example/x", "http://a.example/x"), ("https://a.example/x", "https://a.example:444/x"),
    ("https://a.example/x", "https://a.example.evil/x"), ("https://a.example/x", "https://a.example@evil/x"),
    ("https://a.example/x", "file:///etc/passwd"), ("https://a.example/x", "https://"),
  ])
  func anotherSchemeHostOrPortIsAnError(from: String, to: String) throws {
    let url = try #require(HTTPURL(from))
    let error = #expect(throws: HTTPError.self) {
      try RedirectRules.next(status: 302, location: to, method: "GET", from: url, followed: 0)
    }
    #expect(error?.kind == .redirect)
  }

  @Test(arguments: [
    ("https://a.example/x", "https://A.EXAMPLE:443/y"), ("http://a.example", "http://a.example:80/?q"),
  ])
  func theSameOriginMayBeSpelledOtherwise(from: String, to: String) throws {
    let url = try #require(HTTPURL(from))
    #expect(try RedirectRules.next(status: 301, location: to, method: "HEAD", from: url, followed: 0) != nil)
  }
}
