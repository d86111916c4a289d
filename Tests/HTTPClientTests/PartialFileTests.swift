import Glibc
import HTTPClient
import LoopbackHTTP
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1))) struct PartialFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }
  private let lane = HTTPLane(name: "test")

  private func request(_ server: LoopbackServer, _ name: String = "manifest.json", limit: Int = 1 << 24) -> HTTPRequest
  {
    HTTPRequest(
      url: "http://127.0.0.1:\(server.port)/", maximumBytes: limit, destination: .file(path: "\(folder.path)/\(name)"))
  }

  @Test func aWholeBodyReplacesTheFile() async throws {
    let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let server = try LoopbackServer { _ in
      LoopbackResponse(headers: [("Content-Encoding", "gzip")], body: .bytes(Gzip.compress(bytes)))
    }
    try folder.write("old", to: "manifest.json")
    let response = try await lane.send(request(server))
    #expect(response.status == 200 && response.body.isEmpty && response.bytesReceived == bytes.count)
    #expect(folder.read("manifest.json") == bytes)
    #expect(folder.names == ["manifest.json"])
    var status = stat()
    #expect(stat("\(folder.path)/manifest.json", &status) == 0)
    #expect(status.st_mode & 0o777 == 0o600)
  }

  @Test(arguments: [LoopbackResponse.Fault.truncate(afterBytes: 50_000), .closeWithoutAnswer])
  func abrokenBodyLeavesWhatWasThere(fault: LoopbackResponse.Fault) async throws {
    let server = try LoopbackServer { _ in
      LoopbackResponse(body: .bytes([UInt8](repeating: 65, count: 100_000)), fault: fault)
    }
    try folder.write("old", to: "manifest.json")
    await #expect(throws: HTTPError.self) { try await lane.send(request(server)) }
    #expect(folder.text("manifest.json") == "old")
    #expect(folder.names == ["manifest.json"])
  }

  @Test func aBodyThatIsTooLargeLeavesNothing() async throws {
    let server = try LoopbackServer { _ in LoopbackResponse(body: .bytes([UInt8](repeating: 65, count: 100_000))) }
    let error = await #expect(throws: HTTPError.self) { try await lane.send(request(server, limit: 99_999)) }
    #expect(error?.kind == .tooLarge)
    #expect(folder.names.isEmpty)
  }

  @Test func anAnswerThatIsNoSuccessStaysInMemory() async throws {
    let server = try LoopbackServer { _ in LoopbackResponse(status: 404, text: "{\"why\":1}") }
    try folder.write("old", to: "manifest.json")
    let response = try await lane.send(request(server))
    #expect(response.status == 404 && response.body == Array("{\"why\":1}".utf8))
    #expect(folder.text("manifest.json") == "old")
    #expect(folder.names == ["manifest.json"])
  }

  @Test func afterARedirectTheFileHasTheLastBodyOnly() async throws {
    let server = try LoopbackServer {
      $0.path == "/"
        ? LoopbackResponse(status: 302, text: "moved", headers: [("Location", "/b")]) : LoopbackResponse(text: "b")
    }
    _ = try await lane.send(request(server))
    #expect(folder.text("manifest.json") == "b")
    #expect(folder.names == ["manifest.json"])
  }

  @Test func aFolderThatIsNotThereIsAWriteErrorBeforeAnythingIsSent() async throws {
    let server = try LoopbackServer { _ in LoopbackResponse() }
    let error = await #expect(throws: HTTPError.self) { try await lane.send(request(server, "none/manifest.json")) }
    #expect(error?.kind == .write)
    #expect(error?.message.contains("none/manifest.json") == true)
    #expect(server.requestCount == 0)
  }

  @Test func aPathThatIsAFolderIsAWriteError() async throws {
    let server = try LoopbackServer { _ in LoopbackResponse(text: "b") }
    mkdir("\(folder.path)/taken", 0o700)
    let error = await #expect(throws: HTTPError.self) { try await lane.send(request(server, "taken")) }
    #expect(error?.kind == .write)
    #expect(folder.names == ["taken"])
    rmdir("\(folder.path)/taken")
  }

  @Test func anEmptyBodyIsAnEmptyFile() async throws {
    let server = try LoopbackServer { _ in LoopbackResponse() }
    _ = try await lane.send(request(server))
    #expect(folder.read("manifest.json") == [])
  }
}
