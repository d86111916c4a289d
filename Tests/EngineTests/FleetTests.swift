import FoundationEssentials
import Glibc
import JSONText
import LoopbackHTTP
import Platform
import TestServers
import Testing

/// Several daemons on one ledger in Postgres.
@Suite struct FleetTests {
  /// Two daemons with the same configuration, but for the role with which they reach the ledger.
  private struct Fleet {
    let lab: Lab
    let ledger: String
    let roles: [String]

    init() async throws {
      let server = try await PostgresServer.shared
      ledger = PostgresServer.uniqueName("fleet")
      try await server.createDatabase(ledger)
      var roles: [String] = []
      for _ in 0..<2 {
        let role = PostgresServer.uniqueName("syncer")
        // They share what they make.
        try await server.execute("CREATE ROLE \(role) LOGIN IN ROLE postgres; ALTER ROLE \(role) SET role = 'postgres'")
        roles.append(role)
      }
      self.roles = roles
      lab = try await Lab(
        database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3",
        .init(hasFile: false, ledgerURL: Self.url(server, ledger, "postgres")))
    }

    private static func url(_ server: PostgresServer, _ ledger: String, _ role: String) -> String {
      "postgresql://\(role)@127.0.0.1:\(server.port)/\(ledger)?sslmode=disable"
    }

    func start(_ index: Int) throws -> Subprocess {
      try lab.configure(.init(hasFile: false, ledgerURL: Self.url(lab.server, ledger, roles[index])))
      let text = String(decoding: try #require(FileManager.default.contents(atPath: lab.config)), as: UTF8.self)
      let config = try lab.folder.write(text, to: "syncer-\(index).yaml")
      try lab.configure(.init(hasFile: false, ledgerURL: Self.url(lab.server, ledger, "postgres")))
      return try Program.start(["run"], config: config, environment: ["TMPDIR": lab.folder.path])
    }

    static let parts = [
      "airflow/lab", "dbt_cloud/account-1001", "dbt_cloud/account-70437463654557", "sink/lineage", "upkeep/ledger",
    ]

    /// What each of the processes that `status` knows leads.
    func leads(_ daemon: Subprocess) async throws -> [String]? {
      try await lab.status()["daemons"]?.arrayValue?
        .first { $0["pid"]?.integerValue == Int64(daemon.processID) && $0["alive"]?.boolValue == true }?["leads"]?
        .arrayValue?.compactMap(\.stringValue)
    }

    func waitUntil(_ daemon: Subprocess, leads expected: [String]) async throws {
      try await eventually(within: 60, "that process \(daemon.processID) leads \(expected)") {
        guard daemon.isRunning else { throw TestServerError(daemon.output.errorText) }
        return try await leads(daemon) == expected
      }
    }

    /// Cuts a daemon off from the ledger.
    func cut(_ index: Int) async throws {
      try await lab.server.execute(
        """
        ALTER ROLE \(roles[index]) NOLOGIN;
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '\(roles[index])' AND datname = '\(ledger)'
        """)
    }

    func join(_ index: Int) async throws { try await lab.server.execute("ALTER ROLE \(roles[index]) LOGIN") }
  }

  enum Mishap: String, CaseIterable { case stopped, killed, cutOff }

  @Test(arguments: Mishap.allCases)
  func aStandbyTakesOverAndNothingIsLostOrDiffers(_ mishap: Mishap) async throws {
    let calm = try await Lab(database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3", .init(hasFile: false))
    try await calm.sync()

    let fleet = try await Fleet()
    let lab = fleet.lab
    // In the middle of deliveries the leader meets its fate.
    lab.backend.answer(by: { number in LoopbackResponse(status: 201, delaySeconds: number > 30 ? 0.2 : 0) })
    let leader = try fleet.start(0)
    try await fleet.waitUntil(leader, leads: Fleet.parts)
    let standby = try fleet.start(1)
    try await fleet.waitUntil(standby, leads: [])
    try await eventually("deliveries") { lab.backend.requests > 40 }
    let begin = monotonicSeconds()
    switch mishap {
    case .stopped: leader.signal(SIGSTOP)
    case .killed: leader.signal(SIGKILL)
    case .cutOff: try await fleet.cut(0)
    }
    lab.backend.answer(by: nil)
    try await fleet.waitUntil(standby, leads: Fleet.parts)
    print("\(mishap.rawValue): taken over after \(Int((monotonicSeconds() - begin) * 1000)) ms")
    // More happens while the other leads.
    try await lab.waitUntilIdle()
    switch mishap {
    case .killed: _ = try await leader.finish(within: 20)
    case .stopped: leader.signal(SIGCONT)
    case .cutOff: try await fleet.join(0)
    }
    if mishap != .killed {
      try await eventually(within: 60, "that it knows") { leader.output.errorText.contains("event=lease_lost") }
      try await fleet.waitUntil(leader, leads: [])
    }
    #expect(try await fleet.leads(standby) == Fleet.parts)
    try await lab.waitUntilIdle()
    #expect(try await lab.state() == "healthy")
    standby.signal(SIGTERM)
    #expect(try await standby.finish(within: 20).status == 0)
    if mishap != .killed {
      // What was given back is taken at once.
      try await fleet.waitUntil(leader, leads: Fleet.parts)
      leader.signal(SIGTERM)
      #expect(try await leader.finish(within: 20).status == 0)
    }
    // A body that was sent twice is the same.
    expectEqual(lab.backend.distinct, calm.backend.distinct)
    var seen: Set<[UInt8]> = []
    try expectWellFormed(lab.backend.bodies.filter { seen.insert($0).inserted })
    expectEqual(try await lab.recordsWithoutRevision(), try await calm.recordsWithoutRevision())
  }

  @Test func commandsAreRefusedWhereADaemonLeadsAndAreToldWhich() async throws {
    let fleet = try await Fleet()
    let daemon = try fleet.start(0)
    try await fleet.waitUntil(daemon, leads: Fleet.parts)
    for command in [["sync"], ["ingest", "--dbt-cloud-run-id", "1", "--account", "account-1001"]] {
      let output = try await fleet.lab.run(command)
      #expect(output.status == 75)
      #expect(output.errorText.contains("(pid \(daemon.processID))"), "\(output.errorText)")
    }
    let screen = try await fleet.lab.run(["status"])
    #expect(screen.text.contains(String(daemon.processID)) && screen.text.contains("DAEMON"), "\(screen.text)")
    #expect(try await fleet.lab.status()["syncer"]?["mode"]?.stringValue == "run")
    daemon.signal(SIGTERM)
    #expect(try await daemon.finish(within: 20).status == 0)
    // It has given everything back.
    try await fleet.lab.sync()
    #expect(try await fleet.lab.status()["daemons"]?.arrayValue == [])
  }
}
