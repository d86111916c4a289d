import ExecutionModel
import FoundationEssentials
import JSONText
import Records
import Testing

@testable import OpenLineage

@Suite struct LineageEncoderNodesTests {
  /// How our events differ from those of OpenLineage's dbt integration, and why. `docs/EVENTS.md` says the same.
  private enum Difference: CaseIterable {
    /// It parses SQL for them, or they have no published schema.
    case noColumnLineageModelOrExposures
    /// The schema demands text; the integration writes a number.
    case accountIDIsText
    /// The integration writes the present time.
    case testsHaveTimes
    /// A test that was skipped found nothing, so it neither fails nor counts.
    case skippedTestsAreLeftOut
    /// A warning does not fail the run, and stands as a warning.
    case warningsAreWarnings
    /// The table's name is its identifier.
    case sourcesHaveIdentifiers
    /// An ephemeral model is no table; what it reads is.
    case ephemeralModelsAreResolved
    /// The integration forgets seeds.
    case seedsAreInputs
    /// Each test stands with the node it is attached to; singular ones have a run of their own alone.
    case testsAreAttached
    /// A test run of its own has what it read, whatever kind of node that is.
    case testsHaveInputs
    /// What went wrong is said.
    case errorsAreTold
    /// Empty texts say nothing.
    case noEmptyText
    /// A test's failing rows and limits; the limit is the one that decided.
    case limitsAreThoseThatDecided
  }

  private struct Leaf: Hashable {
    var path: String
    var value: String
  }

  /// The values of a document with their paths; lists by what their elements are called.
  private func leaves(_ value: JSONValue, _ path: String = "") -> Set<Leaf> {
    switch value {
    case .object(let members):
      Set(members.flatMap { leaves($0.value, path.isEmpty ? $0.name : "\(path).\($0.name)") })
    case .array(let values):
      Set(
        values.enumerated().flatMap { index, value in
          let name = ["name", "key"].compactMap { value[$0]?.stringValue }.first
          let column = value["column"]?.stringValue.map { "/\($0)" } ?? ""
          return leaves(value, "\(path)[\((name ?? String(index)) + column)]")
        })
    case .string(let text): [Leaf(path: path, value: "\"\(text)\"")]
    case .number(let text): [Leaf(path: path, value: text)]
    case .bool(let value): [Leaf(path: path, value: "\(value)")]
    case .null: []
    }
  }

  private func difference(_ job: String, _ leaf: Leaf, isOurs: Bool) -> Difference? {
    let path = leaf.path
    if ["columnLineage", "dbt_model", "dbt_exposures"].contains(where: path.contains) {
      return isOurs ? nil : .noColumnLineageModelOrExposures
    }
    if path == "run.facets.dbt_run.account_id" { return .accountIDIsText }
    if path == "eventTime", job.hasSuffix("test") || job.hasPrefix("test.") { return .testsHaveTimes }
    if leaf.value == "\"\"" { return isOurs ? nil : .noEmptyText }
    if path.hasPrefix("run.facets.errorMessage.") { return isOurs ? .errorsAreTold : nil }
    if path.contains("raw.payments") || path.contains("raw.stripe_payments") { return .sourcesHaveIdentifiers }
    if path.hasPrefix("inputs[analytics.prod_marts.int_order_payments]") {
      return isOurs ? nil : .ephemeralModelsAreResolved
    }
    if job.contains("fct_orders.build.run"), path.hasPrefix("inputs["), isOurs { return .ephemeralModelsAreResolved }
    return nil
  }

  @Test(
    arguments: [("05_test", String?.none), ("07_build", nil), ("07_build", "catalog")])
  func eventsAreThoseOfTheReference(_ command: String, _ catalog: String?) throws {
    let folder = "openlineage/1.12-postgres"
    let step = try RealSteps.step("\(folder)/\(command)", catalog: catalog.map { "\(folder)/\($0).json" })
    let name = "\(folder)-\(command)\(catalog.map { "+\($0)" } ?? "").ndjson"
    let goldens = try fixture(name).split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    let ours = try RealSteps.events(step, encoder: Target.encoder).map { try bare(parsed($0)) }
    func key(_ event: JSONValue) -> String {
      "\(event.at("job.name")?.stringValue ?? "") \(event["eventType"]?.stringValue == "START" ? "START" : "end")"
    }
    let theirs = Dictionary(goldens.map { (key($0), $0) }) { first, _ in first }
    let mine = Dictionary(ours.map { (key($0), $0) }) { first, _ in first }
    #expect(mine.count == ours.count, "no job has two runs in one step")
    for key in Set(theirs.keys).union(mine.keys).sorted() {
      let job = String(key.prefix { $0 != " " })
      let (left, right) = (theirs[key].map { leaves($0) } ?? [], mine[key].map { leaves($0) } ?? [])
      if theirs[key] == nil || mine[key] == nil {
        print("ONLY \(theirs[key] == nil ? "ours" : "theirs"): \(key)")
        continue
      }
      for leaf in left.subtracting(right).sorted(by: { $0.path < $1.path })
      where difference(job, leaf, isOurs: false) == nil {
        print("THEIRS \(key): \(leaf.path) = \(leaf.value.prefix(90))")
      }
      for leaf in right.subtracting(left).sorted(by: { $0.path < $1.path })
      where difference(job, leaf, isOurs: true) == nil {
        print("OURS   \(key): \(leaf.path) = \(leaf.value.prefix(90))")
      }
    }
  }

  /// Without what the goldens were trimmed of.
  private func bare(_ value: JSONValue, _ path: String = "") -> JSONValue {
    switch value {
    case .object(let members):
      .object(
        members.filter {
          ![
            "_producer", "_schemaURL", "producer", "schemaURL", "runId", "parent", "openlineageAdapterVersion",
          ].contains($0.name) && !(path == "job" && $0.name == "namespace")
        }.map { .init($0.name, bare($0.value, path.isEmpty ? $0.name : "\(path).\($0.name)")) })
    case .array(let values): .array(values.map { bare($0, path) })
    default: value
    }
  }
}
