import FoundationEssentials
import Glibc
import JSONText
import TestServers
import Testing

/// `status` asks the running daemon, and reads the ledger when there is none.
@Suite struct StatusSocketTests {
  private func source(_ lab: Lab) async throws -> String? { try await lab.status()["source"]?.stringValue }

  @Test func theDaemonTellsWhatOnlyItKnows() async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump("2.6.3"), truth: nil, .init(accounts: []))
    let socket = lab.ledger + ".sock"
    let daemon = try lab.startDaemon()
    try await eventually("an answer of the daemon") { try await source(lab) == "daemon" }
    try await lab.waitUntilIdle()
    let status = try await lab.status()
    #expect(status["daemon"]?["process_id"]?.integerValue == Int64(daemon.processID))
    #expect(status["daemon"]?["config"]?.stringValue == lab.config)
    #expect(status["daemon"]?["version"]?.stringValue == status["syncer"]?["version"]?.stringValue)
    #expect(status["daemon"]?["uptime_seconds"] != nil)
    let stages = status["daemon"]?["stages"]?.arrayValue ?? []
    let names = Set(stages.compactMap { $0["stage"]?.stringValue })
    #expect(names.isSuperset(of: ["poll", "history", "deliver"]), "\(names)")
    #expect(stages.allSatisfy { $0["count"]?.integerValue != nil })
    var file = stat()
    #expect(lstat(socket, &file) == 0 && file.st_mode == S_IFSOCK | 0o660)
    let screen = try await lab.run(["status"])
    #expect(screen.status == 0 && screen.text.hasPrefix("HEALTHY"), "\(screen.text)\(screen.errorText)")
    #expect(screen.text.contains("\nDAEMON     ") && screen.text.contains("process \(daemon.processID), \(lab.config)"))

    lab.backend.close()
    try await lab.server.execute(
      "UPDATE dag_run SET state = 'running', end_date = NULL WHERE id = (SELECT max(id) FROM dag_run)",
      database: lab.database)
    try await lab.server.execute(
      "UPDATE dag_run SET state = 'success', end_date = now() WHERE id = (SELECT max(id) FROM dag_run)",
      database: lab.database)

    // A daemon that was killed leaves its socket behind.
    daemon.signal(SIGKILL)
    _ = try await daemon.finish(within: 10)
    #expect(lstat(socket, &file) == 0)
    let down = try await lab.run(["status"])
    #expect(
      down.status == 2 && down.text.contains("SOURCE     the ledger: no daemon listens at \(socket)"), "\(down.text)")
    let second = try lab.startDaemon()
    try await eventually("an answer of the second daemon") {
      try await lab.status()["daemon"]?["process_id"]?.integerValue == Int64(second.processID)
    }

    // One that hangs is not waited for.
    second.signal(SIGSTOP)
    let hung = try await lab.run(["status", "--json"])
    second.signal(SIGCONT)
    let told = try JSONValue(parsing: hung.text)
    #expect(told["source"]?.stringValue == "ledger" && told["daemon"] == .null)
    #expect(told["source_reason"]?.stringValue?.contains("does not answer in time") == true)
    second.signal(SIGTERM)
    #expect(try await second.finish(within: 10).status == 0)
    #expect(lstat(socket, &file) != 0)
    #expect(try await lab.run(["status"]).status == 2)
  }

  /// Nobody but the daemon has the password of a ledger in Postgres.
  @Test func aLedgerInPostgresIsToldOfWithoutItsPassword() async throws {
    let server = try await PostgresServer.shared
    let (role, name) = (PostgresServer.uniqueName("keeper"), PostgresServer.uniqueName("state"))
    try await server.createRole(role, password: "canary-ledger-1")
    try await server.execute("CREATE DATABASE \(name) OWNER \(role)")
    let url = "postgresql://\(role)@127.0.0.1:\(server.port)/\(name)?sslmode=disable"
    let lab = try await Lab(
      database: try await AirflowFixtures.dump("2.6.3"), truth: nil, .init(accounts: [], ledgerURL: url))
    let socket = lab.folder.file("status.sock")
    let password = try lab.folder.write("canary-ledger-1\n", to: "password")
    let keys = "\nledger_password_file: \(password)\nstatus_socket: \(socket)\n"
    let text = String(decoding: FileManager.default.contents(atPath: lab.config) ?? Data(), as: UTF8.self)
    try lab.folder.write(text + keys, to: "syncer.yaml")
    let daemon = try lab.startDaemon()
    try await eventually("an answer of the daemon") {
      access(socket, F_OK) == 0 ? try await source(lab) == "daemon" : false
    }
    unlink(password)
    let status = try await lab.run(["status"])
    #expect(status.text.contains("\nDAEMON     "), "\(status.text)\(status.errorText)")
    #expect(status.text.contains("LEDGER     "))
    daemon.signal(SIGTERM)
    _ = try await daemon.finish(within: 10)
    // Without the daemon only the reason is left to tell.
    let down = try await lab.run(["status"])
    #expect(down.status == 2 && down.text.contains("no daemon listens at \(socket)"), "\(down.text)\(down.errorText)")
    #expect(!(status.text + down.text + daemon.output.errorText).contains("canary"))
  }

  @Test func theSecondDaemonOfAHostLeavesTheFirstItsSocket() async throws {
    let server = try await PostgresServer.shared
    let name = PostgresServer.uniqueName("state")
    try await server.createDatabase(name)
    let url = "postgresql://postgres@127.0.0.1:\(server.port)/\(name)?sslmode=disable"
    let lab = try await Lab(database: try await AirflowFixtures.dump("2.6.3"), truth: nil, .init(accounts: []))
    let socket = lab.folder.file("status.sock")
    try lab.configure(.init(accounts: [], ledgerURL: url, top: ["status_socket: \(socket)"]))
    func told() async throws -> Int64? { try await lab.status()["daemon"]?["process_id"]?.integerValue }
    let first = try lab.startDaemon()
    try await eventually("an answer of the first daemon") {
      access(socket, F_OK) == 0 ? try await told() == Int64(first.processID) : false
    }
    let second = try lab.startDaemon()
    try await eventually("a word about it") {
      second.output.errorText.contains("event=status_socket_failed")
        && second.output.errorText.contains("give each its own `status_socket`")
    }
    #expect(try await told() == Int64(first.processID))
    first.signal(SIGKILL)
    _ = try await first.finish(within: 10)
    // It works on without.
    let listed = try await lab.status()["daemons"]?.arrayValue?.map { $0["pid"]?.integerValue }
    #expect(listed?.contains(Int64(second.processID)) == true)
    #expect(try await told() == nil)
    second.signal(SIGTERM)
    #expect(try await second.finish(within: 10).status == 0)
    // The socket of the one that was killed is in nobody's way.
    let third = try lab.startDaemon()
    try await eventually("an answer of the third daemon") { try await told() == Int64(third.processID) }
    third.signal(SIGTERM)
    #expect(try await third.finish(within: 10).status == 0)
  }

  @Test func aDaemonWithoutItsSocketWorks() async throws {
    let lab = try await Lab(
      database: try await AirflowFixtures.dump("2.6.3"), truth: nil, .init(accounts: [], hasLineage: false))
    let text = String(decoding: FileManager.default.contents(atPath: lab.config) ?? Data(), as: UTF8.self)
    try lab.folder.write(text + "status_socket: \(lab.folder.file("no/such/folder.sock"))\n", to: "syncer.yaml")
    let daemon = try lab.startDaemon()
    try await lab.waitUntilIdle()
    #expect(daemon.output.errorText.contains("event=status_socket_failed"))
    #expect(try await source(lab) == "ledger")
    #expect(try await lab.run(["status"]).status == 0)
    daemon.signal(SIGTERM)
    #expect(try await daemon.finish(within: 10).status == 0)
  }
}
