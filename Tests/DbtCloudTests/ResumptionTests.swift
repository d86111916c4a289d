import DbtCloudStandIn
import HTTPClient
import LoopbackHTTP
import Synchronization
import TestServers
import Testing

@testable import DbtCloud

@Suite struct ResumptionTests {
  private func cut(_ bytes: Int?, _ validator: String = "\"1\"") -> HTTPError {
    HTTPError(
      .truncated, "cut", partialFile: bytes.map { HTTPPartialFile(path: "/none", bytes: $0, validator: validator) })
  }

  @Test func aDownloadGoesOnWhileSomethingComes() {
    var resumption = Resumption(nil)
    let verdicts = [0, 10, 20, 20].map { resumption.note(cut($0)) }
    #expect(verdicts == [true, true, true, false])
    #expect(resumption.rest?.bytes == 20)
  }

  @Test func withoutAVersionNothingGoesOn() {
    var resumption = Resumption(nil)
    let goesOn = resumption.note(cut(nil))
    #expect(!goesOn)
  }

  @Test func anotherVersionMayBeShorter() {
    var resumption = Resumption(HTTPPartialFile(path: "/none", bytes: 100, validator: "\"1\""))
    let goesOn = resumption.note(cut(5, "\"2\""))
    #expect(goesOn)
  }

  @Test func itDoesNotGoOnForEver() {
    var resumption = Resumption(nil)
    let verdicts = (1...20).map { resumption.note(cut($0)) }
    #expect(verdicts.count { $0 } == Resumption.cutsAtMost)
  }

  // MARK: Through the client

  /// A server that sends so many bytes of a manifest with each answer, and may change it.
  private final class Drip: Sendable {
    private let state = Mutex((version: 1, requests: [(range: String?, ifRange: String?)]()))
    let changesAt: Int?

    init(changesAt: Int? = nil) { self.changesAt = changesAt }

    var requests: [(range: String?, ifRange: String?)] { state.withLock { $0.requests } }

    func body(_ version: Int) -> [UInt8] {
      Array(#"{"version": \#(version), "text": ""#.utf8) + [UInt8](repeating: UInt8(0x40 + version), count: 200_000)
        + Array(#""}"#.utf8)
    }

    func answer(_ request: LoopbackRequest) -> LoopbackResponse {
      let (version, count) = state.withLock { state in
        state.requests.append((request.header("Range"), request.header("If-Range")))
        if state.requests.count == changesAt { state.version += 1 }
        return (state.version, state.requests.count)
      }
      let body = body(version)
      let tag = "\"v\(version)\""
      var answer = LoopbackResponse(headers: [("ETag", tag)], body: .bytes(body))
      if let range = request.header("Range"), request.header("If-Range") == tag,
        let first = Int(range.dropFirst(6).dropLast())
      {
        answer = LoopbackResponse(
          status: 206,
          headers: [("ETag", tag), ("Content-Range", "bytes \(first)-\(body.count - 1)/\(body.count)")],
          body: .bytes(Array(body[first...])))
      }
      if count < 4 { answer.fault = .truncate(afterBytes: 60_000) }
      return answer
    }
  }

  @Test(arguments: [nil, 2, 3, 4])
  func anArtifactThatIsCutAgainAndAgainComesWholeAndOfOneVersion(changesAt: Int?) async throws {
    let drip = Drip(changesAt: changesAt)
    let server = try LoopbackServer { drip.answer($0) }
    let folder = try TemporaryFolder()
    let pool = HTTPPool(name: "test", lanes: 1)
    let account = try DbtCloudAccount(
      name: "analytics", accountID: 1001, url: "http://127.0.0.1:\(server.port)", token: { "secret" },
      requestsPerSecond: 1000)
    let client = DbtCloudClient(account: account) { try await pool.send($0) }
    let path = folder.file("manifest.json")
    let answer = try await client.artifact(run: 7, step: 4, name: "manifest.json", to: path)
    let expected = drip.body(changesAt == nil ? 1 : 2)
    #expect(answer == .fetched(bytes: expected.count))
    #expect(try bytes(path) == expected)
    #expect(drip.requests.count == 4)
    #expect(drip.requests.dropFirst().allSatisfy { $0.range != nil && $0.ifRange != nil })
  }

  @Test func whatHasComeIsGoneOnWithAtTheNextCall() async throws {
    let cloud = try Cloud()
    try cloud.addArtifacts()
    let client = try cloud.client()
    let path = cloud.folder.file("manifest.json")
    cloud.standIn.add(Fault(.truncate, path: "artifacts", count: 1))
    cloud.standIn.add(Fault(.status(503, retryAfter: nil), path: "artifacts", count: 1))
    await #expect(throws: DbtCloudError.self) {
      _ = try await client.artifact(run: 7, step: 4, name: "manifest.json", to: path)
    }
    #expect(!exists(path))
    _ = try await client.artifact(run: 7, step: 4, name: "manifest.json", to: path)
    #expect(try bytes(path) == bytes(Fixtures.path("dbt/1.12-postgres/07_build/manifest.json")))
    let ranges = cloud.standIn.requests.map(\.range)
    #expect(ranges.count == 3 && ranges[0] == nil && ranges[1] != nil && ranges[2] == ranges[1])
  }

  @Test func aFileThatBecameShorterIsAskedForAnew() async throws {
    let count = Mutex(0)
    let server = try LoopbackServer { request in
      let number = count.withLock { count in
        count += 1
        return count
      }
      switch number {
      case 1:
        return LoopbackResponse(
          headers: [("ETag", "\"1\"")], body: .bytes([UInt8](repeating: 0x7B, count: 100_000)),
          fault: .truncate(afterBytes: 50_000))
      case 2: return LoopbackResponse(status: 416, text: "no such part")
      default: return LoopbackResponse(text: "{}")
      }
    }
    let folder = try TemporaryFolder()
    let pool = HTTPPool(name: "test", lanes: 1)
    let account = try DbtCloudAccount(
      name: "analytics", accountID: 1001, url: "http://127.0.0.1:\(server.port)", token: { "secret" })
    let client = DbtCloudClient(account: account) { try await pool.send($0) }
    let answer = try await client.artifact(run: 7, step: 4, name: "manifest.json", to: folder.file("manifest.json"))
    #expect(answer == .fetched(bytes: 2))
  }
}
