import FoundationEssentials
import Glibc
import LoopbackHTTP
import Platform
import TestServers
import Testing

/// A proxy between the daemon and each partner breaks connections in every way that a network knows. Each time the daemon
/// heals, and in the end the backend has got exactly the truth: nothing is missing, and what came twice is the same.
///
/// The seed is printed where something fails. `FAULT_ROUNDS` makes it longer, `FAULT_SEED` repeats one.
@Suite struct PartnerFaultTests {
  enum Partner: CaseIterable { case airflow, ledger, cloud, backend }

  private static let rounds = ProcessInfo.processInfo.environment["FAULT_ROUNDS"].flatMap { Int($0) } ?? 1
  private static let seed =
    ProcessInfo.processInfo.environment["FAULT_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64.max)

  private static let seeds = (0..<UInt64(max(1, rounds))).map { seed &+ $0 }

  /// What there is without faults. Events of dbt's nodes are many, and of the same kind as the others.
  private static let emit = "emit: [dag_runs, attempts, dbt_runs]"
  private static let calm = Task {
    let lab = try await Lab(database: try await AirflowFixtures.dump("2.11.2"), truth: "2.11.2", .init(lineage: [emit]))
    try await lab.sync()
    return lab
  }

  private static func answer(_ status: String, _ headers: String = "", body: String = "") -> FaultProxy.Fault {
    .say(Array("HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)".utf8))
  }

  /// What may happen to a connection to a partner.
  private static func faults(of partner: Partner, _ random: inout SeededGenerator) -> [FaultProxy.Fault] {
    func bytes(_ most: Int) -> Int { Int.random(in: 0...most, using: &random) }
    var faults: [FaultProxy.Fault] = [
      .cut(after: bytes(3000)), .reset(after: bytes(3000)), .resetAsking(after: bytes(3000)),
      .stall(after: bytes(600), seconds: 1), .drip(bytes: bytes(300), pause: 0.002),
    ]
    if partner == .cloud || partner == .backend {
      faults += [
        answer("500 Oops", body: "no"), answer("502 Bad Gateway", body: "<html>proxy</html>"),
        answer("503 Busy", "Retry-After: 1\r\n"), answer("429 Slow", "Retry-After: 1\r\n"), .say([]),
        .say(Array("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\"".utf8)),
        .say(Array("garbage\r\n\r\n".utf8)),
        .wrongLength(by: 7),
      ]
    }
    // dbt Cloud is left alone for five minutes then: see below.
    if partner == .backend { faults.append(answer("429 Slow")) }
    return faults.shuffled(using: &random)
  }

  @Test(arguments: Partner.allCases, seeds) func whateverBreaksHeals(_ partner: Partner, _ seed: UInt64) async throws {
    var random = SeededGenerator(seed)
    let calm = try await Self.calm.value

    // With TLS what is cut is a record of it, and what is said in its place is garbage; without, it is HTTP.
    // Each seed has both.
    let isEncrypted = Bool.random(using: &random) == (partner == .cloud)
    let certificates = try Certificates()
    let authority = try await certificates.authority()
    let pair = try await certificates.server("partner")
    let tls = LoopbackServer.TLS(key: pair.key, certificate: pair.certificate)
    let backend = try EventBackend(tls: partner == .backend && isEncrypted ? tls : nil)
    var (server, database) = (try await PostgresServer.shared, calm.database)
    if partner == .airflow, isEncrypted {
      (server, database) = (try await PostgresServer.start(encrypted: true), "airflow")
      try await server.createDatabase(database)
      try await server.loadSQL(Fixtures.path("airflow/dumps/2.11.2.sql.gz"), into: database)
    }
    let lab = try await Lab(database: database, server: server, truth: "2.11.2", backend: backend)
    var settings = Lab.Settings(
      pollInterval: "100ms", lineage: [Self.emit, "timeout: 2s"])
    var ledgerServer = server
    let proxy: FaultProxy
    var broken = database
    switch partner {
    case .airflow:
      proxy = try FaultProxy(to: server.port)
      let mode = isEncrypted ? "verify-full sslrootcert=\(server.certificate)" : "disable"
      settings.dsn =
        "host=localhost hostaddr=127.0.0.1 port=\(proxy.port) dbname=\(database) user=postgres sslmode=\(mode)"
    case .ledger:
      if isEncrypted { ledgerServer = try await PostgresServer.start(encrypted: true) }
      proxy = try FaultProxy(to: ledgerServer.port)
      let name = PostgresServer.uniqueName("state")
      try await ledgerServer.createDatabase(name)
      let mode = isEncrypted ? "verify-full&sslrootcert=\(ledgerServer.certificate)" : "disable"
      settings.ledgerURL = "postgresql://postgres@localhost:\(proxy.port)/\(name)?hostaddr=127.0.0.1&sslmode=\(mode)"
      broken = name
      settings.top = ["status_socket: \(lab.folder.file("status.sock"))"]
    case .cloud:
      proxy = try FaultProxy(to: Int(lab.cloudPort))
      settings.cloudPort = proxy.port
      if isEncrypted {
        settings.cloudAuthority = authority.certificateFile
        lab.closeCloud()
        try lab.openCloud(tls: tls)
      }
    case .backend:
      proxy = try FaultProxy(to: Int(backend.port))
      settings.backendPort = proxy.port
      if isEncrypted { settings.lineage.append("ca_file: \(authority.certificateFile)") }
    }
    try lab.configure(settings)
    // The ledger must be there once, or the daemon does not start.
    if partner == .ledger { _ = try await lab.run(["migrate"]) }

    var suffered: [FaultProxy.Fault] = []
    func plan() {
      // Between two faults something works, so that pauses after failures stay short.
      for fault in Self.faults(of: partner, &random).prefix(3) {
        suffered.append(fault)
        proxy.plan([fault, .none])
      }
    }
    if partner != .ledger { plan() }
    let daemon = try lab.startDaemon()
    if partner == .ledger {
      try await eventually("the first contact") { try await lab.status()["source"]?.stringValue == "daemon" }
    }
    if partner == .ledger { plan() }
    if partner == .airflow || partner == .ledger {
      try await Self.breakConnections(partner == .ledger ? ledgerServer : server, broken)
    }
    try await lab.waitUntilIdle()
    let what: Comment =
      "seed \(seed), \(partner), \(isEncrypted ? "TLS" : "plain"): \(suffered), \(proxy.suffered) of \(proxy.connections)"
    #expect(proxy.suffered > 0, what)
    #expect(daemon.isRunning, what)
    daemon.signal(SIGTERM)
    #expect(try await daemon.finish(within: 12).status == 0, what)
    proxy.forgive()
    try await lab.sync()
    expectEqual(lab.backend.distinct, calm.backend.distinct, what)
    expectEqual(try await lab.recordsWithoutRevision(), try await calm.recordsWithoutRevision(), what)
    expectEqual(try await lab.lastArchived(), try await calm.lastArchived(), what)
  }

  /// Five minutes are not waited for here: DbtCloudClientTests have them. What Airflow tells goes on; a new process asks anew.
  @Test func dbtCloudIsLeftAloneAfterA429ThatSaysNothingElse() async throws {
    let calm = try await Self.calm.value
    let lab = try await Lab(database: calm.database, truth: "2.11.2")
    let proxy = try FaultProxy(to: Int(lab.cloudPort))
    try lab.configure(.init(cloudPort: proxy.port, lineage: [Self.emit]))
    // More than there are connections at a time: whoever asks is refused.
    proxy.plan(Array(repeating: Self.answer("429 Slow"), count: 1000))
    let output = try await lab.run(["sync"])
    #expect(output.status == 1 && output.errorText.contains("429"), "\(output.errorText)")
    #expect(proxy.connections <= 16, "\(proxy.connections) connections")
    for account in try await lab.status()["dbt_cloud"]?.arrayValue ?? [] {
      #expect(account["cooling_down_until"]?.stringValue != nil && account["error"]?.stringValue != nil)
    }
    #expect(lab.backend.distinct.isSubset(of: calm.backend.distinct) && lab.backend.bodies.count > 100)
    proxy.forgive()
    try await lab.sync()
    expectEqual(lab.backend.distinct, calm.backend.distinct)
    expectEqual(try await lab.recordsWithoutRevision(), try await calm.recordsWithoutRevision())
  }

  /// What is kept open is opened anew, and meets the next faults.
  private static func breakConnections(_ server: PostgresServer, _ database: String) async throws {
    try await server.execute(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(database)' AND pid <> pg_backend_pid()"
    )
  }
}
