import HTTPClient
import LoopbackHTTP
import TestServers
import Testing

/// Certificates made with the `openssl` command: a certification authority and a server's for the name `localhost`.
private struct Certificates {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    try folder.write("subjectAltName=DNS:localhost\n", to: "extensions")
    for command in [
      "req -x509 \(key) -keyout ca.key -out ca.pem -days 2 -subj '/CN=airflow-syncer test authority'",
      "req \(key) -keyout server.key -out server.csr -subj /CN=localhost",
      "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile extensions",
    ] { try #require(folder.run("openssl \(command)") == 0) }
  }

  func server() throws -> LoopbackServer {
    try LoopbackServer(tls: .init(key: folder.text("server.key"), certificate: folder.text("server.pem"))) {
      LoopbackResponse(text: "hello \($0.path)")
    }
  }
}

@Suite(.timeLimit(.minutes(1))) struct HTTPLaneTLSTests {
  @Test func aCertificateIsTrustedThroughItsAuthorityOnly() async throws {
    let certificates = try Certificates()
    let server = try certificates.server()
    let lane = HTTPLane(name: "test")
    let url = "https://localhost:\(server.port)/x"

    let untrusted = await #expect(throws: HTTPError.self) { try await lane.send(HTTPRequest(url: url)) }
    #expect(untrusted?.kind == .tls)
    #expect(untrusted?.message.contains("certificate") == true)
    #expect(server.requestCount == 0)

    let caFile = certificates.folder.path + "/ca.pem"
    for _ in 0..<3 {
      let response = try await lane.send(HTTPRequest(url: url, caFile: caFile))
      #expect(String(decoding: response.body, as: UTF8.self) == "hello /x")
    }
    #expect(server.requestCount == 3)

    // The connection that was made with the authority is no way in for a request without it.
    await #expect(throws: HTTPError.self) { try await lane.send(HTTPRequest(url: url)) }
    #expect(server.requestCount == 3)
  }

  @Test func aCertificateForAnotherNameIsRefused() async throws {
    let certificates = try Certificates()
    let server = try certificates.server()
    let error = await #expect(throws: HTTPError.self) {
      try await HTTPLane(name: "test").send(
        HTTPRequest(url: "https://127.0.0.1:\(server.port)/", caFile: certificates.folder.path + "/ca.pem"))
    }
    #expect(error?.kind == .tls)
    #expect(error?.message.contains("another host") == true && error?.message.contains("ca_file") == false)
    #expect(server.requestCount == 0)
  }

  @Test func anAuthorityThatCannotBeReadIsAnErrorThatSaysSo() async throws {
    let certificates = try Certificates()
    let server = try certificates.server()
    let error = await #expect(throws: HTTPError.self) {
      try await HTTPLane(name: "test").send(
        HTTPRequest(url: "https://localhost:\(server.port)/", caFile: certificates.folder.path + "/missing.pem"))
    }
    #expect(error?.kind == .tls)
    #expect(error?.message.contains("certificates") == true)
  }

  @Test func aServerThatSpeaksNoTLSIsATLSError() async throws {
    let server = try LoopbackServer { _ in LoopbackResponse() }
    let error = await #expect(throws: HTTPError.self) {
      try await HTTPLane(name: "test").send(HTTPRequest(url: "https://localhost:\(server.port)/"))
    }
    #expect(error?.kind == .tls)
  }
}
