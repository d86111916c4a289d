import ExecutionModel
import JSONText
import Testing

@testable import Correlation

@Suite struct ReturnedValueTests {
  private func runs(_ json: String) throws -> [Int64] {
    ReturnedValue.findings(in: try JSONValue(parsing: json)).compactMap { $0.run?.runID }
  }

  private static let considered: [(String, [Int64])] = [
    ("50019012", [50_019_012]), ("1000", [1_000]), ("\"50019012\"", [50_019_012]),
    ("70437497966001", [70_437_497_966_001]),
    (#""https://h/deploy/1/projects/2/runs/3/""#, [3]),
    (
      #"{"dbt_run_id": 50019015, "job": 121, "url": "https://h/deploy/1001/projects/501/runs/50019015/"}"#,
      [50_019_015, 50_019_015]
    ),
    (#"{"run_id": "7"}"#, [7]), (#"{"job_run_id": 7}"#, [7]), (#"{"dbt_cloud_run_id": 7}"#, [7]),
    (#"{"dbtRunId": 7}"#, [7]),
    (#"{"a": {"b": {"jobRunId": "7"}}}"#, [7]), (#"{"a": {"href": "https://h/deploy/1/projects/2/runs/3/"}}"#, [3]),
    (
      #"{"status": {"code": 200}, "data": {"id": 9, "job": {"id": 123}, "trigger": {"id": 5, "job_definition_id": 4}}}"#,
      [9]
    ),
    (#"{"status": "ok", "data": {"id": 5001}}"#, [5_001]),
    (#"{"id": 8, "href": "https://h/deploy/1/projects/2/runs/8/", "run_id": 99}"#, [8]),
    (#"{"id": 8, "job_definition_id": 4, "status": 10}"#, [8]),
    (#"{"id": 8, "job_id": 4, "trigger_id": 5}"#, [8]),
    (##""{\"status\": {\"code\": 200}, \"data\": {\"id\": 9}}""##, [9]),
  ]

  @Test(arguments: considered) func whatSpeaksOfARunIsConsidered(_ example: (json: String, runs: [Int64])) throws {
    #expect(try runs(example.json) == example.runs)
  }

  @Test(arguments: [
    "999", "0", "-50019012", "50019012.5", "5e7", "true", "null", "\"\"", "\"go_left\"", "\"hi 50019012\"",
    "[50019012]",
    "[[{\"run_id\": 5}]]", #"{"answer": 42, "run_id": "not-a-dbt-run", "nested": {"a": [1, null, 1.5, "\u00e9"]}}"#,
    #"{"count": 50019012}"#, #"{"id": 50019012}"#, #"{"run_id": 0}"#, #"{"run_id": true}"#, #"{"run_id": null}"#,
    #"{"run_id": 1.5}"#, #"{"run_id": [5]}"#,
    #"{"data": [{"id": 5, "job_definition_id": 1, "status": 10}], "status": {"code": 200}}"#,
    #"{"runs": [{"id": 5, "job_definition_id": 1, "status": 10}]}"#, #"{"status": "ok", "data": {"id": 5}}"#,
    #"{"status": {"code": 200}, "data": {"id": 123, "execute_steps": ["dbt build"], "triggers": {}}}"#,
    #"{"id": 5, "cause": "x", "job_definition_id": 4, "status": 1}"#, "\"{broken\"", "\"[50019012]\"",
  ]) func allElseIsNot(_ json: String) throws {
    #expect(try runs(json).isEmpty)
  }

  @Test func anAPIAnswerTellsAccountAndProjectToo() throws {
    let answer = #"{"status":{"code":200},"data":{"id":9,"account_id":1001,"project_id":501}}"#
    let found = ReturnedValue.findings(in: try JSONValue(parsing: answer))
    #expect(found.map(\.run) == [DbtRunReference(accountID: 1001, projectID: 501, runID: 9)])
    #expect(found.map(\.evidence) == [Evidence(kind: "response_body", value: "data.id=9")])
  }

  @Test func aHugeValueIsSearchedToALimit() throws {
    let members = (0..<20_000).map { "\"k\($0)\": \($0)" }.joined(separator: ",")
    #expect(try runs("{\(members), \"run_id\": 7}").isEmpty)
    let deep = String(repeating: "{\"a\":", count: 40) + "{\"run_id\":7}" + String(repeating: "}", count: 40)
    #expect(try runs(deep).isEmpty)
  }
}
