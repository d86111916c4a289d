import FoundationEssentials
import Glibc
import JSONText
import LoopbackHTTP
import TestServers
import Testing

/// Certificates of dbt Cloud and of backends are checked, always, and no token goes where it is not meant to go.
@Suite struct PartnerTLSTests {
  /// What answers over TLS instead of the partner that is meant.
  enum Impostor: CaseIterable { case otherName, expired, selfSigned, unknownAuthority, oldVersion }

  private static let token = "canary-token-0123456789"

  private func configuration(_ folder: TemporaryFolder, _ lines: [String]) throws -> String {
    let token = try folder.write(Self.token + "\n", to: "token")
    let text =
      ["ledger: sqlite:\(folder.file("ledger.db"))"] + lines.map { $0.replacing("TOKEN", with: "token_file: \(token)") }
    return try folder.write(text.joined(separator: "\n") + "\n", to: "syncer.yaml")
  }

  /// An account and a sink at the same address.
  private func both(_ url: String, caFile: String?) -> [String] {
    let authority = caFile.map { ", ca_file: \($0)" } ?? ""
    return [
      "dbt_cloud: [{ name: account, account_id: 1, runs: all, url: \"\(url)\", TOKEN\(authority) }]",
      "sinks: [{ name: lineage, type: openlineage, url: \"\(url)/events\", TOKEN\(authority) }]",
    ]
  }

  @Test(arguments: Impostor.allCases) func anImpostorGetsNoToken(_ impostor: Impostor) async throws {
    let certificates = try Certificates()
    let trusted = try await certificates.authority()
    let pair: Certificates.Pair
    switch impostor {
    case .otherName: pair = try await certificates.server("s", names: "DNS:other.example")
    case .expired: pair = try await certificates.server("s", isExpired: true)
    case .selfSigned: pair = try await certificates.authority("alone")
    case .unknownAuthority:
      _ = try await certificates.authority("stranger")
      pair = try await certificates.server("s", by: "stranger")
    case .oldVersion: pair = try await certificates.server("s")
    }
    let folder = try TemporaryFolder()
    let received = try RecordingBackend()
    var port = 0
    var server: LoopbackServer?
    var old: Subprocess?
    if impostor == .oldVersion {
      port = try freePort()
      old = try Subprocess([
        "openssl", "s_server", "-accept", "127.0.0.1:\(port)", "-cert", pair.certificateFile, "-key", pair.keyFile,
        "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-www",
      ])
      let started = port
      try await eventually("openssl's server") {
        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(client) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(started).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
          }
        } == 0
      }
    } else {
      let made = try LoopbackServer(tls: .init(key: pair.key, certificate: pair.certificate)) { _ in LoopbackResponse()
      }
      port = Int(made.port)
      server = made
    }
    let config = try configuration(folder, both("https://localhost:\(port)", caFile: trusted.certificateFile))
    let output = try await Program.run(["validate"], config: config)
    #expect(output.status == 69, "\(output.text)\(output.errorText)")
    let lines = output.text.split(separator: "\n").filter { $0.hasPrefix("error") }
    #expect(lines.contains { $0.contains("dbt_cloud account") } && lines.contains { $0.contains("sink lineage") })
    #expect(!(output.text + output.errorText).contains("canary"))
    #expect(server.map(\.requestCount) ?? 0 == 0)
    #expect(received.received.isEmpty)
    old?.signal(SIGKILL)
  }

  @Test func whoIsWhoHeSaysIsTold() async throws {
    let certificates = try Certificates()
    let trusted = try await certificates.authority()
    let pair = try await certificates.server("s")
    let server = try LoopbackServer(tls: .init(key: pair.key, certificate: pair.certificate)) { _ in
      LoopbackResponse(text: #"{"status":{"code":200,"is_success":true},"data":[],"extra":{}}"#)
    }
    let folder = try TemporaryFolder()
    let url = "https://localhost:\(server.port)"
    let output = try await Program.run(
      ["validate"], config: try configuration(folder, both(url, caFile: trusted.certificateFile)))
    #expect(output.status == 0, "\(output.text)\(output.errorText)")
    // Trust must be given: the same without it.
    let distrusted = try await Program.run(["validate"], config: try configuration(folder, both(url, caFile: nil)))
    #expect(distrusted.status == 69)
  }

  @Test func noRedirectIsFollowedToAnotherHostOrOutOfEncryption() async throws {
    let certificates = try Certificates()
    let trusted = try await certificates.authority()
    let pair = try await certificates.server("s")
    let elsewhere = try RecordingBackend()
    for target in ["http://localhost:\(elsewhere.port)/x", "http://127.0.0.1:\(elsewhere.port)/x"] {
      for status in [301, 302, 303, 307, 308] {
        let server = try LoopbackServer(tls: .init(key: pair.key, certificate: pair.certificate)) { _ in
          LoopbackResponse(status: status, headers: [("Location", target)])
        }
        let folder = try TemporaryFolder()
        let config = try configuration(
          folder, both("https://localhost:\(server.port)", caFile: trusted.certificateFile))
        let output = try await Program.run(["validate"], config: config)
        #expect(output.status == 69, "\(status) \(output.text)")
        #expect(server.requestCount == 2)
      }
    }
    #expect(elsewhere.received.isEmpty)
  }

  /// Nobody listens there: what is refused is refused before.
  @Test(arguments: ["http://partner.invalid", "http://127.0.0.1.partner.invalid", "http://localhost.partner.invalid"])
  func plainHTTPToAnotherMachineIsRefused(_ url: String) async throws {
    let folder = try TemporaryFolder()
    let refused = try await Program.run(
      ["validate", "--offline"], config: try configuration(folder, both(url, caFile: nil)))
    #expect(refused.status == 78)
    #expect(refused.errorText.split(separator: "\n").count { $0.contains("allow_plain_http") } == 2)
    let allowed = try await Program.run(
      ["validate", "--offline"],
      config: try configuration(folder, both(url, caFile: nil) + ["allow_plain_http: true"]))
    #expect(allowed.status == 0, "\(allowed.text)\(allowed.errorText)")
  }

  @Test func thereIsNoSwitchThatTurnsCheckingOff() async throws {
    let folder = try TemporaryFolder()
    for key in ["insecure: true", "verify: false", "tls_skip_verify: true"] {
      let config = try configuration(
        folder, ["dbt_cloud: [{ name: a, account_id: 1, runs: all, url: \"https://localhost:1\", TOKEN, \(key) }]"])
      #expect(try await Program.run(["validate", "--offline"], config: config).status == 78)
    }
  }
}
