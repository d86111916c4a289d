import Configuration
import Glibc
import JSONText
import Ledger
import LoopbackHTTP
import TestServers
import Testing

@testable import Engine

/// Whoever runs `sync` alone, from cron, has a ledger that stays within its bounds too.
@Suite struct SyncPassUpkeepTests {
  private static let runs = 800

  private func size(_ path: String) -> Int64 {
    var status = stat()
    return stat(path, &status) == 0 ? Int64(status.st_size) : 0
  }

  @Test(arguments: [false, true]) func aPassEndsWithUpkeep(_ isInPostgres: Bool) async throws {
    let server = try await PostgresServer.shared
    let runs = isInPostgres ? 200 : Self.runs
    let database = try await server.createAirflow(
      "3.3.2", history: GeneratedHistory(runs: runs, tasks: 20, dags: 6, newest: "now() - interval '10 days'"))
    let site = try Site(
      [.init(name: "prod", dsn: server.conninfo(database: database), keys: ["namespace: default", "look_back: 1d"])],
      hasLineage: true)
    try site.replace("type: openlineage", with: "type: openlineage\n    emit: [dag_runs]")
    if isInPostgres {
      let name = PostgresServer.uniqueName("state")
      try await server.createDatabase(name)
      try site.replace(
        "sqlite:\(site.folder.file("ledger.db"))",
        with: "postgresql://postgres@127.0.0.1:\(server.port)/\(name)?sslmode=disable")
    }
    // One run is refused: it stays for that.
    site.backend.answer(by: { $0 == 7 ? LoopbackResponse(status: 422) : nil })
    #expect(try await site.run(["sync"]).status == 1)
    #expect(try await site.records(of: "prod").count == runs)
    let before = size(site.folder.file("ledger.db"))

    // The sink is gone, and with it the hope that somebody looks at what it has refused.
    let url = site.backend.url
    try site.replace("  - name: lineage\n    type: openlineage\n    emit: [dag_runs]\n    url: \(url)\n", with: "")
    try site.add(["retention: 3d"])
    let pass = try await site.run(["sync"])
    #expect(pass.status == 0 && pass.text.contains(" old runs deleted"), "\(pass.text)\(pass.errorText)")
    #expect(try await site.records(of: "prod").count == 1)
    if !isInPostgres { #expect(size(site.folder.file("ledger.db")) < before / 4 * 3, "it was \(before)") }
    let status = try await site.run(["status"]).text
    #expect(status.contains("not configured"), "\(status)")
    #expect(status.contains("`airflow-syncer deliveries discard --sink lineage`"), "\(status)")

    #expect(try await site.run(["deliveries", "discard", "--sink", "lineage", "--yes"]).status == 0)
    #expect(try await site.run(["sync"]).text.contains("deleted"))
    #expect(try await site.records(of: "prod").isEmpty)
    #expect(try await !site.run(["status"]).text.contains("deliveries discard"))
    #expect(try await !site.run(["sync"]).text.contains("deleted"))
  }

  /// A daemon that shares the ledger does it; `sync` works beside it as what the daemon does not.
  @Test func whatADaemonDoesIsLeftToIt() async throws {
    let server = try await PostgresServer.shared
    let name = PostgresServer.uniqueName("state")
    try await server.createDatabase(name)
    let url = "postgresql://postgres@127.0.0.1:\(server.port)/\(name)?sslmode=disable"
    let folder = try TemporaryFolder()
    let path = try folder.write(
      "ledger: \(url)\nairflow: [{ name: prod, dsn: \"\(server.conninfo(database: name))\" }]\n", to: "syncer.yaml")
    let configuration = try Configuration.load(path: path).configuration
    let daemon = try #require(try LeaseBook(configuration.ledgerPlace))
    let workshop = try Workshop(configuration)
    try await workshop.open(mode: "sync", as: [], spare: [.upkeep])
    #expect(workshop.works(as: .upkeep))
    await workshop.close()
    try await daemon.enter(mode: "run", version: "1")
    #expect(try await daemon.keep([.upkeep]).keys.contains(.upkeep))
    try await workshop.open(mode: "sync", as: [], spare: [.upkeep])
    #expect(!workshop.works(as: .upkeep))
    await workshop.close()
    try await daemon.leave()
  }
}
