import AirflowSource
import ExecutionModel
import Glibc
import JSONText
import Ledger
import Postgres
import TestServers
import Testing

@testable import Engine

/// An Airflow that is upgraded from 2.11.2 to 3.3.2 while it is read: the statements are those of a real upgrade, one
/// transaction per revision, so that every state of the database between them can be met.
@Suite struct UpgradeTests {
  private static func lab() async throws -> Lab {
    let database = try await AirflowFixtures.dump("2.11.2")
    let lab = try await Lab(database: database, truth: "2.11.2", .init(pollInterval: "100ms"))
    try await lab.server.execute(
      """
      UPDATE dag_run SET state = 'running', end_date = NULL WHERE id IN (SELECT id FROM dag_run ORDER BY id DESC LIMIT 2);
      """, database: database)
    return lab
  }

  /// What Airflow 3 does next: one run ends, a task of the other is tried again under a new uuid, a new run ends at once.
  private static func goOn(_ lab: Lab) async throws {
    try await lab.server.execute(
      """
      SET session_replication_role = replica;
      UPDATE dag_run SET state = 'success', end_date = now() WHERE id = (SELECT min(id) FROM dag_run WHERE state = 'running');
      INSERT INTO dag_run SELECT (jsonb_populate_record(d, jsonb_build_object('id', d.id + 1, 'run_id', 'of 3.x', 'state', 'success',
        'logical_date', NULL, 'run_after', now(), 'end_date', now(), 'triggered_by', 'REST_API'))).*
        FROM dag_run d WHERE id = (SELECT max(id) FROM dag_run);
      INSERT INTO task_instance_history (task_instance_id, task_id, dag_id, run_id, map_index, try_number, start_date, end_date,
          state, pool, pool_slots, max_tries, span_status)
        SELECT id, task_id, dag_id, run_id, map_index, try_number, start_date, end_date, 'failed', pool, pool_slots, max_tries,
          'ended'
        FROM task_instance t
        WHERE (dag_id, run_id) IN (SELECT dag_id, run_id FROM dag_run WHERE state = 'running') AND state = 'success';
      UPDATE task_instance SET id = gen_random_uuid(), try_number = try_number + 1, start_date = now(), end_date = now()
        WHERE (dag_id, run_id) IN (SELECT dag_id, run_id FROM dag_run WHERE state = 'running') AND state = 'success';
      UPDATE dag_run SET state = 'success', end_date = now() WHERE state = 'running';
      """, database: lab.database)
  }

  /// Nothing of what was known before is lost, doubled, removed or linked otherwise.
  private static func expect(_ after: [String], toHoldAllOf before: [String]) throws {
    func byKey(_ records: [String]) throws -> [String: JSONValue] {
      let values = try records.map { try JSONValue(parsing: $0) }
      let keys = try values.map { try #require($0["key"]?.stringValue) }
      #expect(Set(keys).count == keys.count, "a run is there twice")
      return Dictionary(zip(keys, values)) { first, _ in first }
    }
    let (old, new) = (try byKey(before), try byKey(after))
    #expect(Set(old.keys).subtracting(new.keys) == [])
    #expect(Set(new.keys).subtracting(old.keys).count == 1, "the run of 3.x")
    for (key, record) in new { #expect(record["removed"] == .null, "\(key)") }
    for (key, record) in old {
      let attempts = record["attempts"]?.arrayValue ?? []
      let later = new[key]?["attempts"]?.arrayValue ?? []
      for attempt in attempts {
        let names = ["task_id", "map_index", "try_number"]
        let same = later.filter { other in names.allSatisfy { other[$0] == attempt[$0] } }
        #expect(same.count == 1, "\(key) \(attempt["task_id"]?.stringValue ?? "-")")
        guard let other = same.first else { continue }
        for name in ["start_date", "end_date", "operator", "dbt_runs"] {
          #expect(other[name] == attempt[name], "\(key) \(attempt["task_id"]?.stringValue ?? "-") \(name)")
        }
      }
      // Only what is tried again has more.
      #expect(later.count == attempts.count || record["dag_run"]?["state"]?.stringValue == "running", "\(key)")
      #expect(new[key]?["dbt_runs"] == record["dbt_runs"], "\(key)")
      #expect(new[key]?["dag_run"]?["id"] == record["dag_run"]?["id"])
      #expect(new[key]?["dag_run"]?["logical_date"] == record["dag_run"]?["logical_date"])
    }
  }

  @Test func everyStateOfTheUpgradeIsReadOrToldAndNothingIsLost() async throws {
    let lab = try await Self.lab()
    try await lab.sync()
    let before = try await lab.records()
    let verdict = try Truth("2.11.2").judge(before)
    let events = lab.backend.distinct

    let workshop = try Workshop(try lab.configuration())
    try await workshop.open(mode: "test")
    let capture = try #require(workshop.captures.first)
    _ = try await capture.poll()
    let upgrade = try AirflowUpgrade()
    var refused: Set<String> = []
    for revision in upgrade.revisions {
      try await upgrade.apply(revision, to: lab.database, of: lab.server)
      do {
        _ = try await capture.poll()
      } catch let error as AirflowSourceError {
        refused.insert(revision.name)
        #expect(error.action != .probe, "\(revision.name): \(error)")
        #expect(error.kind == .missingColumn || error.kind == .unexpectedType, "\(revision.name): \(error)")
      }
    }
    #expect(refused.count > 10, "the states between are no Airflow")
    #expect(refused.count < upgrade.revisions.count)
    #expect(!refused.contains(try #require(upgrade.revisions.last?.name)))
    try await Self.goOn(lab)
    _ = try await capture.poll()
    // As a sweep that finds every fingerprint changed.
    try await readEverything(lab, workshop.ledger)
    await workshop.close()
    try await lab.sync()

    let after = try await lab.records()
    try Self.expect(after, toHoldAllOf: before)
    var later = try Truth("2.11.2").judge(after)
    // What is tried again here has started nothing that the truth knows.
    later.earlier = 0
    #expect(later.wrong == [])
    #expect(later.exact + later.strong >= verdict.exact + verdict.strong - 10)
    #expect(events.isSubset(of: lab.backend.distinct))
    try expectWellFormed(lab.backend.bodies)
    #expect(try await lab.status()["airflow"]?.arrayValue?.first?["airflow_version"]?.stringValue == "3.3")
  }

  @Test func aDaemonHealsByItselfAfterTheUpgrade() async throws {
    let lab = try await Self.lab()
    let daemon = try lab.startDaemon()
    try await lab.waitForPolls()
    try await lab.waitUntilIdle()
    let before = try await lab.records()
    let upgrade = try AirflowUpgrade()
    for revision in upgrade.revisions { try await upgrade.apply(revision, to: lab.database, of: lab.server) }
    try await Self.goOn(lab)
    try await eventually(within: 120, "the run of 3.x") {
      guard daemon.isRunning else { throw TestServerError(daemon.output.errorText) }
      return try await lab.records().contains { $0.contains("of 3.x") }
    }
    try await lab.waitForPolls()
    try await lab.waitUntilIdle()
    #expect(try await lab.state() == "healthy")
    daemon.signal(SIGTERM)
    let output = try await daemon.finish(within: 20)
    #expect(output.status == 0)
    let lines = output.errorText.split(separator: "\n")
    #expect(lines.count { $0.contains("event=airflow_lost ") } == lines.count { $0.contains("event=airflow_back ") })
    try Self.expect(try await lab.records(), toHoldAllOf: before)
    try expectWellFormed(lab.backend.bodies)
  }

  private func readEverything(_ lab: Lab, _ ledger: Ledger) async throws {
    let connection = PostgresConnection(
      PostgresConfiguration(
        conninfo: lab.server.conninfo(database: lab.database), password: nil, applicationName: "airflow-syncer/test"),
      name: "all")
    let reader = AirflowReader(instance: "lab", connection: connection)
    let batch = try await reader.history(HistoryRequest(limit: 10_000), schema: try await reader.probe())
    await connection.close()
    var capture = CaptureBatch(instance: "lab", readAt: batch.moment.readAt)
    capture.snapshots = batch.snapshots
    let known = try await ledger.runIDs(of: try await ledger.progress(of: "lab").id, above: 0)
    #expect(known.subtracting(batch.snapshots.map(\.run.sourceID)) == [])
    _ = try await ledger.apply(capture, proposing: Capture.links)
  }
}
