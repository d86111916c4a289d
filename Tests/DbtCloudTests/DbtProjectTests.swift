import DbtCloudStandIn
import ExecutionModel
import JSONText
import Testing

@testable import DbtCloud

@Suite struct DbtProjectTests {
  private func project(_ text: String) throws -> DbtProject {
    try JSONDocument(bytes: Array(text.utf8), source: "test").read { try DbtProject(reading: &$0) }
  }

  @Test func nameAndConnectionAreRead() throws {
    let read = try project(
      """
      {"id": 501, "name": "Shop", "connection": {"id": 4, "name": "Warehouse", "type": "postgres",
        "details": {"host": "db.example", "port": 5432, "password": "no", "ssl": true, "user": null}}}
      """)
    #expect(read.name == "Shop")
    #expect(
      read.connection
        == DbtConnection(name: "Warehouse", type: "postgres", details: ["host": "db.example", "port": "5432"]))
  }

  @Test func fieldsOfAnAdaptersConnectionAreRead() throws {
    let read = try project(
      """
      {"connection": {"type": "adapter", "details": {"connection_details": {"fields": {
        "host": {"metadata": {}, "value": "dbc.example"}, "token": {"value": "no"}, "port": {"value": 443}}}}}}
      """)
    #expect(read.connection?.details == ["host": "dbc.example", "port": "443"])
  }

  @Test(arguments: ["{}", #"{"connection": null}"#, #"{"connection": [1], "name": 5}"#, #"{"connection": "text"}"#])
  func whatIsMissingIsNil(text: String) throws { #expect(try project(text) == DbtProject()) }

  @Test func aProjectIsAskedForOnceADay() async throws {
    let cloud = try Cloud()
    let client = try cloud.client()
    for _ in 0..<3 {
      let read = try await client.project(501)
      #expect(read.name == "Project 501" && read.connection?.details["host"] == "warehouse.example")
    }
    #expect(cloud.standIn.requests.count == 1)
    cloud.clock.advance(86_401)
    _ = try await client.project(501)
    #expect(cloud.standIn.requests.count == 2)
  }

  @Test func aProjectThatCannotBeAskedForNowIsNoProjectWithoutAName() async throws {
    let cloud = try Cloud()
    let client = try cloud.client()
    cloud.standIn.add(Fault(.status(502, retryAfter: nil), path: "projects", count: 1))
    let error = await #expect(throws: DbtCloudError.self) { try await client.project(501, mayGiveUp: false) }
    #expect(error?.kind == .unavailable(status: 502))
    #expect(try await client.project(501, mayGiveUp: false).name == "Project 501")
    // After some tries its runs are recorded without it.
    let other = try cloud.client()
    cloud.standIn.add(Fault(.status(502, retryAfter: nil), path: "projects", count: 1))
    #expect(try await other.project(501, mayGiveUp: true).problem?.contains("502") == true)
  }

  @Test func whatWasKnownStaysWhenTheTokenLosesItsRights() async throws {
    let cloud = try Cloud()
    let client = try cloud.client()
    _ = try await client.project(501)
    cloud.clock.advance(86_401)
    cloud.standIn.add(Fault(.status(403, retryAfter: nil), path: "projects"))
    let read = try await client.project(501)
    #expect(read.name == "Project 501" && read.problem?.contains("403") == true)
  }
}
