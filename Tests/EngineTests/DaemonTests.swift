import FoundationEssentials
import Glibc
import JSONText
import Ledger
import LoopbackHTTP
import Platform
import TestServers
import Testing

@testable import Engine

/// The daemon as systemd starts it.
@Suite struct DaemonTests {
  @Test func aLedgerThatIsBackIsFoundSoonHoweverLongItWasAway() {
    let ledger = LedgerError(.unreachable, path: "ledger")
    for failures in [3, 1000] {
      #expect(CaptureService.pause(after: ledger, failures: failures, first: 2, random: 1) == 4)
    }
    #expect(CaptureService.pause(after: CancellationError(), failures: 1000, first: 2, random: 1) == 60)
  }

  @Test(arguments: AirflowFixtures.versions)
  func earlierTriesAreLinkedWhileTheDaemonWatches(_ version: String) async throws {
    let lab = try await Lab(
      database: try await AirflowFixtures.schema(version), truth: version, .init(pollInterval: "100ms"))
    let replay = try await TransitionReplay(
      try await AirflowFixtures.transitions(version), into: lab.database, of: lab.server)
    let daemon = try lab.startDaemon()
    try await eventually("the first contact") { try await lab.status()["airflow"]?.arrayValue?.first != nil }
    for transaction in replay.transactions {
      // Not the seconds that Airflow took, but what they were good for: the daemon has polled.
      if transaction.pause > 2 || transaction.deletesXComs { try await lab.waitForPolls() }
      try await replay.apply(transaction)
    }
    try await lab.waitForPolls()
    try await lab.waitUntilIdle()
    daemon.signal(SIGTERM)
    #expect(try await daemon.finish(within: 10).status == 0)
    var verdict = try Truth(version).judge(try await lab.records())
    verdict.unresolved = []
    #expect(verdict == CaptureTests.expected[version])
    try expectWellFormed(lab.backend.bodies)
  }

  @Test func systemdIsToldHowThingsStand() async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3")
    let socket = try NotifySocket()
    let daemon = try lab.startDaemon(environment: ["NOTIFY_SOCKET": socket.path, "WATCHDOG_USEC": "400000"])
    try await eventually("READY") { socket.messages.contains("READY=1") }
    try await eventually("two signs of life") { socket.messages.count { $0 == "WATCHDOG=1" } >= 2 }
    try await eventually("a status") { socket.messages.contains { $0.hasPrefix("STATUS=") && $0.contains(" runs (") } }
    daemon.signal(SIGHUP)
    try await eventually("a word about the reload") { daemon.output.errorText.contains("configuration_reloaded") }
    try await eventually("READY") { socket.messages.count { $0 == "READY=1" } == 2 }
    #expect(daemon.isRunning)
    daemon.signal(SIGTERM)
    #expect(try await daemon.finish(within: 10).status == 0)
    #expect(socket.messages.contains("STOPPING=1"))
  }

  enum Staller: CaseIterable { case nobody, backend, dbtCloud, airflow }

  @Test(arguments: [SIGTERM, SIGINT], Staller.allCases)
  func itStopsWithinTenSecondsWhoeverStalls(_ signal: Int32, _ staller: Staller) async throws {
    let server = staller == .airflow ? try await PostgresServer.start() : nil
    if let server { try await server.loadSQL(Fixtures.path("airflow/dumps/2.6.3.sql.gz"), into: "postgres") }
    let database = server == nil ? try await AirflowFixtures.dump("2.6.3") : "postgres"
    let lab = try await Lab(database: database, server: server, truth: "2.6.3")
    defer { server?.resume() }
    switch staller {
    case .nobody, .airflow: break
    case .backend: lab.backend.answer(LoopbackResponse(delaySeconds: 120))
    case .dbtCloud: lab.standIn.add(.init(.slow(milliseconds: 120_000)))
    }
    let daemon = try lab.startDaemon()
    switch staller {
    case .nobody: try await eventually("a delivery") { !lab.backend.bodies.isEmpty }
    case .backend: try await eventually("a request") { lab.backend.requests > 0 }
    case .dbtCloud: try await eventually("a request") { !lab.standIn.requests.isEmpty }
    case .airflow:
      try await eventually("a delivery") { !lab.backend.bodies.isEmpty }
      server?.pause()
      // At least one poll hangs now: the interval is a fraction of this.
      try await Task.sleep(for: .seconds(1))
    }
    let begin = monotonicSeconds()
    daemon.signal(signal)
    let output = try await daemon.finish(within: 60)
    #expect(output.status == 0, "\(output.errorText)")
    #expect(monotonicSeconds() - begin < 10)
    #expect(try await lab.status()["syncer"]?["stopped_at"]?.stringValue != nil)
  }

  @Test func whatIsPendingIsDeliveredBeforeItEnds() async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3")
    let daemon = try lab.startDaemon()
    try await eventually("a delivery") { !lab.backend.bodies.isEmpty }
    daemon.signal(SIGTERM)
    #expect(try await daemon.finish(within: 20).status == 0)
    for sink in try await lab.status()["sinks"]?.arrayValue ?? [] { #expect(sink["pending"]?.integerValue == 0) }
  }

  // MARK: Outages

  enum Outage: CaseIterable, CustomTestStringConvertible {
    case airflowStopped, cloudClosed, cloudFails, cloudLimits, backendClosed, backendFails
    var testDescription: String { "\(self)" }
    /// How the log names what is lost.
    var event: String {
      switch self {
      case .airflowStopped: "airflow"
      case .cloudClosed, .cloudFails, .cloudLimits: "dbt_cloud"
      case .backendClosed, .backendFails: "sink"
      }
    }
  }

  @Test(arguments: Outage.allCases)
  func anOutageIsLoggedOnceAndHealsWithNothingLost(_ outage: Outage) async throws {
    // What an undisturbed pass brings.
    let calm = try await Lab(database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3")
    try await calm.sync()

    let own = outage == .airflowStopped ? try await PostgresServer.start() : nil
    if let own { try await own.loadSQL(Fixtures.path("airflow/dumps/2.6.3.sql.gz"), into: "postgres") }
    let database = own == nil ? try await AirflowFixtures.dump("2.6.3") : "postgres"
    let lab = try await Lab(database: database, server: own, truth: "2.6.3")
    let begin: () async throws -> Void = {
      switch outage {
      case .airflowStopped: try await own?.stop()
      case .cloudClosed: lab.closeCloud()
      case .cloudFails: lab.standIn.add(.init(.status(500, retryAfter: nil)))
      case .cloudLimits: lab.standIn.add(.init(.status(429, retryAfter: "1")))
      case .backendClosed: lab.backend.close()
      case .backendFails: lab.backend.answer(LoopbackResponse(status: 503))
      }
    }
    let heal: () async throws -> Void = {
      switch outage {
      case .airflowStopped: try await own?.startAgain()
      case .cloudClosed: try lab.openCloud()
      case .cloudFails, .cloudLimits: lab.standIn.removeFaults()
      case .backendClosed: try lab.backend.open()
      case .backendFails: lab.backend.answer(LoopbackResponse(status: 201))
      }
    }
    try await begin()
    let daemon = try lab.startDaemon()
    let state = outage == .airflowStopped ? "down" : "degraded"
    try await eventually(within: 30, "a state that tells of the outage") { try await lab.state() == state }
    let partners = outage.event == "dbt_cloud" ? 2 : 1
    // Of every partner: one that is healed amid a round may never be away as a whole.
    try await eventually("the log's lines") {
      daemon.output.errorText.split(separator: "\n").count { $0.contains("\(outage.event)_lost") } == partners
    }
    try await heal()
    try await eventually(within: 90, "that all is well") {
      guard daemon.isRunning else { throw TestServerError(daemon.output.errorText) }
      return try await lab.state() == "healthy"
    }
    try await lab.waitUntilIdle()
    daemon.signal(SIGTERM)
    let output = try await daemon.finish(within: 20)
    #expect(output.status == 0)
    let lines = output.errorText.split(separator: "\n")
    #expect(lines.count { $0.contains("\(outage.event)_lost") } == partners, "\(output.errorText)")
    #expect(lines.count { $0.contains("\(outage.event)_back") } == partners, "\(output.errorText)")
    expectEqual(lab.backend.distinct, calm.backend.distinct)
    expectEqual(try await lab.recordsWithoutRevision(), try await calm.recordsWithoutRevision())
  }

  @Test func aFullFileSystemUnderTheLedgerHealsWhenThereIsRoom() async throws {
    guard let disk = try await SmallFileSystem(megabytes: 16) else { return }
    let lab = try await Lab(
      database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3",
      .init(hasLineage: false, ledger: "\(disk.path)/ledger.db"))
    let daemon = try lab.startDaemon()
    // A ledger that cannot be opened ends the daemon, for systemd to start it again.
    try await eventually(within: 60, "the first run of it all") { daemon.output.errorText.contains("history_loaded") }
    try await lab.waitUntilIdle()
    try disk.fill()
    try await lab.server.execute(
      """
      INSERT INTO dag_run (dag_id, execution_date, run_id, run_type, state, start_date, end_date)
      SELECT 'exp', '2026-01-01'::timestamptz + n * interval '1 second', 'copy_' || repeat('x', 200) || n, 'manual', 'success',
        '2026-01-01', '2026-01-02' FROM generate_series(1, 6000) n
      """, database: lab.database)
    try await eventually(within: 60, "a word about the full file system") {
      daemon.output.errorText.contains("the disk is full")
    }
    // The ledger itself cannot tell.
    #expect(try await lab.state() == "down")
    #expect(daemon.isRunning, "\(daemon.output.errorText)")
    disk.empty()
    try await eventually(within: 60, "that it works again") { daemon.output.errorText.contains("ledger_back") }
    try await eventually(within: 60, "the last of the runs") {
      try await lab.run(["runs", "list", "--dag", "exp", "--limit", "10000"]).text.split(separator: "\n").count > 6000
    }
    try await lab.waitUntilIdle()
    daemon.signal(SIGTERM)
    let output = try await daemon.finish(within: 20)
    #expect(output.status == 0)
    #expect(output.errorText.split(separator: "\n").count { $0.contains("ledger_lost") } == 1, "\(output.errorText)")
    #expect(lab.archiveLines.count { $0.contains("copy_xxx") } == 6000)
  }
}
