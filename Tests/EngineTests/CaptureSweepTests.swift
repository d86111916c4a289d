import ExecutionModel
import JSONText
import Ledger
import Synchronization
import TestServers
import Testing

@testable import Engine

/// What changes when it is long finished: no cursor sees it.
@Suite struct CaptureSweepTests {
  /// One syncer that has read everything, and what it reads from.
  private struct Scene {
    let lab: Lab
    let workshop: Workshop
    let capture: Capture

    init(_ version: String, settings: [String] = ["look_back: 3650d"]) async throws {
      lab = try await Lab(
        database: try await AirflowFixtures.dump(version), truth: nil,
        .init(airflow: settings, accounts: [], hasLineage: false, hasFile: false))
      workshop = try Workshop(try lab.configuration())
      try await workshop.open(mode: "test")
      capture = try #require(workshop.captures.first)
      _ = try await capture.poll()
      while try await capture.hasHistory() { _ = try await capture.loadHistory() }
      _ = try await sweep()
    }

    func execute(_ sql: String) async throws -> String { try await lab.server.execute(sql, database: lab.database) }

    func sweep() async throws -> Capture.Outcome {
      var total = Capture.Outcome(isFinished: false)
      while !total.isFinished { total += try await capture.sweep() }
      return total
    }

    /// The record of a run by its `dag_run.id`.
    func record(_ id: String) async throws -> JSONValue {
      for run in try await workshop.ledger.runs(RunFilter()) {
        let text = Mutex("")
        _ = try await workshop.ledger.writeRecord(run.id, RecordContext()) { bytes in
          let piece = String(decoding: bytes.span.withUnsafeBufferPointer { Array($0) }, as: UTF8.self)
          text.withLock { $0 += piece }
        }
        let record = try JSONValue(parsing: text.withLock { $0 })
        if record["dag_run"]?["id"]?.integerValue == Int64(id) { return record }
      }
      throw TestServerError("no record of run \(id)")
    }
  }

  /// A finished run with a successful task.
  private static let finished = """
    SELECT r.id FROM dag_run r WHERE r.state = 'success' AND EXISTS (SELECT 1 FROM task_instance t
      WHERE t.dag_id = r.dag_id AND t.run_id = r.run_id AND t.state = 'success' AND t.try_number > 0)
    ORDER BY r.id LIMIT 1
    """

  @Test(arguments: AirflowFixtures.versions) func whatDidNotChangeIsNotReadAgain(_ version: String) async throws {
    let scene = try await Scene(version)
    let again = try await scene.sweep()
    #expect(again.runsRead == 0 && again.newRuns + again.changedRuns == 0)
    let status = try #require(try await scene.workshop.ledger.status().airflow.first)
    #expect(status.sweep?.runs == status.runs && status.sweep?.changed == 0)
    await scene.workshop.close()
  }

  @Test(arguments: AirflowFixtures.versions) func aTaskMarkedByHandIsFound(_ version: String) async throws {
    let scene = try await Scene(version)
    let id = try await scene.execute(Self.finished)
    _ = try await scene.execute(
      """
      UPDATE task_instance t SET state = 'failed' FROM dag_run r
      WHERE r.id = \(id) AND t.dag_id = r.dag_id AND t.run_id = r.run_id AND t.state = 'success'
      """)
    let outcome = try await scene.sweep()
    #expect(outcome.runsRead == 1 && outcome.changedRuns == 1)
    let states = try await scene.record(id)["attempts"]?.arrayValue?.filter { $0["current"]?.boolValue == true }
      .compactMap { $0["state"]?.stringValue }
    #expect(states?.contains("failed") == true && states?.contains("success") == false)
    await scene.workshop.close()
  }

  /// The process of a task that was killed by a mark writes its end later, with an older `updated_at`.
  @Test(arguments: AirflowFixtures.versions) func anEndThatIsWrittenLateIsFound(_ version: String) async throws {
    let scene = try await Scene(version)
    let id = try await scene.execute(Self.finished)
    _ = try await scene.execute(
      "UPDATE dag_run SET end_date = end_date + interval '5.67 s', updated_at = updated_at - interval '10 s' WHERE id = \(id)"
    )
    let end = try await scene.record(id)["dag_run"]?["end_date"]?.stringValue
    #expect(try await scene.sweep().changedRuns == 1)
    #expect(try await scene.record(id)["dag_run"]?["end_date"]?.stringValue != end)
    await scene.workshop.close()
  }

  @Test(arguments: AirflowFixtures.versions) func notesAreFound(_ version: String) async throws {
    let scene = try await Scene(version)
    let id = try await scene.execute(Self.finished)
    let (user, value) = version.hasPrefix("3") ? ("user_id, ", "NULL, ") : ("", "")
    _ = try await scene.execute(
      """
      INSERT INTO dag_run_note (\(user)dag_run_id, content, created_at, updated_at)
      VALUES (\(value)\(id), 'looked into', now(), now())
      """)
    #expect(try await scene.sweep().changedRuns == 1)
    #expect(try await scene.record(id)["dag_run"]?["note"]?.stringValue == "looked into")
    _ = try await scene.execute("DELETE FROM dag_run_note WHERE dag_run_id = \(id)")
    #expect(try await scene.sweep().changedRuns == 1)
    #expect(try await scene.record(id)["dag_run"]?["note"]?.stringValue == nil)
    await scene.workshop.close()
  }

  @Test(arguments: AirflowFixtures.versions) func aDeletedRunStaysAndSaysSo(_ version: String) async throws {
    let scene = try await Scene(version)
    let id = try await scene.execute(Self.finished)
    _ = try await scene.execute("DELETE FROM dag_run WHERE id = \(id)")
    let outcome = try await scene.sweep()
    #expect(outcome.removedRuns == 1)
    let record = try await scene.record(id)
    #expect(record["removed"]?["kind"]?.stringValue == "deleted")
    #expect(record["dag_run"]?["state"]?.stringValue == "success")
    #expect(try await scene.sweep().removedRuns == 0)
    await scene.workshop.close()
  }

  /// Airflow 3.3 lets anyone with the right delete a single task instance, and writes nothing about it anywhere.
  @Test(arguments: AirflowFixtures.versions) func aDeletedTaskInstanceStaysAndSaysSo(_ version: String) async throws {
    let scene = try await Scene(version)
    let id = try await scene.execute(Self.finished)
    let task = try await scene.execute(
      """
      DELETE FROM task_instance t USING dag_run r WHERE r.id = \(id) AND t.dag_id = r.dag_id AND t.run_id = r.run_id
        AND t.task_id = (SELECT task_id FROM task_instance WHERE dag_id = r.dag_id AND run_id = r.run_id
          AND state = 'success' AND try_number > 0 ORDER BY task_id LIMIT 1) RETURNING t.task_id
      """)
    let name = try #require(task.split(separator: "\n").first.map(String.init))
    #expect(try await scene.sweep().changedRuns == 1)
    let attempts = try #require(try await scene.record(id)["attempts"]?.arrayValue)
    for attempt in attempts {
      #expect((attempt["removed"] != .null) == (attempt["task_id"]?.stringValue == name))
    }
    #expect(attempts.contains { $0["removed"]?["kind"]?.stringValue == "deleted" })
    #expect(try await scene.sweep().changedRuns == 0)
    await scene.workshop.close()
  }

  /// It has no state and no try any more, and the run stays finished for ever.
  @Test(arguments: AirflowFixtures.versions) func aTaskClearedWithoutResettingItsRunIsNotGone(_ version: String)
    async throws
  {
    let scene = try await Scene(version)
    let id = try await scene.execute(Self.finished)
    _ = try await scene.execute(
      """
      UPDATE task_instance t SET state = NULL, max_tries = max_tries + 1 FROM dag_run r
      WHERE r.id = \(id) AND t.dag_id = r.dag_id AND t.run_id = r.run_id
      """)
    _ = try await scene.sweep()
    let attempts = try #require(try await scene.record(id)["attempts"]?.arrayValue)
    #expect(!attempts.isEmpty && attempts.allSatisfy { $0["removed"] == .null })
    await scene.workshop.close()
  }

  /// `airflow db clean` keeps what it removes in a table of its own.
  @Test(arguments: AirflowFixtures.versions) func whatACleanRemovedIsExpired(_ version: String) async throws {
    let scene = try await Scene(version)
    let oldest = "SELECT id FROM dag_run ORDER BY start_date LIMIT 5"
    let ids = try await scene.execute(oldest).split(separator: "\n").map(String.init)
    _ = try await scene.execute(
      """
      CREATE TABLE _airflow_deleted__dag_run__20261101000000 AS SELECT * FROM dag_run WHERE id IN (\(oldest));
      DELETE FROM dag_run WHERE id IN (SELECT id FROM _airflow_deleted__dag_run__20261101000000);
      """)
    #expect(try await scene.sweep().removedRuns == 5)
    for id in ids { #expect(try await scene.record(id)["removed"]?["kind"]?.stringValue == "expired") }
    await scene.workshop.close()
  }

  /// It may only not have arrived yet.
  @Test func onAReplicaNothingIsTakenForDeleted() async throws {
    let scene = try await Scene("2.11.2", settings: ["look_back: 3650d", "role: replica"])
    _ = try await scene.execute("DELETE FROM dag_run WHERE id = (\(Self.finished))")
    let outcome = try await scene.sweep()
    #expect(outcome.removedRuns == 0 && outcome.changedRuns == 0)
    await scene.workshop.close()
  }

  /// An id that was taken before first contact and is committed after history was loaded.
  @Test(arguments: AirflowFixtures.versions) func aRunThatIsCommittedLateIsFound(_ version: String) async throws {
    let lab = try await Lab(
      database: try await AirflowFixtures.dump(version), truth: nil,
      .init(airflow: ["look_back: 3650d"], accounts: [], hasLineage: false, hasFile: false))
    let id = try await lab.server.execute(Self.finished, database: lab.database)
    // What was committed late was not there before.
    let hidden = try await lab.server.execute(
      """
      UPDATE dag_run SET dag_id = dag_id WHERE id = \(id); CREATE TABLE late_run AS SELECT * FROM dag_run WHERE id = \(id);
      SET session_replication_role = replica; DELETE FROM dag_run WHERE id = \(id); SELECT count(*) FROM late_run
      """, database: lab.database)
    #expect(hidden.hasSuffix("1"))
    let workshop = try Workshop(try lab.configuration())
    try await workshop.open(mode: "test")
    let capture = try #require(workshop.captures.first)
    _ = try await capture.poll()
    while try await capture.hasHistory() { _ = try await capture.loadHistory() }
    let before = try #require(try await workshop.ledger.status().airflow.first).runs
    _ = try await lab.server.execute("INSERT INTO dag_run SELECT * FROM late_run", database: lab.database)
    _ = try await capture.poll()
    #expect(try await workshop.ledger.status().airflow.first?.runs == before)
    while try await !capture.sweep().isFinished {}
    #expect(try await workshop.ledger.status().airflow.first?.runs == before + 1)
    await workshop.close()
  }

  @Test func aSweepInSlicesFindsWhatOneSliceFinds() async throws {
    let scene = try await Scene("2.11.2")
    _ = try await scene.execute("UPDATE dag_run SET end_date = end_date + interval '1 s' WHERE state = 'success'")
    let changed = Int(try await scene.execute("SELECT count(*) FROM dag_run WHERE state = 'success'"))
    await scene.capture.limit(.slice, to: 3)
    let outcome = try await scene.sweep()
    #expect(outcome.changedRuns == changed)
    #expect(try await scene.sweep().runsRead == 0)
    await scene.workshop.close()
  }
}
