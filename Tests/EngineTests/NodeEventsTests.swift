import ExecutionModel
import FoundationEssentials
import Glibc
import JSONText
import TestServers
import Testing

/// What an OpenLineage backend is sent about dbt's models and tests: from Airflow's database and dbt Cloud, or from a
/// folder of artifacts, to the backend.
@Suite struct NodeEventsTests {
  private static let version = "3.3.2"

  private func lab() async throws -> Lab {
    try await Lab(database: try await AirflowFixtures.dump(Self.version), truth: Self.version)
  }

  @Test func nodesComeBelowTheirDbtRunsBetweenTheirStartAndEnd() async throws {
    let lab = try await lab()
    try await lab.sync()
    let events = try Events(lab.backend.bodies)
    #expect(events.all.count == lab.backend.bodies.count, "nothing is sent twice")
    try events.expectTree()
    let jobs = Set(events.all.map(\.job))
    #expect(jobs.contains("analytics.prod_marts.jaffle_ops.fct_orders"), "a model of `dbt run`")
    #expect(jobs.contains { $0.hasSuffix(".build.test") } && jobs.contains { $0.hasSuffix(".build.run") })
    #expect(events.nodes.contains { $0.value.at("job.facets.sql") != nil }, "SQL is sent by default")
    // The root is the DAG run, whatever lies between.
    let dags = Set(events.all.filter { $0.type == "DAG" }.map(\.run))
    #expect(events.nodes.contains { dags.contains($0.root ?? "") })
    try AirflowFixtures.record(lab.backend.bodies, as: "nodes-of-airflow-events.ndjson")
  }

  /// Killed when so many events of nodes have arrived.
  @Test(arguments: [1, 60, 300])
  func aKillAmongTheNodesLosesNothing(_ count: Int) async throws {
    let calm = try await lab()
    try await calm.sync()
    let lab = try await lab()
    let sync = try lab.start(["sync"])
    try await eventually("\(count) events of nodes") {
      try Events(lab.backend.bodies).nodes.count >= count || !sync.isRunning
    }
    sync.signal(SIGKILL)
    _ = try await sync.finish(within: 20)
    try await lab.sync()
    expectEqual(lab.backend.distinct, calm.backend.distinct, "killed after \(count) events of nodes")
    try Events(lab.backend.bodies).expectTree()
  }

  @Test func aBackendThatIsAddedLaterIsToldTheSame() async throws {
    let lab = try await lab()
    try await lab.sync()
    let later = try EventBackend()
    let before = try String(contentsOfFile: lab.config, encoding: .utf8)
    try lab.folder.write(
      before + "  - {name: later, type: openlineage, url: \"\(later.url)\", emit: [dbt_runs, dbt_nodes]}\n",
      to: "syncer.yaml")
    let sent = lab.backend.bodies.count
    try await lab.sync()
    #expect(lab.backend.bodies.count == sent, "the first one is told nothing again")
    let dbt = try Events(lab.backend.bodies).all.filter { $0.integration == "DBT" }
    expectEqual(later.distinct, Set(dbt.map(\.text)))
    let events = try Events(later.bodies)
    #expect(events.all.count == later.bodies.count)
    try events.expectTree(hasAirflow: false)
  }

  @Test func aRunOfDbtCoreHasNodesToo() async throws {
    let backend = try EventBackend()
    let lab = try DbtLab(
      ["runs: linked"],
      more: [
        "dbt_artifacts:",
        "  - {name: nightly, path: target, dataset_namespace: \"postgres://db.example:5432\"}",
        "  - {name: hourly, path: other}",
      ])
    let before = try String(contentsOfFile: lab.config, encoding: .utf8)
    let sink = "sinks:\n  - {name: lineage, type: openlineage, url: \"\(backend.url)\", emit: [dbt_runs, dbt_nodes]}\n"
    try lab.folder.write(before.replacing("sinks:\n", with: sink), to: "syncer.yaml")
    let build = Fixtures.path("dbt/1.12-postgres/07_build")
    func ingest(_ name: String) async throws {
      let output = try await lab.run(["ingest", "--dbt-artifacts", build, "--name", name])
      #expect(output.status == 0, "\(output.errorText)")
    }
    try await ingest("nightly")
    try await ingest("nightly")
    let events = try Events(backend.bodies)
    #expect(events.all.count == backend.bodies.count, "what is ingested twice is told once")
    try events.expectTree(hasAirflow: false)
    let runs = events.all.filter { $0.type == "JOB" }
    #expect(
      runs.map(\.job) == ["dbt-core-nightly", "dbt-core-nightly"] && runs.map(\.transition) == ["START", "FAIL"])
    let jobs = Set(events.nodes.map(\.job))
    #expect(jobs.contains("analytics.prod_marts.jaffle_ops.fct_orders.build.run"))
    #expect(jobs.contains("unit_test.jaffle_ops.doubled.test_doubled_wrong"))
    #expect(events.nodes.allSatisfy { $0.value.at("run.facets.dbt_run.dbt_runtime") == .string("core") })
    let model = try #require(events.nodes.first { $0.job.hasSuffix("stg_payments.build.run") })
    let input = try #require(model.value["inputs"]?.arrayValue?.first)
    #expect(
      input["namespace"] == .string("postgres://db.example:5432")
        && input["name"] == .string("analytics.raw.stripe_payments"))
    #expect(model.value.at("job.facets.sql.query")?.stringValue?.contains("select") == true, "SQL is sent by default")
    try AirflowFixtures.record(backend.bodies, as: "nodes-of-core-events.ndjson")

    // Nothing in the artifacts says where the warehouse is.
    let sent = backend.bodies.count
    try await ingest("hourly")
    let hourly = try Events(Array(backend.bodies[sent...])).nodes.compactMap { $0.value["inputs"]?.arrayValue?.first }
    #expect(!hourly.isEmpty && hourly.allSatisfy { $0["namespace"] == .string("postgres") })
  }
}

/// What a backend was sent, each event where it came first.
private struct Events {
  struct Event {
    var text: String
    var value: JSONValue
    var run: String
    var transition: String
    var job: String
    var type: String
    var integration: String
    var parent: String?
    var root: String?
  }

  private(set) var all: [Event] = []

  init(_ bodies: [[UInt8]]) throws {
    var seen: Set<[UInt8]> = []
    for body in bodies where seen.insert(body).inserted {
      let value = try JSONValue(parsing: body)
      func text(_ path: String) -> String? { value.at(path)?.stringValue }
      all.append(
        Event(
          text: String(decoding: body, as: UTF8.self), value: value, run: text("run.runId") ?? "",
          transition: text("eventType") ?? "", job: text("job.name") ?? "",
          type: text("job.facets.jobType.jobType") ?? "", integration: text("job.facets.jobType.integration") ?? "",
          parent: text("run.facets.parent.run.runId"), root: text("run.facets.parent.root.run.runId")))
    }
  }

  var nodes: [Event] { all.filter { $0.value.at("job.facets.dbt_node") != nil } }

  /// One START and one end per run, the START first; each parent is there and starts before its children; nodes lie
  /// between the START and the end of their dbt run, and have its root.
  ///
  /// - Parameter hasAirflow: whether the backend was also told of DAG runs and attempts.
  func expectTree(hasAirflow: Bool = true) throws {
    try expectWellFormed(all.map { Array($0.text.utf8) })
    var places: [String: (start: Int, end: Int)] = [:]
    for (index, event) in all.enumerated() {
      if event.transition == "START" {
        places[event.run] = (index, index)
      } else {
        places[event.run]?.end = index
      }
    }
    #expect(!nodes.isEmpty)
    let dbtRuns = Dictionary(
      all.filter { $0.type == "JOB" }.map { ($0.run, $0) }, uniquingKeysWith: { first, _ in first })
    for (index, event) in all.enumerated() {
      let isNode = event.value.at("job.facets.dbt_node") != nil
      guard let parent = event.parent, hasAirflow || isNode else {
        #expect(!isNode, "a node without parent: \(event.job)")
        continue
      }
      guard let place = places[parent] else {
        // A DAG run that was cleared before it was first seen is told as it is since then.
        #expect(event.type == "TASK", "the parent of \(event.job) is not there")
        continue
      }
      #expect(place.start < index, "\(event.job) comes before its parent")
      guard isNode else { continue }
      #expect(index < place.end, "\(event.job) comes after the end of its dbt run")
      let run = try #require(dbtRuns[parent], "the parent of \(event.job) is no dbt run")
      #expect(event.root == run.root ?? run.run)
    }
  }
}

extension JSONValue {
  fileprivate func at(_ path: String) -> JSONValue? {
    path.split(separator: ".").reduce(self as JSONValue?) { $0?[String($1)] }
  }
}
