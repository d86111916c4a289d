import ExecutionModel
import FoundationEssentials
import JSONText
import Records
import Testing

@testable import OpenLineage

@Suite struct LineageEncoderNodesTests {
  private static let folder = "openlineage/1.12-postgres"

  /// What OpenLineage's dbt integration does not tell: seeds, their tests, and unit tests. Each START and end by the job's
  /// name, with how it ended.
  private static let ownEvents = [
    "05_test": [
      "analytics.prod_seeds.seed.jaffle_ops.country_codes.test": "COMPLETE",
      "unit_test.jaffle_ops.stg_customers.test_customer_rename": "COMPLETE",
      "unit_test.jaffle_ops.doubled.test_doubled_wrong": "FAIL",
    ],
    "07_build": [
      "analytics.prod_seeds.jaffle_ops.country_codes.build.seed": "COMPLETE",
      "analytics.prod_seeds.jaffle_ops.payment_methods.build.seed": "COMPLETE",
      "analytics.prod_seeds.seed.jaffle_ops.country_codes.build.test": "COMPLETE",
      "unit_test.jaffle_ops.stg_customers.test_customer_rename": "COMPLETE",
      "unit_test.jaffle_ops.doubled.test_doubled_wrong": "FAIL",
    ],
  ]

  @Test func eventsAreThoseOfTheReferenceButForWhatIsListed() throws {
    var found: Set<ReferenceDifference> = []
    for (command, catalog) in [("05_test", nil), ("07_build", nil), ("07_build", "+catalog")] {
      let artifacts = "\(Self.folder)/\(command)"
      let step = try RealSteps.step(artifacts, catalog: catalog.map { _ in "\(Self.folder)/catalog.json" })
      let ours = try RealSteps.events(step, encoder: Target.encoder).map { bare(try parsed($0)) }
      var mine: [EventKey: Set<Leaf>] = [:]
      for event in ours {
        let key = ReferenceEvents.key(event)
        #expect(mine.updateValue(Leaf.all(of: event), forKey: key) == nil, "told twice: \(key)")
      }

      let goldens = try fixture("\(Self.folder)-\(command)\(catalog ?? "").ndjson").split(separator: "\n")
      let reference = ReferenceEvents(
        try goldens.map { try JSONValue(parsing: String($0)) },
        manifest: try JSONValue(parsing: try fixture("\(artifacts)/manifest.json")),
        runResults: try JSONValue(parsing: try fixture("\(artifacts)/run_results.json")))
      found.formUnion(reference.found)

      var own: [String: String] = [:]
      for key in mine.keys where reference.events[key] == nil && !key.isStart {
        #expect(mine[EventKey(job: key.job, isStart: true)] != nil)
        own[key.job] = mine[key]?.first { $0.path == "eventType" }?.value.filter { $0 != "\"" }
      }
      #expect(own == Self.ownEvents[command], "\(command): what the reference does not tell")
      if own.keys.contains(where: { $0.hasSuffix(".seed") }) { found.insert(.seedsAreTold) }
      if own.keys.contains(where: { $0.hasPrefix("unit_test.") }) { found.insert(.unitTestsAreTold) }

      for (key, expected) in reference.events {
        let comment = Comment(rawValue: "\(command)\(catalog ?? ""), \(key)")
        let actual = try #require(mine[key], comment)
        // The test of the model whose other end is a seed, which the reference files under the seed and forgets.
        let forgotten = actual.filter { $0.path.contains("assertions[relationships_stg_customers_country_code__") }
        #expect(forgotten.isEmpty == !key.job.contains("stg_customers") || !key.job.hasSuffix(".test"), comment)
        let (missing, extra) = (expected.subtracting(actual), actual.subtracting(expected).subtracting(forgotten))
        #expect(missing.isEmpty && extra.isEmpty, "\(comment): missing \(missing), not expected \(extra)")
      }
    }
    #expect(found == Set(ReferenceDifference.allCases), "every listed difference is there")
  }

  private static let fixtures = [
    "1.3-postgres/05_test", "1.3-postgres/07_build", "1.7-postgres/03_run", "1.7-postgres/05_test",
    "1.7-postgres/07_build", "1.7-postgres/14_build_failfast", "1.7-postgres/19_retry", "1.7-postgres/20_no_match",
    "1.12-duckdb/03_run", "1.12-postgres/03_run", "1.12-postgres/05_test", "1.12-postgres/07_build",
    "1.12-postgres/14_build_failfast", "1.12-postgres/19_retry", "1.12-postgres/20_no_match",
  ]

  /// With `RECORDED_OUTPUT` set to a folder, the events are left there for other validators.
  @Test(arguments: zip(Int64(1)...15, fixtures))
  func whateverDbtWroteGivesWholeRunsBelowTheDbtRun(_ id: Int64, _ folder: String) throws {
    let step = try RealSteps.step("dbt/\(folder)")
    var run = RealSteps.run(step, id: id)
    (run.startedAt, run.finishedAt) = (step.startedAt, step.finishedAt)
    let encoder = Target.encoder
    let ends = try [ExecutionEvent.Transition.start, .fail].map {
      try encoder.encode(Target.event(.dbtRun(run.key), $0, run.startedAt), dbtRun: run, parent: nil)
    }
    let events = try RealSteps.events(step, id: id, encoder: encoder)
    let parent = try parsed(ends[0]).at("run.runId")
    var types: [String: [String]] = [:]
    for event in try events.map({ try parsed($0) }) {
      types[try #require(event.at("run.runId")?.stringValue), default: []].append(event["eventType"]?.stringValue ?? "")
      #expect(
        event.at("run.facets.parent.run.runId") == parent && event.at("run.facets.parent.root.run.runId") == parent)
      for dataset in (event["inputs"]?.arrayValue ?? []) + (event["outputs"]?.arrayValue ?? []) {
        let name = try #require(dataset["name"]?.stringValue)
        #expect(!name.contains("int_order_payments") && !name.hasSuffix(".payments"), "\(name) is no table")
      }
    }
    for (id, types) in types {
      #expect(types.count == 2 && types[0] == "START" && ["COMPLETE", "FAIL", "ABORT"].contains(types[1]), "\(id)")
    }
    #expect(events.isEmpty == folder.hasSuffix("no_match"))

    guard let output = ProcessInfo.processInfo.environment["RECORDED_OUTPUT"] else { return }
    let name = folder.map { $0 == "/" ? "-" : String($0) }.joined()
    let lines: [UInt8] = ([ends[0]] + events + [ends[1]]).flatMap { $0 + [UInt8(0x0A)] }
    try Data(lines).write(to: URL(fileURLWithPath: output).appendingPathComponent("\(name)-events.ndjson"))
  }

  /// dbt 1.12's run of everything: `dim_customers` reads a seed, an ephemeral chain and views.
  @Test func whatIsReadIsFoundThroughEphemeralModelsAndInSeeds() throws {
    func inputs(_ model: String, _ folder: String) throws -> Set<String>? {
      let events = try RealSteps.events(try RealSteps.step("dbt/\(folder)"), encoder: Target.encoder)
      let event = try events.map { try parsed($0) }.first {
        $0.at("job.facets.dbt_node.unique_id")?.stringValue == model && $0["eventType"]?.stringValue != "START"
          && $0.at("job.facets.jobType.jobType")?.stringValue == "MODEL"
      }
      return event.map { Set($0["inputs"]?.arrayValue?.compactMap { $0["name"]?.stringValue } ?? []) }
    }
    for folder in ["1.7-postgres/03_run", "1.12-postgres/03_run"] {
      let customers = try #require(try inputs("model.jaffle_ops.dim_customers", folder))
      #expect(customers.contains("analytics.prod_seeds.country_codes"), "a seed is read: \(customers)")
      #expect(customers.contains("analytics.prod_staging.stg_customers"))
      #expect(
        try inputs("model.jaffle_ops.fct_orders", folder)
          == ["analytics.prod_staging.stg_orders", "analytics.prod_staging.stg_payments"])
      #expect(try inputs("model.jaffle_ops.stg_payments", folder) == ["analytics.raw.stripe_payments"])
    }
  }

  @Test func aRunWithSomeFailedBatchesFailsAndStillHasItsOutput() throws {
    let step = try RealSteps.step("dbt/1.12-duckdb/03_run")
    let partial = try #require(step.results.first { $0.status == "partial success" })
    let events = try RealSteps.events(step, encoder: Target.encoder).map { try parsed($0) }.filter {
      $0.at("job.facets.dbt_node.unique_id")?.stringValue == partial.uniqueID
    }
    #expect(events.map { $0["eventType"]?.stringValue } == ["START", "FAIL"])
    #expect(events.allSatisfy { $0["outputs"]?.arrayValue?.count == 1 })
  }

  @Test func aFullRefreshIsTold() throws {
    var step = try RealSteps.step("dbt/1.7-postgres/03_run")
    for told in [nil, true, false] {
      step.isFullRefresh = told
      let event = try parsed(try #require(try RealSteps.events(step, encoder: Target.encoder).first))
      #expect(event.at("run.facets.dbt_run.full_refresh")?.boolValue == told)
    }
  }

  /// Without what the goldens were trimmed of.
  private func bare(_ value: JSONValue, _ path: String = "") -> JSONValue {
    let trimmed = ["_producer", "_schemaURL", "producer", "schemaURL", "runId", "parent", "openlineageAdapterVersion"]
    return switch value {
    case .object(let members):
      .object(
        members.filter { !trimmed.contains($0.name) && !(path == "job" && $0.name == "namespace") }
          .map { .init($0.name, bare($0.value, path.isEmpty ? $0.name : "\(path).\($0.name)")) })
    case .array(let values): .array(values.map { bare($0, path) })
    default: value
    }
  }
}
