import Testing
import TestServers

@testable import Configuration

struct CertificateFileTests {
  @Test func whatHoldsACertificateServes() async throws {
    let certificates = try Certificates()
    let authority = try await certificates.authority()
    #expect(CertificateFile.problem(of: authority.certificateFile) == nil)
  }

  @Test func anythingElseIsToldWithItsPath() throws {
    let folder = try TemporaryFolder()
    try folder.write("-----BEGIN PRIVATE KEY-----\n", to: "key.pem")
    try folder.write("", to: "empty.pem")
    for name in ["key.pem", "empty.pem"] {
      let problem = try #require(CertificateFile.problem(of: folder.file(name)))
      #expect(problem.contains(folder.file(name)) && problem.contains("PEM"))
    }
    #expect(CertificateFile.problem(of: folder.file("none.pem"))?.contains("No such file") == true)
    #expect(CertificateFile.problem(of: folder.path)?.contains("not a regular file") == true)
  }
}
