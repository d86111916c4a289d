import ExecutionModel
import JSONText
import TestServers
import Testing

@testable import DbtCloudStandIn

@Suite struct TruthFileTests {
  private func runs(_ text: String, projects: [Int64: Int64] = [:]) throws -> [StandInRun] {
    try TruthFile.runs(in: try JSONValue(parsing: text), source: "truth.json", projects: projects)
  }

  @Test func aRowOfARecordingIsRead() throws {
    let run = try #require(
      try runs(
        #"""
        [{"dag_id":"d","task_id":"t","dbt_account_id":70437463654557,"dbt_job_id":124,"dbt_run_id":70437497966001,
        "how":"trigger","cause":"c","planned_outcome":"success","cancelled_at":1795219592.1006122,
        "triggered_at":1795219569.7653089,"request_body":{}}]
        """#, projects: [70_437_463_654_557: 9]
      ).first)
    #expect(run.runID == 70_437_497_966_001)
    #expect(run.projectID == 9)
    #expect(run.createdAt == Instant("2026-11-21T00:06:09.765309Z"))
    #expect(run.cancelledAt == Instant("2026-11-21T00:06:32.100612Z"))
    #expect(run.finalOutcome == .cancelled)
  }

  @Test func aRunOfSeveralAttemptsCountsOnce() throws {
    let row = #"{"dbt_account_id":1,"dbt_run_id":7,"triggered_at":"2026-11-21T00:00:00Z"}"#
    #expect(try runs("[\(row),\(row)]").count == 1)
  }

  @Test func aRerunResumesTheNewestFailureOfItsJob() throws {
    func row(_ id: Int, _ at: Int, _ rest: String) -> String {
      #"{"dbt_account_id":1,"dbt_job_id":5,"dbt_run_id":\#(id),"triggered_at":\#(at),\#(rest)}"#
    }
    let read = try runs(
      "["
        + [
          row(1, 10, #""planned_outcome":"error""#), row(2, 20, #""planned_outcome":"error""#),
          row(3, 30, #""planned_outcome":"success""#), row(4, 40, #""how":"rerun""#),
        ].joined(separator: ",") + "]")
    #expect(read.map(\.retryingRunID) == [nil, nil, nil, 2])
  }

  private static let whatCannotBeARunIsNamedCases: [(String, String)] = [
    ("{}", "a list"), ("[{}]", "[0].dbt_account_id"), (#"[{"dbt_account_id":1}]"#, "[0].dbt_run_id"),
    (#"[{"dbt_account_id":1,"dbt_run_id":1,"triggered_at":"soon"}]"#, "[0].triggered_at"),
    (#"[{"dbt_account_id":1,"dbt_run_id":1,"triggered_at":1,"planned_outcome":"x"}]"#, "[0].planned_outcome"),
  ]
  @Test(arguments: whatCannotBeARunIsNamedCases)
  func whatCannotBeARunIsNamed(_ text: String, _ place: String) {
    let error = #expect(throws: TruthFile.Failure.self) { _ = try runs(text) }
    #expect(error?.description.contains(place) == true)
  }
}
