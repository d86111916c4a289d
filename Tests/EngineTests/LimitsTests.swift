import Glibc
import JSONText
import TestServers
import Testing

/// What an operator meets whose disk, ledger or backend is full or broken.
@Suite struct LimitsTests {
  private static let history = GeneratedHistory(runs: 300, tasks: 20, dags: 6)

  private func site(_ keys: [String] = [], history: GeneratedHistory = history) async throws -> Site {
    let database = try await PostgresServer.shared.createAirflow("3.3.2", history: history)
    let site = try Site([.init(name: "prod", dsn: try await PostgresServer.shared.conninfo(database: database))])
    try site.add(keys)
    return site
  }

  @Test func aFileThatMayNotGrowIsAFullDisk() async throws {
    let site = try await site()
    let command = ["sh", "-c", "ulimit -f 400; exec \"$0\" \"$@\"", try Program.path, "sync", "--config", site.config]
    let output = try await Subprocess.run(command, environment: ["TMPDIR": site.folder.path])
    #expect(output.status == 74, "\(output.status) \(output.errorText)")
    #expect(output.errorText.contains("the disk is full"), "\(output.errorText)")
    #expect(try await site.run(["sync"]).status == 0)
    #expect(try await site.records(of: "prod").count == 300)
  }

  @Test func aLedgerAtItsLimitSaysSoAndGoesOnWithMoreRoom() async throws {
    let site = try await site(["max_ledger_bytes: 1MB"])
    let output = try await site.run(["sync"])
    #expect(output.status == 74 || output.status == 1, "\(output.status) \(output.errorText)")
    #expect((output.text + output.errorText).contains("`max_ledger_bytes`"), "\(output.text) \(output.errorText)")
    let status = try await site.run(["status"])
    #expect(status.text.contains("FULL") && status.text.contains("of 1.0 MB"), "\(status.text)")
    let room = try await site.status()["ledger"]?["room"]
    #expect(room?["state"]?.stringValue != "free" && room?["max_bytes"]?.integerValue == 1_000_000)
    try site.replace("max_ledger_bytes: 1MB", with: "max_ledger_bytes: 1GB")
    #expect(try await site.run(["sync"]).status == 0)
    #expect(try await site.records(of: "prod").count == 300)
    #expect(try await site.state() == "healthy")
  }

  @Test func validateFindsADamagedPageAndSaysHowToRecover() async throws {
    let site = try await site()
    #expect(try await site.run(["sync"]).status == 0)
    let ledger = site.folder.file("ledger.db")
    #expect(try await site.run(["validate"]).status == 0)
    let descriptor = open(ledger, O_WRONLY)
    for page in 20..<60 { _ = pwrite(descriptor, [UInt8](repeating: 0xA5, count: 8192), 8192, off_t(page * 8192)) }
    close(descriptor)
    unlink(ledger + "-wal")
    let output = try await site.run(["validate"])
    #expect(output.status != 0)
    #expect(output.text.contains(".recover") || output.errorText.contains(".recover"), "\(output.text)")
  }

  @Test func aDaemonWhoseLedgerIsRemovedEndsAndBeginsAnew() async throws {
    let site = try await site()
    let daemon = try site.startDaemon()
    try await eventually("the history") { daemon.output.errorText.contains("history_loaded") }
    for suffix in ["", "-wal", "-shm"] { unlink(site.folder.file("ledger.db") + suffix) }
    let output = try await daemon.finish(within: 30)
    #expect(output.status == 74, "\(output.status)")
    #expect(output.errorText.contains("was removed or replaced while it was open"), "\(output.errorText)")
    #expect(try await site.run(["sync"]).status == 0)
    #expect(try await site.records(of: "prod").count == 300)
  }

  @Test func purgeWorksBesideTheDaemonAndWhatIsGoneStaysGone() async throws {
    let site = try await site(
      history: GeneratedHistory(runs: 60, tasks: 5, dags: 3, newest: "now() - interval '1 hour'"))
    let daemon = try site.startDaemon()
    defer { daemon.signal(SIGKILL) }
    try await eventually("the history") { try await site.status(of: "prod")?["runs"]?.integerValue == 60 }
    try await eventually("that all is delivered") {
      try await site.status()["sinks"]?.arrayValue?.allSatisfy { $0["pending"]?.integerValue == 0 } == true
    }
    let dag = try #require(try await site.records(of: "prod").first?["dag_run"]?["dag_id"]?.stringValue)
    #expect(try await site.run(["purge"]).status == 64)
    let trial = try await site.run(["purge", "--dag", dag])
    #expect(
      trial.text.contains("would remove 20 DAG runs with 100 attempts") && trial.text.contains("--yes"), "\(trial.text)"
    )
    #expect(try await site.records(of: "prod").count == 60)
    let output = try await site.run(["purge", "--dag", dag, "--yes"])
    #expect(output.status == 0 && output.text.contains("removed 20 DAG runs with 100 attempts"), "\(output.text)")
    #expect(try await site.records(of: "prod").count == 40)
    daemon.signal(SIGTERM)
    #expect(try await daemon.finish(within: 20).status == 0)
    // Another pass compares all of it with Airflow's.
    #expect(try await site.run(["sync"]).status == 0)
    #expect(try await site.records(of: "prod").count == 40)
  }
}
