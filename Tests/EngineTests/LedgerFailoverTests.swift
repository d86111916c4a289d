import FoundationEssentials
import Glibc
import JSONText
import LoopbackHTTP
import TestServers
import Testing

/// The ledger's server is restarted, and another promoted in its place, under the daemon.
@Suite struct LedgerFailoverTests {
  /// A primary whose commits wait for its hot standby, so that both have what is committed.
  private struct Pair {
    let primary, standby: PostgresServer

    init() async throws {
      primary = try await PostgresServer.start(
        settings: PostgresServer.replicable.merging(["synchronous_commit": "on"]) { $1 })
      try await primary.createDatabase("state")
      standby = try await primary.startReplica(settings: ["wal_retrieve_retry_interval": "100ms"])
      try await primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
      try await primary.execute("SELECT pg_reload_conf()")
      let (primary, standby) = (primary, standby)
      try await eventually("a synchronous standby") {
        try await primary.execute("SELECT sync_state FROM pg_stat_replication") == "sync"
      }
      try await primary.waitForReplay(by: standby)
    }

    /// The standby first: which of the servers can be written is found out.
    var url: String {
      "postgresql://postgres@127.0.0.1:\(standby.port),127.0.0.1:\(primary.port)/state?sslmode=disable"
        + "&target_session_attrs=read-write"
    }

    var urlOfStandby: String { "postgresql://postgres@127.0.0.1:\(standby.port)/state?sslmode=disable" }
  }

  private static func tokens(_ server: PostgresServer) async throws -> [String: Int64] {
    let rows = try await server.execute(
      "SELECT kind || '/' || name, token FROM airflow_syncer.lease WHERE holder IS NOT NULL", database: "state")
    return Dictionary(
      uniqueKeysWithValues: rows.split(separator: "\n").map { row in
        let parts = row.split(separator: "|")
        return (String(parts[0]), Int64(parts[1]) ?? 0)
      })
  }

  @Test func aServerThatIsRestartedAndOneThatIsPromotedAreWorkedOnWith() async throws {
    let calm = try await Lab(
      database: try await AirflowFixtures.dump("2.6.3"), truth: nil, .init(accounts: [], hasFile: false))
    try await calm.sync()

    let pair = try await Pair()
    var settings = Lab.Settings(accounts: [], hasFile: false, ledgerURL: pair.urlOfStandby, lineage: ["batch: off"])
    let lab = try await Lab(database: try await AirflowFixtures.dump("2.6.3"), truth: nil, settings)
    // A standby is no place for a ledger, which is said; nothing can be written there.
    for command in ["validate", "migrate", "sync", "run"] {
      let output = try await lab.run([command])
      #expect(output.status == 69, "\(command): \(output.errorText)")
      #expect(
        (output.text + output.errorText).contains("is a standby"), "\(command): \(output.text)\(output.errorText)")
      #expect(!(output.text + output.errorText).contains("postgresql://"))
    }

    (settings.ledgerURL, settings.top) = (pair.url, ["status_socket: \(lab.folder.file("status.sock"))"])
    try lab.configure(settings)
    lab.backend.answer(by: { _ in LoopbackResponse(status: 201, delaySeconds: 0.1) })
    let notes = try NotifySocket()
    // The socket takes few messages that nobody has read.
    let reading = Task { while !Task.isCancelled { _ = notes.messages; try await Task.sleep(for: .milliseconds(50)) } }
    defer { reading.cancel() }
    func signs() -> Int { notes.messages.count { $0 == "WATCHDOG=1" } }
    let daemon = try lab.startDaemon(environment: ["NOTIFY_SOCKET": notes.path, "WATCHDOG_USEC": "400000"])
    func moreDeliveries(_ count: Int) async throws {
      let before = lab.backend.requests
      do {
        try await eventually(within: 60, "deliveries") { lab.backend.requests >= before + count }
      } catch { throw TestServerError("\(error): \(daemon.output.errorText)") }
    }
    try await moreDeliveries(10)

    // Restarted in the middle of its work, without a word of goodbye.
    try await pair.primary.stop()
    try await eventually("that the ledger is missed") { daemon.output.errorText.contains("event=ledger_lost") }
    // That is no reason for systemd to start the daemon anew.
    let before = signs()
    try await eventually("a sign of life") { signs() > before }
    try await pair.primary.startAgain()
    try await moreDeliveries(5)
    let tokens = try await Self.tokens(pair.primary)
    #expect(tokens.count == 3)

    // Gone for good; the other one takes its place.
    try await pair.primary.stop()
    try await pair.standby.execute("SELECT pg_promote()")
    try await moreDeliveries(5)
    lab.backend.answer(by: nil)
    try await lab.waitUntilIdle()
    let after = try await Self.tokens(pair.standby)
    #expect(after.keys == tokens.keys)
    for (part, token) in tokens { #expect(after[part, default: 0] >= token, "\(part)") }
    try await eventually("health") { try await lab.state() == "healthy" }
    let shown = try await lab.status()["ledger"]?["path"]?.stringValue ?? ""
    #expect(shown.contains("port=\(pair.standby.port),\(pair.primary.port)"), "\(shown)")

    daemon.signal(SIGTERM)
    let output = try await daemon.finish(within: 20)
    #expect(output.status == 0, "\(output.errorText)")
    #expect(output.errorText.contains("event=ledger_back"))
    // A body that was sent twice is the same.
    // `validate` has sent nothing at all to see whether somebody is there.
    expectEqual(lab.backend.distinct.subtracting([""]), calm.backend.distinct)
    var seen: Set<[UInt8]> = [[]]
    try expectWellFormed(lab.backend.bodies.filter { seen.insert($0).inserted })
    expectEqual(try await lab.recordsWithoutRevision(), try await calm.recordsWithoutRevision())
    try await pair.standby.stop()
  }
}
