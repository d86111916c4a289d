import ExecutionModel
import JSONText

/// How our events differ from those of OpenLineage's dbt integration. `docs/EVENTS.md` gives the reasons.
enum ReferenceDifference: CaseIterable {
  case noColumnLineageModelOrExposures
  case accountIDIsText
  case startsWithCompiling
  case testsHaveTimes
  case skippedTestsAreLeftOut
  case warningsDoNotFail
  case testsStandWithTheirNode
  case sourcesHaveIdentifiers
  case ephemeralModelsAreReadThrough
  case seedsAreTold
  case unitTestsAreTold
  case errorsAreTold
  case emptyTextIsLeftOut
}

/// One value of an event with its path. Elements of lists are called by their name, so that order does not matter, except
/// that of columns.
struct Leaf: Hashable {
  var path: String
  var value: String

  static func all(of value: JSONValue, _ path: String = "") -> Set<Leaf> {
    switch value {
    case .object(let members):
      return Set(members.flatMap { all(of: $0.value, path.isEmpty ? $0.name : "\(path).\($0.name)") })
    case .array(let values):
      let names = values.enumerated().map { index, value in
        let name = ["name", "key"].compactMap { value[$0]?.stringValue }.first ?? String(index)
        return name + (value["column"]?.stringValue.map { "/\($0)" } ?? "")
      }
      var leaves = Set(zip(names, values).flatMap { all(of: $1, "\(path)[\($0)]") })
      if path.hasSuffix("schema.fields") { leaves.insert(Leaf(path: path, value: names.joined(separator: ","))) }
      // Two of one name would be one here.
      if Set(names).count < names.count { leaves.insert(Leaf(path: path, value: "\(values.count) elements")) }
      return leaves
    case .string(let text): return [Leaf(path: path, value: time(text, path) ?? "\"\(text)\"")]
    case .number(let text): return [Leaf(path: path, value: text)]
    case .bool(let value): return [Leaf(path: path, value: "\(value)")]
    case .null: return []
    }
  }

  private static func time(_ text: String, _ path: String) -> String? {
    path == "eventTime" ? Instant(text)?.isoformat : nil
  }
}

/// What identifies an event within a step.
struct EventKey: Hashable, Comparable, CustomStringConvertible {
  var job: String
  var isStart: Bool

  var description: String { "\(job) \(isStart ? "START" : "end")" }
  static func < (left: EventKey, right: EventKey) -> Bool { left.description < right.description }
}

/// What OpenLineage's dbt integration has written of a step, put right difference by difference, so that it can be
/// compared for equality. The artifacts are read as plain JSON here.
struct ReferenceEvents {
  private(set) var events: [EventKey: Set<Leaf>]
  private(set) var found: Set<ReferenceDifference> = []
  private var nodes: [String: JSONValue] = [:]
  private var results: [JSONValue]
  private let infix: String

  init(_ goldens: [JSONValue], manifest: JSONValue, runResults: JSONValue) {
    events = Dictionary(uniqueKeysWithValues: goldens.map { (Self.key($0), Leaf.all(of: $0)) })
    for section in ["nodes", "unit_tests", "sources"] {
      for member in manifest[section]?.objectValue ?? [] { nodes[member.name] = member.value }
    }
    results = runResults["results"]?.arrayValue ?? []
    infix = runResults.at("args.which")?.stringValue == "build" ? ".build" : ""
    dropFacets()
    remove(.emptyTextIsLeftOut) { $0.value == "\"\"" && $0.path.hasSuffix(".description") }
    turnNumbersIntoText()
    nameSourcesByIdentifier()
    readThroughEphemeralModels()
    regroupTests()
    setTimes()
    tellErrors()
  }

  static func key(_ event: JSONValue) -> EventKey {
    EventKey(job: event.at("job.name")?.stringValue ?? "", isStart: event["eventType"]?.stringValue == "START")
  }

  // MARK: Single differences

  private mutating func dropFacets() {
    remove(.noColumnLineageModelOrExposures) { leaf in
      [".facets.columnLineage", ".facets.dbt_model", ".facets.dbt_exposures"].contains(where: leaf.path.contains)
    }
  }

  private mutating func turnNumbersIntoText() {
    change(.accountIDIsText) { leaf in
      if leaf.path == "run.facets.dbt_run.account_id", !leaf.value.hasPrefix("\"") { leaf.value = "\"\(leaf.value)\"" }
    }
  }

  private mutating func nameSourcesByIdentifier() {
    change(.sourcesHaveIdentifiers) { leaf in
      let (name, identifier) = ("analytics.raw.payments", "analytics.raw.stripe_payments")
      if leaf.path == "inputs[\(name)].name" { leaf.value = "\"\(identifier)\"" }
      if leaf.path.hasPrefix("inputs[\(name)].") {
        leaf.path = "inputs[\(identifier)]" + leaf.path.dropFirst("inputs[\(name)]".count)
      }
    }
  }

  /// `int_order_payments` is no table; `fct_orders` reads what it is made of.
  private mutating func readThroughEphemeralModels() {
    let ephemeral = "inputs[analytics.prod_marts.int_order_payments]."
    for (key, leaves) in events where leaves.contains(where: { $0.path.hasPrefix(ephemeral) }) {
      found.insert(.ephemeralModelsAreReadThrough)
      let read = ["stg_orders", "stg_payments"].flatMap { dataset("analytics.prod_staging.\($0)") }
      events[key] = leaves.filter { !$0.path.hasPrefix(ephemeral) }.union(read)
    }
  }

  /// A dataset as the integration writes it elsewhere, as an input.
  private func dataset(_ name: String) -> Set<Leaf> {
    let prefix = "outputs[\(name)]."
    let output = events.values.first { $0.contains { $0.path.hasPrefix(prefix) } } ?? []
    return Set(
      output.filter { $0.path.hasPrefix(prefix) && !$0.path.hasPrefix("\(prefix)outputFacets") }.map {
        Leaf(path: "inputs" + $0.path.dropFirst("outputs".count), value: $0.value)
      })
  }

  private mutating func tellErrors() {
    for result in results where ["error", "fail"].contains(result["status"]?.stringValue) {
      guard let id = result["unique_id"]?.stringValue, let message = result["message"] else { continue }
      // A test of a node is one among others.
      if nodes[id]?["test_metadata"]?.objectValue != nil { continue }
      found.insert(.errorsAreTold)
      let facet = JSONValue.object([.init("message", message), .init("programmingLanguage", .string("SQL"))])
      let job = id.hasPrefix("test.") ? id : job(of: id, ".run")
      events[EventKey(job: job, isStart: false)]?.formUnion(Leaf.all(of: facet, "run.facets.errorMessage"))
    }
  }

  // MARK: Tests

  private struct Assertion {
    var test: String
    var leaves: Set<Leaf>
  }

  /// Puts each assertion to the node that its test is attached to, and leaves out those of tests that did not run.
  private mutating func regroupTests() {
    let jobs = events.keys.filter { $0.job.hasSuffix(".test") }
    var assertions: [EventKey: [Assertion]] = [:]
    for key in jobs {
      for assertion in split(key) {
        guard status(assertion.test) != "skipped" else {
          found.insert(.skippedTestsAreLeftOut)
          continue
        }
        let test = nodes[assertion.test]
        // A singular test has a run of its own; what a test of a source is attached to stands in no artifact.
        let isGeneric = test?["test_metadata"]?.objectValue != nil
        guard isGeneric, let attached = test?["attached_node"]?.stringValue else {
          if isGeneric {
            assertions[key, default: []].append(assertion)
          } else {
            found.insert(.testsStandWithTheirNode)
          }
          continue
        }
        let place = EventKey(job: job(of: attached, ".test"), isStart: key.isStart)
        if place != key { found.insert(.testsStandWithTheirNode) }
        assertions[place, default: []].append(assertion)
      }
    }
    for key in jobs {
      guard let all = assertions[key], !all.isEmpty else {
        events[key] = nil
        continue
      }
      let dataset = datasetName(of: key) ?? ""
      for assertion in all {
        for place in ["facets", "inputFacets"] {
          events[key]?.formUnion(
            assertion.leaves.map {
              Leaf(path: "inputs[\(dataset)].\(place).dataQualityAssertions.assertions\($0.path)", value: $0.value)
            })
        }
      }
      if !key.isStart { setEnd(key, all.compactMap { status($0.test) }) }
    }
  }

  /// The assertions of an event, which loses them.
  private mutating func split(_ key: EventKey) -> [Assertion] {
    let marker = "].facets.dataQualityAssertions.assertions"
    var byName: [String: Set<Leaf>] = [:]
    for leaf in events[key] ?? [] {
      guard let range = leaf.path.ranges(of: marker).first else { continue }
      let path = String(leaf.path[range.upperBound...])
      byName[String(path.prefix { $0 != "." }), default: []].insert(Leaf(path: path, value: leaf.value))
    }
    events[key] = events[key]?.filter { !$0.path.contains("acets.dataQualityAssertions.") }
    return byName.map { name, leaves in
      let test = name.dropFirst().prefix { $0 != "/" && $0 != "]" }
      let id = nodes.first { $0.value["name"]?.stringValue == String(test) }?.key ?? String(test)
      return Assertion(test: id, leaves: status(id) == "warn" ? asWarning(leaves, id) : leaves)
    }
  }

  private mutating func asWarning(_ leaves: Set<Leaf>, _ test: String) -> Set<Leaf> {
    let limit = nodes[test]?.at("config.warn_if")?.stringValue ?? ""
    return Set(
      leaves.map { leaf in
        if leaf.path.hasSuffix(".severity"), leaf.value != "\"warn\"" {
          found.insert(.warningsDoNotFail)
          return Leaf(path: leaf.path, value: "\"warn\"")
        }
        if leaf.path.hasSuffix(".expected"), limit != "!= 0" { return Leaf(path: leaf.path, value: "\"\(limit)\"") }
        return leaf
      })
  }

  private mutating func setEnd(_ key: EventKey, _ statuses: [String]) {
    let end = statuses.contains { $0 == "fail" || $0 == "error" } ? "FAIL" : "COMPLETE"
    events[key] = events[key]?.filter { $0.path != "eventType" }.union([Leaf(path: "eventType", value: "\"\(end)\"")])
  }

  private func datasetName(of key: EventKey) -> String? {
    events[key]?.first { $0.path.hasPrefix("inputs[") && $0.path.hasSuffix("].name") }.map {
      String($0.value.dropFirst().dropLast())
    }
  }

  private func status(_ test: String) -> String? {
    results.first { $0["unique_id"]?.stringValue == test }?["status"]?.stringValue
  }

  // MARK: Times

  private mutating func setTimes() {
    for key in events.keys {
      let own: [JSONValue]
      if key.job.hasSuffix(".test") {
        let tested = nodes.keys.filter { !$0.hasPrefix("test.") && job(of: $0, ".test") == key.job }
        own = results.filter { result in
          guard let id = result["unique_id"]?.stringValue, let test = nodes[id] else { return false }
          guard test["test_metadata"]?.objectValue != nil else { return false }
          let attached =
            test["attached_node"]?.stringValue ?? test.at("depends_on.nodes")?.arrayValue?.first?.stringValue ?? ""
          return tested.contains(attached)
        }
        found.insert(.testsHaveTimes)
      } else {
        own = results.filter { result in
          guard let id = result["unique_id"]?.stringValue else { return false }
          return id == key.job || job(of: id, ".run") == key.job
        }
        if key.isStart { found.insert(key.job.hasPrefix("test.") ? .testsHaveTimes : .startsWithCompiling) }
      }
      let phases = own.flatMap { $0["timing"]?.arrayValue ?? [] }
      let times = phases.compactMap { Instant($0[key.isStart ? "started_at" : "completed_at"]?.stringValue ?? "") }
      guard let time = key.isStart ? times.min() : times.max() else { continue }
      events[key] = events[key]?.filter { $0.path != "eventTime" }
        .union([Leaf(path: "eventTime", value: time.isoformat)])
    }
  }

  // MARK: Helpers

  private func job(of id: String, _ suffix: String) -> String {
    let kind = id.prefix { $0 != "." }
    let place = ["database", "schema"].compactMap { nodes[id]?[$0]?.stringValue }.joined(separator: ".")
    let bare = kind == "model" || kind == "snapshot" && suffix == ".run" ? id.dropFirst(kind.count + 1) : id[...]
    let word = kind == "snapshot" && suffix == ".run" ? ".snapshot" : suffix
    return "\(place).\(bare)" + (infix.isEmpty && word == ".run" ? "" : infix + word)
  }

  private mutating func remove(_ difference: ReferenceDifference, _ isWrong: (Leaf) -> Bool) {
    for (key, leaves) in events {
      let kept = leaves.filter { !isWrong($0) }
      if kept.count < leaves.count { found.insert(difference) }
      events[key] = kept
    }
  }

  private mutating func change(_ difference: ReferenceDifference, _ correct: (inout Leaf) -> Void) {
    for (key, leaves) in events {
      let corrected = Set(
        leaves.map { leaf in
          var leaf = leaf
          correct(&leaf)
          return leaf
        })
      if corrected != leaves { found.insert(difference) }
      events[key] = corrected
    }
  }
}
