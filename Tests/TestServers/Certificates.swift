import FoundationEssentials

/// Certificates made with the `openssl` command: certification authorities, and what they have signed.
public final class Certificates: Sendable {
  /// A certificate with its key, as files and as text.
  public struct Pair: Sendable {
    public var certificateFile: String
    public var keyFile: String
    public var certificate: String
    public var key: String
  }

  private let folder: TemporaryFolder

  public init() throws { folder = try TemporaryFolder() }

  private static let newKey = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"

  /// An authority, or a certificate that vouches for itself.
  public func authority(_ name: String = "ca") async throws -> Pair {
    try await openssl(
      "req -x509 \(Self.newKey) -keyout \(name).key -out \(name).pem -days 2 -subj '/CN=test authority \(name)' "
        + "-addext subjectAltName=DNS:localhost,IP:127.0.0.1")
    return try pair(name)
  }

  /// A server's certificate.
  /// - Parameters:
  ///   - names: as `subjectAltName` has them.
  ///   - isExpired: whether its time is over.
  public func server(
    _ name: String, by authority: String = "ca", names: String = "DNS:localhost,IP:127.0.0.1", isExpired: Bool = false
  ) async throws -> Pair {
    try folder.write("subjectAltName=\(names)\n", to: "\(name).ext")
    try await openssl("req \(Self.newKey) -keyout \(name).key -out \(name).csr -subj /CN=\(name)")
    if isExpired {
      // Only `ca` takes any dates.
      try folder.write("", to: "index")
      try folder.write("01\n", to: "serial")
      try folder.write(
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\n"
          + "commonName=supplied\n", to: "ca.cnf")
      try await openssl(
        "ca -batch -config ca.cnf -in \(name).csr -out \(name).pem -cert \(authority).pem -keyfile \(authority).key "
          + "-startdate 20200101000000Z -enddate 20200201000000Z -extfile \(name).ext -notext")
    } else {
      try await openssl(
        "x509 -req -in \(name).csr -CA \(authority).pem -CAkey \(authority).key -CAcreateserial -out \(name).pem "
          + "-days 2 -extfile \(name).ext")
    }
    return try pair(name)
  }

  private func openssl(_ command: String) async throws {
    let output = try await Subprocess.run(["/bin/sh", "-c", "openssl \(command)"], workingDirectory: folder.path)
    guard output.status == 0 else { throw TestServerError("openssl \(command): \(output.errorText)") }
  }

  private func pair(_ name: String) throws -> Pair {
    let (certificate, key) = (folder.file("\(name).pem"), folder.file("\(name).key"))
    func text(_ path: String) -> String {
      String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
    return Pair(certificateFile: certificate, keyFile: key, certificate: text(certificate), key: text(key))
  }
}
