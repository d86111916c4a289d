import Glibc
import LoopbackHTTP
import Synchronization
import TestServers
import Testing

@testable import HTTPClient

@Suite(.timeLimit(.minutes(1))) struct HTTPPartialFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }
  private let lane = HTTPLane(name: "test")
  private static let body = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

  /// A file of which each answer sends one piece; it may change on the way.
  private final class Source: Sendable {
    private let state = Mutex((ranges: [String?](), encodings: [String?]()))
    var ranges: [String?] { state.withLock { $0.ranges } }
    var encodings: [String?] { state.withLock { $0.encodings } }

    func note(_ request: LoopbackRequest) -> Int {
      state.withLock {
        $0.ranges.append(request.header("Range"))
        $0.encodings.append(request.header("Accept-Encoding"))
        return $0.ranges.count
      }
    }
  }

  private func request(_ server: LoopbackServer, _ rest: HTTPPartialFile? = nil) -> HTTPRequest {
    var request = HTTPRequest(
      url: "http://127.0.0.1:\(server.port)/", destination: .file(path: "\(folder.path)/manifest.json"))
    request.keepsPartialFile = true
    request.goesOnWith = rest
    return request
  }

  private static func rest(_ request: LoopbackRequest, of body: [UInt8], version: String) -> LoopbackResponse {
    guard let range = request.header("Range"), request.header("If-Range") == version,
      let first = Int(range.dropFirst(6).dropLast())
    else { return LoopbackResponse(headers: [("ETag", version)], body: .bytes(body)) }
    return LoopbackResponse(
      status: 206, headers: [("ETag", version), ("Content-Range", "bytes \(first)-\(body.count - 1)/\(body.count)")],
      body: .bytes(Array(body[first...])))
  }

  @Test func aCutDownloadIsGoneOnWithWhereItStopped() async throws {
    let source = Source()
    let server = try LoopbackServer { request in
      var answer = Self.rest(request, of: Self.body, version: "\"1\"")
      if source.note(request) == 1 { answer.fault = .truncate(afterBytes: 100_000) }
      return answer
    }
    let error = try await lane.failure(request(server))
    let rest = try #require(error.partialFile)
    #expect(error.kind == .truncated && rest.bytes > 0 && rest.bytes <= 100_000 && rest.validator == "\"1\"")
    let response = try await lane.send(request(server, rest))
    #expect(response.status == 200 && response.bytesReceived == Self.body.count)
    #expect(folder.read("manifest.json") == Self.body)
    #expect(folder.names == ["manifest.json"])
    #expect(source.ranges == [nil, "bytes=\(rest.bytes)-"])
    #expect(source.encodings.last == "identity")
  }

  @Test func twoVersionsAreNeverMixed() async throws {
    let source = Source()
    let other = [UInt8](repeating: 66, count: 200_000)
    let server = try LoopbackServer { request in
      guard source.note(request) > 1 else {
        return LoopbackResponse(
          headers: [("ETag", "\"1\"")], body: .bytes(Self.body), fault: .truncate(afterBytes: 100_000))
      }
      return Self.rest(request, of: other, version: "\"2\"")
    }
    let rest = try #require(try await lane.failure(request(server)).partialFile)
    #expect(try await lane.send(request(server, rest)).bytesReceived == other.count)
    #expect(folder.read("manifest.json") == other)
  }

  @Test(arguments: [
    ("bytes 5-299999/300000", "\"1\""), ("bytes 0-299999/300000", "\"1\""), ("items 3", "\"1\""), ("", "\"1\""),
  ])
  func aPartThatWasNotAskedForIsRefused(range: String, version: String) async throws {
    let source = Source()
    let server = try LoopbackServer { request in
      let isFirst = source.note(request) == 1
      return LoopbackResponse(
        status: isFirst ? 200 : 206, headers: [("ETag", version), ("Content-Range", range)], body: .bytes(Self.body),
        fault: isFirst ? .truncate(afterBytes: 100_000) : .none)
    }
    let rest = try #require(try await lane.failure(request(server)).partialFile)
    let error = try await lane.failure(request(server, rest))
    #expect(error.kind == .protocolError && error.partialFile == nil)
    #expect(folder.names.isEmpty)
  }

  @Test func aPartOfAnotherVersionIsRefusedWhateverTheServerThinks() async throws {
    let source = Source()
    let server = try LoopbackServer { request in
      let number = source.note(request)
      var answer = Self.rest(request, of: Self.body, version: "\"1\"")
      if number == 1 { answer.fault = .truncate(afterBytes: 100_000) } else { answer.headers[0].value = "\"2\"" }
      return answer
    }
    let rest = try #require(try await lane.failure(request(server)).partialFile)
    #expect(try await lane.failure(request(server, rest)).kind == .protocolError)
    #expect(folder.names.isEmpty)
  }

  @Test(arguments: [[], [("ETag", "W/\"1\"")], [("Last-Modified", "Sat, 21 Nov 2026 10:00:00 GMT")]])
  func withoutAStrongValidatorNothingIsKept(headers: [(String, String)]) async throws {
    let server = try LoopbackServer { _ in
      LoopbackResponse(
        headers: headers.map { ($0.0, $0.1) }, body: .bytes(Self.body), fault: .truncate(afterBytes: 9999))
    }
    #expect(try await lane.failure(request(server)).partialFile == nil)
    #expect(folder.names.isEmpty)
  }

  @Test func ofACompressedBodyNothingIsGoneOnWith() async throws {
    let noise = (0..<300_000).map { _ in UInt8.random(in: 0...255) }
    let source = Source()
    let server = try LoopbackServer { request in
      guard source.note(request) > 1 else {
        return LoopbackResponse(
          headers: [("ETag", "\"1\""), ("Content-Encoding", "gzip")], body: .bytes(Gzip.compress(noise)),
          fault: .truncate(afterBytes: 150_000))
      }
      return Self.rest(request, of: noise, version: "\"1\"")
    }
    let rest = try #require(try await lane.failure(request(server)).partialFile)
    #expect(rest.bytes == 0)
    #expect(try await lane.send(request(server, rest)).bytesReceived == noise.count)
    #expect(folder.read("manifest.json") == noise)
    #expect(source.ranges == [nil, nil] && source.encodings.last == "identity")
  }

  @Test func whatHasComeSurvivesAServerThatIsAwayForAWhile() async throws {
    let source = Source()
    let server = try LoopbackServer { request in
      switch source.note(request) {
      case 1:
        return LoopbackResponse(
          headers: [("ETag", "\"1\"")], body: .bytes(Self.body), fault: .truncate(afterBytes: 100_000))
      case 2: return LoopbackResponse(status: 503, text: "later")
      // libcurl asks once more by itself when a connection that was used before is closed.
      case 3, 4: return LoopbackResponse(fault: .closeWithoutAnswer)
      default: return Self.rest(request, of: Self.body, version: "\"1\"")
      }
    }
    let rest = try #require(try await lane.failure(request(server)).partialFile)
    #expect(try await lane.send(request(server, rest)).status == 503)
    #expect(try await lane.failure(request(server, rest)).partialFile == rest)
    #expect(try await lane.send(request(server, rest)).status == 200)
    #expect(folder.read("manifest.json") == Self.body)
  }

  @Test func aFileThatIsGoneIsAskedForWhole() async throws {
    let source = Source()
    let server = try LoopbackServer { request in
      _ = source.note(request)
      return Self.rest(request, of: Self.body, version: "\"1\"")
    }
    let rest = HTTPPartialFile(path: "\(folder.path)/gone", bytes: 100, validator: "\"1\"")
    #expect(try await lane.send(request(server, rest)).status == 200)
    #expect(folder.read("manifest.json") == Self.body && source.ranges == [nil])
  }

  @Test func aFileThatIsSaidToBeTooLargeIsNotWaitedFor() async throws {
    let server = try LoopbackServer { _ in
      LoopbackResponse(body: .bytes(Self.body), fault: .truncate(afterBytes: 40_000))
    }
    var request = request(server)
    request.maximumBytes = Self.body.count - 1
    #expect(try await lane.failure(request).kind == .tooLarge)
    #expect(folder.names.isEmpty)
  }
}

@Suite struct ContentRangeTests {
  @Test(
    arguments: [
      ("bytes 0-9/10", 0, 9, 10), ("bytes 5-9/*", 5, 9, nil), ("Bytes 5-5/6", 5, 5, 6),
    ] as [(String, Int, Int, Int?)])
  func whatHTTPAllowsIsRead(text: String, first: Int, last: Int, whole: Int?) throws {
    let range = try #require(ContentRange(text))
    #expect(range.first == first && range.last == last && range.whole == whole)
  }

  @Test(arguments: [
    "", "bytes", "bytes */10", "bytes 9-5/10", "bytes 0-10/10", "bytes -1-3/9", "items 0-9/10", "bytes 0-9",
    "bytes a-b/c",
    "bytes 0-99999999999999999999/*",
  ])
  func anythingElseIsNone(text: String) { #expect(ContentRange(text) == nil) }
}
