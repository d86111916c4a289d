import FoundationEssentials
import Glibc
import JSONText
import LoopbackHTTP
import SQLite
import Storage
import TestServers
import Testing

/// A ledger that an earlier release has left in the middle of its work: this one migrates it and delivers what it had
/// still to deliver. See Tests/Fixtures/ledger/README.md.
@Suite struct LedgerFixtureTests {
  enum Kind: String, CaseIterable { case sqlite, postgres }

  /// Files of Tests/Fixtures/ledger.
  private static func path(_ name: String) -> String { Fixtures.path("ledger/\(name).gz") }

  private static func unpacked(_ name: String) async throws -> [UInt8] {
    let output = try await Subprocess.run(["gzip", "-dc", path(name)])
    try #require(output.status == 0, "\(output.errorText)")
    return output.standardOutput
  }

  /// A lab with three sinks: a backend that is sent to, one that nothing was sent to yet, and a file.
  private static func lab(_ kind: Kind) async throws -> (lab: Lab, mirror: EventBackend, database: String?) {
    var settings = Lab.Settings(hasLineage: false, hasFile: false)
    var database: String?
    if kind == .postgres {
      let name = PostgresServer.uniqueName("state")
      let server = try await PostgresServer.shared
      try await server.createDatabase(name)
      settings.ledgerURL = "postgresql://postgres@127.0.0.1:\(server.port)/\(name)?sslmode=disable"
      database = name
    }
    let lab = try await Lab(database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3", settings)
    let mirror = try EventBackend()
    let sinks = """
      sinks:
        - {name: lineage, type: openlineage, url: "\(lab.backend.url)"}
        - {name: mirror, type: openlineage, url: "\(mirror.url)"}
        - {name: archive, type: file, path: \(lab.archive)}

      """
    let before = String(decoding: try #require(FileManager.default.contents(atPath: lab.config)), as: UTF8.self)
    try lab.folder.write(before + sinks, to: "syncer.yaml")
    return (lab, mirror, database)
  }

  private static let parked = LoopbackResponse(status: 400, text: "refused for good")

  @Test(arguments: Kind.allCases)
  func whatWasPendingInTheLedgerOfAnEarlierReleaseArrives(_ kind: Kind) async throws {
    let (calm, calmMirror, _) = try await Self.lab(kind)
    try await calm.sync()
    expectEqual(calmMirror.distinct, calm.backend.distinct)

    let (lab, mirror, database) = try await Self.lab(kind)
    if let database {
      try await lab.server.loadSQL(Self.path("ledger.sql"), into: database)
    } else {
      let bytes = try await Self.unpacked("ledger.db")
      try #require(FileManager.default.createFile(atPath: lab.ledger, contents: Data(bytes)))
    }
    let fixed = try await fixedBodies(lab, database, "o.parked_at IS NULL")
    let parked = try await fixedBodies(lab, database, "o.parked_at IS NOT NULL")
    #expect(fixed.count > 10 && !parked.isEmpty)
    #expect(try await fixedBodies(lab, database, "o.parked_at IS NULL AND o.tries > 0").count > 0)
    // An older schema is only read when somebody has migrated it.
    let older = try await lab.run(["runs", "list"])
    #expect(older.status == 78 && older.errorText.contains("airflow-syncer migrate"), "\(older.errorText)")
    let migrated = try await lab.run(["migrate"])
    #expect(migrated.status == 0, "\(migrated.errorText)")

    let sync = try await lab.run(["sync"])
    // Nothing failed but what was parked before.
    #expect(sync.status == 0 && sync.errorText.isEmpty, "\(sync.text)\(sync.errorText)")
    let arrived = lab.backend.distinct
    #expect(arrived.count == lab.backend.bodies.count, "sent twice")
    expectEqual(fixed.subtracting(arrived), [], "what was fixed before is sent as it was fixed")
    let before = Set(
      String(decoding: try await Self.unpacked("delivered-\(kind.rawValue).ndjson"), as: UTF8.self)
        .split(separator: "\n").map(String.init))
    // What was taken when the power went, before the ledger knew, comes once more as it was.
    expectEqual(arrived.intersection(before).subtracting(fixed), [])
    #expect(arrived.isDisjoint(with: parked))
    expectEqual(arrived.union(before).union(parked), calm.backend.distinct)
    expectEqual(mirror.distinct, calm.backend.distinct, "history that waited")
    expectEqual(try await lab.recordsWithoutRevision(), try await calm.recordsWithoutRevision())
    expectEqual(try await lab.lastArchived(), try await calm.lastArchived())
    let checks = try await lab.run(["checks", "list", "--json"]).text
    #expect(try await checks == calm.run(["checks", "list", "--json"]).text && !checks.isEmpty)
    let sinks = try await lab.status()["sinks"]?.arrayValue ?? []
    #expect(sinks.map { $0["parked"]?.integerValue } == [0, Int64(parked.count), 0])
  }

  /// The bytes that were fixed for items of the first backend, under a condition.
  private func fixedBodies(_ lab: Lab, _ database: String?, _ condition: String) async throws -> Set<String> {
    let rest =
      "FROM outbox o JOIN sink s ON s.id = o.sink WHERE s.name = 'lineage' AND body IS NOT NULL AND \(condition)"
    guard let database else {
      let ledger = try SQLiteDatabase(path: lab.ledger, mode: .readWrite)
      let bodies = try ledger.prepare("SELECT body \(rest)").rows { $0.optionalBytes(0) ?? [] }
      return Set(bodies.map { String(decoding: $0, as: UTF8.self) })
    }
    let text = try await lab.server.execute(
      "SET search_path = airflow_syncer; SELECT convert_from(body, 'UTF8') \(rest)", database: database)
    return Set(text.split(separator: "\n").map(String.init))
  }

  // MARK: Making it

  private static let folder = ProcessInfo.processInfo.environment["LEDGER_FIXTURE"].flatMap { $0.isEmpty ? nil : $0 }

  /// Writes the files anew, with the release that `LEDGER_FIXTURE_PROGRAM` names.
  @Test(.enabled(if: folder != nil, "only to make the files"), arguments: Kind.allCases)
  func make(_ kind: Kind) async throws {
    let folder = try #require(Self.folder)
    let (lab, mirror, database) = try await Self.lab(kind)
    defer { withExtendedLifetime(mirror) {} }
    // Some are refused for good, some for now; then nobody answers any more, and the power goes.
    lab.backend.answer(by: { number -> LoopbackResponse? in
      switch number {
      case 121...: LoopbackResponse(delaySeconds: 600)
      case _ where number % 10 == 0: Self.parked
      case _ where number % 10 == 5: LoopbackResponse(status: 503)
      default: nil
      }
    })
    try await Program.$other.withValue(ProcessInfo.processInfo.environment["LEDGER_FIXTURE_PROGRAM"]) {
      let sync = try lab.start(["sync"])
      try await eventually(within: 60, "that nobody answers") { lab.backend.requests > 121 }
      sync.signal(SIGKILL)
      _ = try await sync.finish(within: 20)
    }
    var ledger: [UInt8]
    if let database {
      ledger = try await lab.server.dump(schema: "airflow_syncer", of: database)
    } else {
      try SQLiteDatabase(path: lab.ledger, mode: .readWrite).execute("PRAGMA wal_checkpoint(TRUNCATE); VACUUM")
      try SQLiteDatabase(path: lab.ledger, mode: .readWrite).execute("PRAGMA wal_checkpoint(TRUNCATE)")
      ledger = [UInt8](try #require(FileManager.default.contents(atPath: lab.ledger)))
    }
    let delivered: [UInt8] = lab.backend.bodies.reduce(into: []) { $0 += $1 + [0x0A] }
    for (name, bytes) in [
      (kind == .sqlite ? "ledger.db" : "ledger.sql", ledger), ("delivered-\(kind.rawValue).ndjson", delivered),
    ] {
      let path = "\(folder)/\(name)"
      try #require(FileManager.default.createFile(atPath: path, contents: Data(bytes)))
      let packed = try await Subprocess.run(["gzip", "-9nf", path])
      #expect(packed.status == 0, "\(packed.errorText)")
    }
  }
}
