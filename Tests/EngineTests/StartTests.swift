import FoundationEssentials
import Glibc
import JSONText
import TestServers
import Testing

/// A daemon that cannot start yet ends with a status after which its unit starts it again, and nothing is harmed.
@Suite struct StartTests {
  private func start(_ lab: Lab) async throws -> Subprocess.Output {
    try await lab.startDaemon().finish(within: 60)
  }

  /// Statuses after which the service stays down.
  private func statusesThatPreventARestart() throws -> [Int32] {
    let unit = try String(contentsOfFile: "\(Fixtures.repositoryRoot)/systemd/airflow-syncer.service", encoding: .utf8)
    let line = try #require(unit.split(separator: "\n").first { $0.hasPrefix("RestartPreventExitStatus=") })
    #expect(unit.contains("\nRestart=on-failure\n") && unit.contains("\nStartLimitIntervalSec=0\n"))
    return line.split(separator: "=")[1].split(separator: " ").compactMap { Int32($0) }
  }

  @Test func aFullFileSystemIsSaidAndTheNextStartWorks() async throws {
    guard let disk = try await SmallFileSystem(megabytes: 16) else { return }
    let lab = try await Lab(
      database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3",
      .init(hasLineage: false, ledger: "\(disk.path)/ledger.db"))
    func expectFull(_ what: Comment) async throws {
      let output = try await start(lab)
      #expect(output.status == 74, "\(what) \(output.errorText)")
      #expect(try !statusesThatPreventARestart().contains(output.status))
      for part in ["ledger \(disk.path)/ledger.db", "the disk is full: free some room"] {
        #expect(output.errorText.contains(part), "\(what) \(output.errorText)")
      }
    }
    try disk.fill()
    try await expectFull("no ledger yet")
    disk.empty()
    try await lab.sync()
    let records = try await lab.recordsWithoutRevision()
    #expect(records.count > 5)
    let path = "\(disk.path)/ledger.db"
    let bytes = FileManager.default.contents(atPath: path)
    try disk.fill()
    try await expectFull("a ledger that was closed")
    #expect(FileManager.default.contents(atPath: path) == bytes, "it is as it was")
    disk.empty()
    let daemon = try lab.startDaemon()
    try await lab.waitUntilIdle()
    #expect(try await lab.run(["validate"]).status == 0)
    expectEqual(try await lab.recordsWithoutRevision(), records)
    daemon.signal(SIGTERM)
    #expect(try await daemon.finish(within: 20).status == 0)
  }

  @Test func aLedgersServerThatIsAwayIsSaidAndTheNextStartWorks() async throws {
    let server = try await PostgresServer.start()
    try await server.createDatabase("state")
    let url = "postgresql://postgres@127.0.0.1:\(server.port)/state?sslmode=disable"
    let lab = try await Lab(
      database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3", .init(hasLineage: false, ledgerURL: url))
    try await lab.sync()
    let records = try await lab.recordsWithoutRevision()
    try await server.stop()
    let output = try await start(lab)
    #expect(output.status == 69, "\(output.errorText)")
    #expect(try !statusesThatPreventARestart().contains(output.status))
    for part in ["ledger", "dbname=state", "cannot be reached"] {
      #expect(output.errorText.contains(part), "\(output.errorText)")
    }
    try await server.startAgain()
    expectEqual(try await lab.recordsWithoutRevision(), records)
    try lab.configure(.init(hasLineage: false, ledgerURL: url, top: ["status_socket: \(lab.folder.file("s.sock"))"]))
    let daemon = try lab.startDaemon()
    try await eventually("the daemon") { try await lab.status()["source"]?.stringValue == "daemon" }
    daemon.signal(SIGTERM)
    #expect(try await daemon.finish(within: 20).status == 0)
    try await server.stop()
  }
}
