import FoundationEssentials
import Glibc
import JSONText
import LoopbackHTTP
import TestServers
import Testing

/// A running daemon takes up another configuration.
@Suite struct ReloadTests {
  /// A daemon whose configuration changes.
  private struct Bench {
    let folder: TemporaryFolder
    let backend: EventBackend
    let server: PostgresServer
    let databases: [String]

    init(instances: Int) async throws {
      folder = try TemporaryFolder()
      backend = try EventBackend()
      server = try await PostgresServer.shared
      var databases: [String] = []
      for _ in 0..<instances { databases.append(try await AirflowFixtures.dump("2.6.3")) }
      self.databases = databases
    }

    var archive: String { folder.file("records.ndjson") }

    /// - Parameter more: lines at the end of the file.
    func configure(
      instances: Int, hasArchive: Bool = true, hasLineage: Bool = false, interval: String = "100ms",
      ledger: String = "ledger.db", more: [String] = []
    ) throws {
      var lines = ["ledger: sqlite:\(folder.file(ledger))", "airflow:"]
      for (index, database) in databases.prefix(instances).enumerated() {
        lines += [
          "  - name: i\(index)", "    dsn: \"\(server.conninfo(database: database).replacing("\\", with: "\\\\"))\"",
          "    namespace: n\(index)", "    backfill: all",
          "    poll_interval: \(index == 0 ? "100ms" : interval)",
        ]
      }
      if hasArchive || hasLineage { lines.append("sinks:") }
      if hasArchive { lines.append("  - {name: archive, type: file, path: \(archive)}") }
      if hasLineage { lines.append("  - {name: lineage, type: openlineage, url: \"\(backend.url)\"}") }
      try folder.write((lines + more).joined(separator: "\n") + "\n", to: "syncer.yaml")
    }

    func start(environment: [String: String] = [:]) throws -> Subprocess {
      try Program.start(
        ["run"], config: folder.file("syncer.yaml"), environment: environment.merging(["TMPDIR": folder.path]) { $1 })
    }

    func status() async throws -> JSONValue {
      try JSONValue(
        parsing: try await Program.run(["status", "--json"], config: folder.file("syncer.yaml")).standardOutput)
    }

    func part(_ kind: String, _ name: String) async throws -> JSONValue? {
      try await status()[kind]?.arrayValue?.first { $0["name"]?.stringValue == name }
    }

    func waitUntilLoaded(_ instance: String) async throws {
      try await eventually("all of \(instance)") {
        try await part("airflow", instance)?["backfill"]?["done"]?.boolValue == true
      }
    }

    func reload(_ daemon: Subprocess) async throws {
      let count = answers(daemon)
      daemon.signal(SIGHUP)
      try await eventually("an answer to SIGHUP") {
        guard daemon.isRunning else { throw TestServerError(daemon.output.errorText) }
        return answers(daemon) > count
      }
    }

    private func answers(_ daemon: Subprocess) -> Int {
      daemon.output.errorText.split(separator: "\n").count {
        $0.contains("event=configuration_reloaded") || $0.contains("event=reload_refused")
      }
    }

    /// The server's processes for an instance's connections.
    func connections(_ index: Int) async throws -> [String] {
      try await server.execute(
        """
        SELECT pid FROM pg_stat_activity WHERE datname = '\(databases[index])'
          AND application_name = 'airflow-syncer/i\(index)' ORDER BY backend_start LIMIT 1
        """
      ).split(separator: "\n").map(String.init)
    }
  }

  @Test func instancesAndSinksComeAndGoWhileTheOthersWork() async throws {
    let bench = try await Bench(instances: 2)
    try bench.configure(instances: 1)
    let socket = try NotifySocket()
    let daemon = try bench.start(environment: ["NOTIFY_SOCKET": socket.path])
    try await bench.waitUntilLoaded("i0")
    let connection = try await bench.connections(0)
    #expect(connection.count == 1)

    try bench.configure(instances: 2, hasLineage: true)
    try await bench.reload(daemon)
    try await bench.waitUntilLoaded("i1")
    try await eventually("all deliveries") {
      try await bench.status()["sinks"]?.arrayValue?.allSatisfy { $0["pending"]?.integerValue == 0 } == true
    }
    try expectWellFormed(bench.backend.bodies)
    // A sink that is new gets the history of what was read before it.
    #expect(
      Set(bench.backend.bodies.compactMap { try? JSONValue(parsing: $0)["job"]?["namespace"]?.stringValue }) == [
        "n0", "n1",
      ])
    #expect(try await bench.connections(0) == connection, "the first instance was disturbed")
    // systemd is told when it begins, on which clock, and when it is over.
    let messages = socket.messages
    let begin = try #require(messages.firstIndex(of: "RELOADING=1"))
    #expect(messages[begin + 1].hasPrefix("MONOTONIC_USEC="))
    #expect(messages[begin...].contains("READY=1"))

    // Another pace: that instance begins anew, the other goes on.
    let second = try await bench.connections(1)
    try bench.configure(instances: 2, hasLineage: true, interval: "150ms")
    try await bench.reload(daemon)
    try await eventually("another connection") {
      let now = try await bench.connections(1)
      return now.count == 1 && now != second
    }
    #expect(try await bench.connections(0) == connection, "the first instance was disturbed")

    try bench.configure(instances: 1)
    try await bench.reload(daemon)
    try await eventually("that nobody is connected") { try await bench.connections(1).isEmpty }
    let gone = try #require(try await bench.part("airflow", "i1"))
    #expect(gone["configured"]?.boolValue == false && gone["runs"]?.integerValue ?? 0 > 0)
    #expect(try await bench.status()["state"]?.stringValue == "healthy")
    #expect(try await bench.connections(0) == connection, "the first instance was disturbed")
    let sent = bench.backend.bodies.count
    try bench.configure(instances: 2, hasLineage: true)
    try await bench.reload(daemon)
    try await eventually("its cursor") { try await bench.part("airflow", "i1")?["configured"]?.boolValue == true }
    try await bench.server.waitForPolls(2, of: "i1", in: bench.databases[1])
    #expect(bench.backend.bodies.count == sent, "what was told was told again")
    daemon.signal(SIGTERM)
    #expect(try await daemon.finish(within: 20).status == 0)
    #expect(daemon.output.errorText.contains("event=configuration_reloaded"))
  }

  @Test func aBadConfigurationIsRefusedWithItsPlaceAndTheOneBeforeGoesOn() async throws {
    let bench = try await Bench(instances: 1)
    try bench.configure(instances: 1)
    let daemon = try bench.start()
    try await bench.waitUntilLoaded("i0")
    try bench.configure(instances: 1, more: ["recrod: {}"])
    try await bench.reload(daemon)
    try bench.configure(instances: 1)
    // `status` reads the file that is good again; the daemon has not.
    var status = try await bench.status()
    let reason = try #require(status["syncer"]?["reload_error"]?.stringValue)
    #expect(reason.contains("syncer.yaml:") && reason.contains("recrod"), "\(reason)")
    #expect(status["state"]?.stringValue == "degraded")
    try await bench.server.waitForPolls(2, of: "i0", in: bench.databases[0])

    // Secrets are looked at, and files that are to be written.
    let missing = bench.folder.file("nothing/token")
    try bench.configure(
      instances: 1,
      more: ["dbt_cloud:", "  - {name: c, account_id: 1, url: \"https://one.dbt.com\", token_file: \(missing)}"])
    try await bench.reload(daemon)
    #expect(daemon.output.errorText.contains("dbt_cloud[0].token_file"), "\(daemon.output.errorText)")
    let authority = bench.folder.file("none.pem")
    try bench.configure(
      instances: 1,
      more: ["  - {name: tls, type: openlineage, url: \"https://localhost:1/x\", ca_file: \(authority)}"])
    try await bench.reload(daemon)
    #expect(daemon.output.errorText.contains("`ca_file` \(authority): No such file"), "\(daemon.output.errorText)")
    // The ledger stays where it is.
    try bench.configure(instances: 1, ledger: "other.db")
    try await bench.reload(daemon)
    let last = daemon.output.errorText.split(separator: "\n").last { $0.contains("event=reload_refused") }
    #expect(last?.contains("`ledger`") == true && last?.contains("restart") == true, "\(last ?? "-")")
    #expect(!FileManager.default.fileExists(atPath: bench.folder.file("other.db")))

    try bench.configure(instances: 1)
    try await bench.reload(daemon)
    status = try await bench.status()
    #expect(status["syncer"]?["reload_error"] == .null && status["state"]?.stringValue == "healthy")
    daemon.signal(SIGTERM)
    #expect(try await daemon.finish(within: 20).status == 0)
  }

  @Test func whatIsPendingForASinkThatWasRemovedWaitsUntilItComesBack() async throws {
    let bench = try await Bench(instances: 1)
    bench.backend.answer(LoopbackResponse(status: 503))
    try bench.configure(instances: 1, hasArchive: false, hasLineage: true)
    let daemon = try bench.start()
    try await bench.waitUntilLoaded("i0")
    try await eventually("a try") { bench.backend.requests > 0 }
    try bench.configure(instances: 1, hasArchive: true)
    try await bench.reload(daemon)
    let requests = bench.backend.requests
    let sink = try #require(try await bench.part("sinks", "lineage"))
    #expect(sink["configured"]?.boolValue == false && sink["pending"]?.integerValue ?? 0 > 0)
    let screen = try await Program.run(["status"], config: bench.folder.file("syncer.yaml"))
    #expect(screen.status == 0 && screen.text.contains("not configured"), "\(screen.text)")
    bench.backend.answer(LoopbackResponse(status: 201))
    try await bench.server.waitForPolls(3, of: "i0", in: bench.databases[0])
    #expect(bench.backend.requests == requests && bench.backend.bodies.isEmpty)
    try bench.configure(instances: 1, hasArchive: true, hasLineage: true)
    try await bench.reload(daemon)
    try await eventually("what had waited") { try await bench.part("sinks", "lineage")?["pending"]?.integerValue == 0 }
    try expectWellFormed(bench.backend.bodies)
    #expect(bench.backend.bodies.count > 0)
    daemon.signal(SIGTERM)
    #expect(try await daemon.finish(within: 20).status == 0)
  }

  @Test func signalsMayComeAtAnyTime() async throws {
    let bench = try await Bench(instances: 2)
    try bench.configure(instances: 1)
    let daemon = try bench.start()
    // As soon as it hears signals, which is before it has read anything.
    try await eventually("that it hears SIGHUP") { hearsSignals(daemon.processID) }
    for _ in 1...3 { daemon.signal(SIGHUP) }
    try await bench.waitUntilLoaded("i0")
    for count in [2, 1, 2, 1, 2] {
      try bench.configure(instances: count, hasLineage: count == 2)
      for _ in 1...5 { daemon.signal(SIGHUP) }
    }
    try await bench.reload(daemon)
    try await bench.waitUntilLoaded("i1")
    daemon.signal(SIGHUP)
    daemon.signal(SIGTERM)
    for _ in 1...5 { daemon.signal(SIGHUP) }
    let output = try await daemon.finish(within: 20)
    #expect(output.status == 0, "\(output.errorText)")
    #expect(!output.errorText.contains("reload_refused"), "\(output.errorText)")
    #expect(try await bench.status()["syncer"]?["stopped_at"]?.stringValue != nil)
  }

  /// Whether a process ignores SIGHUP, or has a handler for it: it does not end by it any more.
  private func hearsSignals(_ process: pid_t) -> Bool {
    let text = FileManager.default.contents(atPath: "/proc/\(process)/status").map {
      String(decoding: $0, as: UTF8.self)
    }
    let masks = (text ?? "").split(separator: "\n").filter { $0.hasPrefix("SigIgn:") || $0.hasPrefix("SigCgt:") }
    return masks.contains { line in
      line.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) }.map { $0 & (1 << (UInt64(SIGHUP) - 1)) != 0 }
        ?? false
    }
  }
}
