import Glibc
import JSONText
import TestServers
import Testing

@testable import Engine

/// One daemon that reads several Airflows.
@Suite struct SeveralInstancesTests {
  /// What may be wrong with one of them.
  enum Trouble: CaseIterable, CustomTestStringConvertible, Sendable {
    case isDown, stalls, refusesThePassword, lacksAGrant, isNoAirflow
    var testDescription: String { "\(self)" }
    /// A part of what `status` says about it.
    var words: String {
      switch self {
      case .isDown: "no connection to Postgres"
      case .stalls: "no answer in time"
      case .refusesThePassword: "refused the role or its password"
      case .lacksAGrant: "GRANT SELECT ON public.xcom TO"
      case .isNoAirflow: "is not an Airflow database"
      }
    }
  }

  private static let history = GeneratedHistory(runs: 12, tasks: 4, dags: 6, openRuns: 2)

  @Test(arguments: Trouble.allCases)
  func aSickInstanceIsNamedAndHealsWhileTheOthersGoOn(_ trouble: Trouble) async throws {
    let shared = try await PostgresServer.shared
    let old = try await shared.createAirflow("2.6.3", history: Self.history)
    let new = try await shared.createAirflow("3.3.2", history: Self.history)
    let server = try await PostgresServer.start()
    defer { server.resume() }
    let sick = try await server.createAirflow("2.11.2", history: Self.history)
    try await server.createRole("reader", password: "right")
    try await server.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", database: sick)
    // Stopping the server forgets what is not on disk.
    try await server.execute("CHECKPOINT")

    let secrets = try TemporaryFolder()
    try secrets.write("right\n", to: "password")
    chmod(secrets.file("password"), 0o600)
    let begin: () async throws -> Void = {
      switch trouble {
      case .isDown: try await server.stop()
      case .stalls: server.pause()
      case .refusesThePassword: try secrets.write("wrong\n", to: "password")
      case .lacksAGrant: try await server.execute("REVOKE SELECT ON xcom FROM reader", database: sick)
      case .isNoAirflow: try await server.execute("ALTER TABLE dag_run RENAME TO runs", database: sick)
      }
    }
    let heal: () async throws -> Void = {
      switch trouble {
      case .isDown: try await server.startAgain()
      case .stalls: server.resume()
      case .refusesThePassword: try secrets.write("right\n", to: "password")
      case .lacksAGrant: try await server.execute("GRANT SELECT ON xcom TO reader", database: sick)
      case .isNoAirflow: try await server.execute("ALTER TABLE runs RENAME TO dag_run", database: sick)
      }
    }
    let site = try Site([
      .init(name: "old", dsn: shared.conninfo(database: old)),
      .init(
        name: "sick", dsn: server.conninfo(database: sick, user: "reader"),
        keys: ["password_file: \(secrets.file("password"))"]),
      .init(name: "new", dsn: shared.conninfo(database: new)),
    ])
    try await begin()
    let daemon = try site.startDaemon()
    try await eventually(within: 60, "a word about what is wrong") {
      try await site.status(of: "sick")?["error"]?.stringValue?.contains(trouble.words) == true
    }
    // The others go on: what changes there is read, poll after poll.
    for (name, database) in [("old", old), ("new", new)] {
      try await shared.waitForPolls(5, of: name, in: database)
      try await shared.execute("UPDATE dag_run SET state = 'failed' WHERE id = 12", database: database)
      try await eventually("the change in \(name)") {
        try await site.records(of: name).contains {
          $0["dag_run"]?["state"]?.stringValue == "failed" && $0["dag_run"]?["id"]?.integerValue == 12
        }
      }
      #expect(try await site.status(of: name)?["error"]?.stringValue == nil)
    }
    #expect(try await site.state() == "degraded")
    #expect(try await site.status()["reason"]?.stringValue?.contains("`sick`") == true)
    #expect(try await site.records(of: "sick").isEmpty)

    try await heal()
    try await eventually(within: 90, "that all is well") {
      guard daemon.isRunning else { throw TestServerError(daemon.output.errorText) }
      return try await site.state() == "healthy"
    }
    try await eventually("the history of the one that was sick") { try await site.records(of: "sick").count == 12 }
    daemon.signal(SIGTERM)
    let output = try await daemon.finish(within: 20)
    #expect(output.status == 0)
    let lines = output.errorText.split(separator: "\n")
    #expect(lines.count { $0.contains("event=airflow_lost ") && $0.contains("sick") } == 1, "\(output.errorText)")
    #expect(lines.count { $0.contains("event=airflow_back ") && $0.contains("sick") } == 1, "\(output.errorText)")
    #expect(!lines.contains { $0.contains("airflow_lost") && !$0.contains("sick") }, "\(output.errorText)")
    for name in ["old", "new"] { #expect(try await site.records(of: name).count == 12) }
  }

  @Test func patternsSayWhichDAGsAreRead() async throws {
    let shared = try await PostgresServer.shared
    let first = try await shared.createAirflow("2.6.3", history: Self.history)
    let second = try await shared.createAirflow("3.3.2", history: Self.history)
    let site = try Site([
      .init(name: "first", dsn: shared.conninfo(database: first), keys: ["dags: { exclude: [\"dag_0003\"] }"]),
      .init(
        name: "second", dsn: shared.conninfo(database: second),
        keys: ["dags: { include: [\"dag_000?\", \"other\"], exclude: [\"*1\", \"*2\"] }"]),
    ])
    let output = try await site.run(["sync"])
    #expect(output.status == 0, "\(output.errorText)")
    func dags(_ records: [JSONValue]) -> Set<String> {
      Set(records.compactMap { $0["dag_run"]?["dag_id"]?.stringValue })
    }
    #expect(dags(try await site.records(of: "first")) == ["dag_0000", "dag_0001", "dag_0002", "dag_0004", "dag_0005"])
    #expect(dags(try await site.records(of: "second")) == ["dag_0000", "dag_0003", "dag_0004", "dag_0005"])
  }

  // MARK: Run ids

  /// One DAG run with one task instance, and the ids that Airflow's provider gives them.
  private struct Vector {
    var instance: String
    var version: String
    var provider: String
    var namespace: String
    var dagID: String
    var runID: String
    var taskID: String
    var tryNumber: Int64
    var clearNumber: Int64
    var logicalDate: String
    var dagRun: String
    var attempt: String
  }

  private static func vectors() throws -> [Vector] {
    let legacy = try #require(
      try JSONValue(parsing: try Fixtures.read("openlineage/legacy_runid_vectors.json"))["vectors"]?.arrayValue)
    let current = try #require(
      try JSONValue(parsing: try Fixtures.read("openlineage/runid_vectors.json"))["vectors"]?.arrayValue)
    func text(_ value: JSONValue?, _ name: String) throws -> String { try #require(value?[name]?.stringValue) }
    func vector(
      _ instance: String, _ version: String, _ provider: String, _ value: JSONValue?, _ suffix: String?
    ) throws -> Vector {
      Vector(
        instance: instance, version: version, provider: provider, namespace: try text(value, "namespace"),
        dagID: try text(value, "dag_id"), runID: suffix == nil ? "manual__1" : try text(value, "run_id"),
        taskID: try text(value, "task_id"), tryNumber: try #require(value?["try_number"]?.integerValue),
        clearNumber: value?["clear_number"]?.integerValue ?? 0, logicalDate: try text(value, "logical_date"),
        dagRun: try text(value, suffix.map { "dag_run_\($0)" } ?? "dag_run_id"),
        attempt: try text(value, suffix.map { "attempt_\($0)" } ?? "task_instance_run_id"))
    }
    func isTried(_ value: JSONValue) -> Bool { value["try_number"]?.integerValue == 2 }
    return [
      try vector(
        "oldest", "2.6.3", "<=1.8", legacy.first { isTried($0) && $0["namespace"]?.stringValue == "default" }, "1_8"),
      try vector(
        "older", "2.9.3", "1.9-1.14", legacy.first { isTried($0) && $0["namespace"]?.stringValue == "prod-airflow" },
        "1_14"),
      try vector(
        "current", "3.3.2", ">=2.0",
        current.first {
          isTried($0) && $0["map_index"]?.integerValue == -1 && $0["namespace"]?.stringValue == "пространство"
            && $0["clear_number"]?.integerValue == 3
        }, nil),
    ]
  }

  @Test func eachInstanceHasItsNamespaceAndTheRunIdsOfItsProvider() async throws {
    let shared = try await PostgresServer.shared
    let vectors = try Self.vectors()
    var instances: [Site.Instance] = []
    for vector in vectors {
      let database = try await shared.createAirflow(vector.version, history: GeneratedHistory(runs: 1, tasks: 1))
      let isAirflow3 = vector.version.hasPrefix("3")
      try await shared.execute(
        """
        SET session_replication_role = replica;
        DELETE FROM xcom; DELETE FROM rendered_task_instance_fields; DELETE FROM task_reschedule;
        UPDATE dag_run SET dag_id = '\(vector.dagID)', run_id = '\(vector.runID)',
          \(isAirflow3 ? "logical_date" : "execution_date") = '\(vector.logicalDate)'
          \(vector.version == "2.6.3" ? "" : ", clear_number = \(vector.clearNumber)");
        UPDATE task_instance SET dag_id = '\(vector.dagID)', run_id = '\(vector.runID)', task_id = '\(vector.taskID)',
          operator = 'BashOperator', try_number = \(vector.tryNumber);
        """, database: database)
      instances.append(
        Site.Instance(
          name: vector.instance, dsn: shared.conninfo(database: database),
          keys: ["namespace: \(vector.namespace)", "openlineage_provider: \"\(vector.provider)\""]))
    }
    let site = try Site(instances, hasLineage: true)
    let output = try await site.run(["sync"])
    #expect(output.status == 0, "\(output.errorText)")
    try expectWellFormed(site.backend.bodies)
    var ids: [String: Set<String>] = [:]
    for body in site.backend.bodies {
      let event = try JSONValue(parsing: body)
      let job = "\(event["job"]?["namespace"]?.stringValue ?? "-")|\(event["job"]?["name"]?.stringValue ?? "-")"
      ids[job, default: []].insert(try #require(event["run"]?["runId"]?.stringValue))
    }
    var expected: [String: Set<String>] = [:]
    for vector in vectors {
      expected["\(vector.namespace)|\(vector.dagID)"] = [vector.dagRun]
      expected["\(vector.namespace)|\(vector.dagID).\(vector.taskID)"] = [vector.attempt]
    }
    #expect(ids == expected)
  }
}
