import ExecutionModel
import Testing

@testable import DbtArtifacts

@Suite struct RunResultsTests {
  private func one(_ members: String) throws -> DbtNodeResult {
    try #require(
      try results(#"{"results":[{"unique_id":"model.shop.orders","status":"success",\#(members)}]}"#).results.first)
  }

  private static let rowsAffectedCountsRowsOnlyCases: [(String, Int64?)] = [
    ("-1", nil), ("0", 0), ("120", 120), ("4.0", 4), (#""17""#, 17), ("1.5", nil), ("null", nil),
  ]
  @Test(arguments: rowsAffectedCountsRowsOnlyCases)
  func rowsAffectedCountsRowsOnly(_ text: String, _ expected: Int64?) throws {
    #expect(try one(#""adapter_response":{"rows_affected":\#(text)}"#).rowsAffected == expected)
  }

  @Test func queryIDsOfSnowflakeAndBigQueryAreKept() throws {
    #expect(try one(#""adapter_response":{"query_id":"01b2"}"#).queryID == "01b2")
    #expect(try one(#""adapter_response":{"job_id":"job_7"}"#).queryID == "job_7")
    let full = #"{"bytes_processed":1,"location":"EU","project_id":"acme","job_id":"job_7"}"#
    #expect(try one(#""adapter_response":\#(full)"#).queryID == "acme:EU.job_7")
    #expect(try one(#""adapter_response":"OK""#).queryID == nil)
  }

  @Test func timeGoesFromTheFirstPhaseToTheLast() throws {
    let result = try one(
      #"""
      "timing":[{"name":"execute","started_at":"2026-11-21T00:06:37.9Z","completed_at":"2026-11-21T00:06:38.2Z"},
      {"name":"compile","started_at":"2026-11-21T00:06:37.8Z","completed_at":"2026-11-21T00:06:37.85Z"}]
      """#)
    #expect(result.startedAt == Instant("2026-11-21T00:06:37.8Z"))
    #expect(result.completedAt == Instant("2026-11-21T00:06:38.2Z"))
    #expect(try one(#""timing":[]"#).startedAt == nil)
    #expect(try one(#""timing":[{"name":"compile","started_at":null}]"#).startedAt == nil)
  }

  @Test func unknownStatusesAreKept() throws {
    let read = try results(
      #"{"results":[{"unique_id":"model.a.b","status":"no-op"},{"unique_id":"x","status":"reused"}]}"#)
    #expect(read.results.map(\.status) == ["no-op", "reused"])
    #expect(read.results.map(\.resourceType) == ["model", nil])
    #expect(read.results.map(\.package) == ["a", nil])
  }

  @Test func relationNameStandsInForAMissingManifest() throws {
    #expect(try one(#""relation_name":"\"db\".\"mart\".\"or\"\"ders\"""#).relation == #"db.mart.or"ders"#)
    #expect(try one(#""relation_name":null"#).relation == nil)
    let test = #"{"results":[{"unique_id":"test.a.b.c","status":"fail","relation_name":"\"a\".\"b\""}]}"#
    #expect(try results(test).results[0].relation == nil)
  }

  private static let anotherShapeIsRefusedWithItsPlaceCases: [(String, String)] = [
    (#"[]"#, ""), (#"{"metadata":{}}"#, ""), (#"{"results":{}}"#, "results"), (#"{"results":[1]}"#, "results[0]"),
    (#"{"results":[{"unique_id":"a","status":"b"},{"status":"b"}]}"#, "results[1].unique_id"),
    (#"{"results":[{"unique_id":"a","status":null}]}"#, "results[0].status"),
    (#"{"results":[{"unique_id":7,"status":"b"}]}"#, "results[0].unique_id"),
  ]
  @Test(arguments: anotherShapeIsRefusedWithItsPlaceCases)
  func anotherShapeIsRefusedWithItsPlace(_ text: String, _ place: String) throws {
    let error = #expect(throws: ArtifactError.self) { _ = try results(text) }
    #expect(error?.kind == .unexpectedShape)
    #expect(error?.place == place)
    #expect(error?.artifact == "run_results.json")
    #expect(error?.isRetryable == false)
  }

  @Test(arguments: ["", " ", "<html><body>Sign in</body></html>", #"{"results":[}"#, #"{"results":[]} x"#])
  func whatIsNoJSONIsRefused(_ text: String) throws {
    let error = #expect(throws: ArtifactError.self) { _ = try results(text) }
    #expect(error?.kind == .notJSON)
    #expect(error?.isRetryable == true)
  }

  @Test func aMissingFileIsToldApart() throws {
    let error = #expect(throws: ArtifactError.self) { _ = try RunResults(path: "/nowhere/run_results.json") }
    #expect(error?.kind == .unreadable)
  }

  @Test func commandAndMetadataAreRead() throws {
    let read = try results(
      #"""
      {"metadata":{"invocation_id":"i","dbt_version":"1.9.1","generated_at":"2026-01-01T00:00:00.5Z","env":{}},
      "args":{"which":"build","vars":{}},"results":[],"elapsed_time":0.1}
      """#)
    #expect(read.metadata.invocationID == "i")
    #expect(read.metadata.generatedAt == Instant("2026-01-01T00:00:00.5Z"))
    #expect(read.which == "build")
    #expect(read.areResults)
    #expect(!read.needManifest)
    #expect(try results(#"{"results":[]}"#).areResults)
  }

  @Test func batchesAreCounted() throws {
    let batches = #""batch_results":{"successful":[["a","b"]],"failed":[["b","c"],["c","d"]]}"#
    #expect(try one(batches).batches == DbtBatches(successful: 1, failed: 2))
    #expect(try one(#""batch_results":null"#).batches == nil)
    #expect(try one(#""batch_results":{"successful":[],"failed":[]}"#).batches == nil)
    #expect(try one(#""batch_results":[1]"#).batches == nil)
  }

  @Test(arguments: [("true", true), ("false", false), ("null", nil), (#""yes""#, nil)] as [(String, Bool?)])
  func fullRefreshIsThatOfTheCommand(_ text: String, _ expected: Bool?) throws {
    #expect(try results(#"{"args":{"which":"run","full_refresh":\#(text)},"results":[]}"#).isFullRefresh == expected)
  }
}
