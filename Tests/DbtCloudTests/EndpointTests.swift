import ExecutionModel
import Testing

@testable import DbtCloud

@Suite struct EndpointTests {
  @Test func pathsAreThoseOfTheDescription() {
    #expect(
      Endpoint.run(account: 1001, run: 70_471_883_265_346).text
        == "/api/v2/accounts/1001/runs/70471883265346/?include_related="
        + "%5B%22trigger%22%2C%22job%22%2C%22environment%22%2C%22run_steps%22%5D")
    #expect(
      Endpoint.artifact(account: 1, run: 2, step: 4, name: "manifest.json").text
        == "/api/v2/accounts/1/runs/2/artifacts/manifest.json?step=4")
    #expect(
      Endpoint.artifact(account: 1, run: 2, step: 4, name: "compiled/a b/ü.sql").text
        == "/api/v2/accounts/1/runs/2/artifacts/compiled/a%20b/%C3%BC.sql?step=4")
    #expect(Endpoint.project(account: 1, project: 5).text == "/api/v3/accounts/1/projects/5/")
  }

  @Test func aListSaysWhatItWants() {
    let filter = DbtRunFilter(
      jobID: 9, statusCodes: [10, 20], createdFrom: Instant(microseconds: 0), createdTo: Instant(microseconds: 1))
    let query = Endpoint.runs(account: 1, filter: filter, page: .after(7), limit: 50).query
    #expect(
      query.map(\.name) == [
        "job_definition_id", "status__in", "created_at__range", "id__gt", "order_by", "limit", "include_related",
      ])
    #expect(
      query.map(\.value) == [
        "9", "[10, 20]", #"["1970-01-01T00:00:00.000000Z","1970-01-01T00:00:00.000001Z"]"#, "7", "id", "50",
        #"["trigger","job"]"#,
      ])
  }

  @Test func aListFromTheNewestOnCountsFromThere() {
    let query = Endpoint.runs(account: 1, filter: DbtRunFilter(), page: .newest(offset: 99), limit: 100).query
    #expect(query.map(\.name) == ["order_by", "offset", "limit", "include_related"])
    #expect(query.map(\.value) == ["-id", "99", "100", #"["trigger","job"]"#])
  }
}
