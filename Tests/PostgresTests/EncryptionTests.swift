import Postgres
import TestServers
import Testing

@Suite struct EncryptionTests {
  private static let server = Task { try await PostgresServer.start(encrypted: true) }

  private func connection(_ server: PostgresServer, _ extra: String) -> PostgresConnection {
    PostgresConnection(
      PostgresConfiguration(
        conninfo: "hostaddr=127.0.0.1 port=\(server.port) dbname=postgres user=postgres \(extra)",
        applicationName: "test", connectTimeout: 30), name: "tls")
  }

  @Test func everythingWorksEncryptedAndVerified() async throws {
    let server = try await Self.server.value
    let connection = connection(server, "host=localhost sslmode=verify-full sslrootcert=\(server.certificate)")
    #expect(try await connection.text("SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == "true")
    // Records of TLS end anywhere: what OpenSSL holds back must not be waited for.
    let (queried, copied) = try await connection.readOnly { transaction in
      var queried = 0
      var copied = 0
      let sql = "SELECT repeat('x', i % 5000) FROM generate_series(1, 20000) i"
      try transaction.query(sql) { queried += try $0.text(0).utf8.count }
      try transaction.copyOut(sql) { copied += try $0.text(0).utf8.count }
      return (queried, copied)
    }
    #expect(queried == 4 * (0..<5000).reduce(0, +) && copied == queried)
    let text = String(repeating: "0123456789", count: 500_000)
    #expect(try await connection.text("SELECT length($1)::text", [.text(text)]) == "5000000")
    let backend = try await connection.backend()
    let late = try await connection.error {
      _ = try await $0.rows("SELECT pg_sleep(60)", limits: TransactionLimits(deadline: 2)) { _ in 0 }
    }
    #expect(late.kind == .deadline)
    #expect(try await connection.backend() == backend)
  }

  @Test func aCertificateThatDoesNotMatchIsNoConnection() async throws {
    let server = try await Self.server.value
    for extra in [
      "host=other.example sslmode=verify-full sslrootcert=\(server.certificate)",
      "host=localhost sslmode=verify-full sslrootcert=/nowhere/root.crt",
    ] {
      let error = try await connection(server, extra).error { try await $0.connect() }
      #expect(error.kind == .connect, "\(error)")
      #expect(error.description.contains("certificate"), "\(error)")
    }
  }

  @Test func aServerWithoutEncryptionIsRefusedWhenItIsRequired() async throws {
    let server = try await PostgresServer.shared
    let error = try await connection(server, "host=localhost sslmode=require").error { try await $0.connect() }
    #expect(error.kind == .connect && error.message.contains("SSL"), "\(error)")
  }
}
