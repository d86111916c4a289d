import ExecutionModel
import JSONText
import OpenLineage
import Testing

@Suite struct RunIDTests {
  private func vectors(_ file: String) throws -> [JSONValue] {
    let vectors = try JSONValue(parsing: try fixture("openlineage/\(file).json"))["vectors"]?.arrayValue
    return try #require(vectors)
  }

  private func run(_ vector: JSONValue) throws -> DagRun {
    let key = DagRunKey(
      instance: "i", dagID: try #require(vector["dag_id"]?.stringValue), runID: vector["run_id"]?.stringValue ?? "r")
    var run = DagRun(key: key, sourceID: 1)
    run.logicalDate = try #require(vector["logical_date"]?.stringValue.flatMap { Instant($0) })
    return run
  }

  private func attempt(_ vector: JSONValue) throws -> AttemptKey {
    AttemptKey(
      taskID: try #require(vector["task_id"]?.stringValue), mapIndex: Int(vector["map_index"]?.integerValue ?? -1),
      tryNumber: Int(try #require(vector["try_number"]?.integerValue)))
  }

  @Test func everyVectorOfTheProvidersOwnLibraryAgrees() throws {
    let vectors = try vectors("runid_vectors")
    #expect(vectors.count == 198)
    for vector in vectors {
      let namespace = try #require(vector["namespace"]?.stringValue)
      let run = try run(vector)
      let clear = vector["clear_number"]?.integerValue.map { Int($0) }
      #expect(
        try RunID.dagRun(run, clearNumber: clear, namespace: namespace, scheme: .since2).text
          == vector["dag_run_id"]?.stringValue, "\(vector.rawJSON)")
      #expect(
        try RunID.attempt(try attempt(vector), of: run, namespace: namespace, scheme: .since2).text
          == vector["task_instance_run_id"]?.stringValue, "\(vector.rawJSON)")
    }
  }

  @Test(arguments: [(ProviderScheme.from1_9, "1_14"), (.upTo1_8, "1_8")])
  func everyVectorOfTheOlderSchemesAgrees(_ example: (scheme: ProviderScheme, name: String)) throws {
    let vectors = try vectors("legacy_runid_vectors")
    #expect(vectors.count == 12)
    for vector in vectors {
      let namespace = try #require(vector["namespace"]?.stringValue)
      let run = try run(vector)
      #expect(
        try RunID.dagRun(run, clearNumber: 5, namespace: namespace, scheme: example.scheme).text
          == vector["dag_run_\(example.name)"]?.stringValue)
      #expect(
        try RunID.attempt(try attempt(vector), of: run, namespace: namespace, scheme: example.scheme).text
          == vector["attempt_\(example.name)"]?.stringValue)
    }
  }

  @Test func aMissingClearNumberCountsAsZero() throws {
    let ids = try [nil, 0, 1].map { try RunID.dagRun(Target.run, clearNumber: $0, namespace: "n", scheme: .since2) }
    #expect(ids[0] == ids[1] && ids[1] != ids[2])
  }

  @Test func runAfterStandsInForANullLogicalDate() throws {
    var run = Target.run
    let id = try RunID.dagRun(run, clearNumber: 0, namespace: "n", scheme: .since2)
    run.runAfter = instant("2030-01-01T00:00:00Z")
    #expect(try RunID.dagRun(run, clearNumber: 0, namespace: "n", scheme: .since2) == id)
    run.runAfter = run.logicalDate
    run.logicalDate = nil
    #expect(try RunID.dagRun(run, clearNumber: 0, namespace: "n", scheme: .since2) == id)
  }

  @Test func withoutAnyDateThereIsNoID() {
    var run = Target.run
    run.logicalDate = nil
    #expect(throws: LineageError.noLogicalDate(run.key)) {
      try RunID.dagRun(run, clearNumber: 0, namespace: "n", scheme: .since2)
    }
    #expect(throws: LineageError.noLogicalDate(run.key)) {
      try RunID.attempt(Target.attempt.key, of: run, namespace: "n", scheme: .upTo1_8)
    }
  }

  @Test func aDbtRunsIDIsMadeOfItsOwnIdentityAlone() throws {
    var run = Target.dbtRun
    let id = try RunID.dbtRun(run, namespace: "prod-airflow")
    #expect(id.text == "019fbfc9-eef0-7da4-a5b2-5d2aae9c74dd")
    run.status = "error"
    run.jobID = nil
    run.startedAt = nil
    run.steps = []
    #expect(try RunID.dbtRun(run, namespace: "prod-airflow") == id)
    #expect(try RunID.dbtRun(run, namespace: "other") != id)
    run.createdAt = nil
    #expect(throws: LineageError.noCreationTime(run.key)) { try RunID.dbtRun(run, namespace: "n") }
  }

  @Test func aRunOfDbtCoreHasAnIDToo() throws {
    var run = DbtRun(key: .core(name: "local", invocationID: "a"), status: "success")
    run.createdAt = instant("2026-08-02T00:05:10Z")
    let other = {
      var other = run; other.key = .core(name: "local", invocationID: "b"); return other
    }()
    #expect(try RunID.dbtRun(run, namespace: "n") != RunID.dbtRun(other, namespace: "n"))
  }

  @Test func idsOfOthersHaveToBeUUIDs() {
    #expect(RunID("019FBFC9-EEF0-7DA4-A5B2-5D2AAE9C74DD")?.text == "019fbfc9-eef0-7da4-a5b2-5d2aae9c74dd")
    for text in [
      "", "x", "019fbfc9eef07da4a5b25d2aae9c74dd", "019fbfc9-eef0-7da4-a5b2-5d2aae9c74dg",
      "{019fbfc9-eef0-7da4-a5b2-5d2aae9c74dd}", "019fbfc9-eef0-7da4-a5b2-5d2aae9c74dd-",
    ] {
      #expect(RunID(text) == nil)
    }
  }

  @Test func everyIDIsAUUIDOfItsVersion() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed: seed)
    for _ in 0..<2_000 {
      let when = Instant(microseconds: Int64.random(in: -1_000_000_000_000_000...4_000_000_000_000_000, using: &random))
      let text = try RunID.derived(at: when, data: String(UInt64.random(in: 0...UInt64.max, using: &random))).text
      #expect(RunID(text)?.text == text, "seed \(seed)")
      let characters = Array(text)
      #expect(characters[14] == "7" && "89ab".contains(characters[19]), "seed \(seed)")
    }
  }
}
