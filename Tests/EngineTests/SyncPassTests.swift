import FoundationEssentials
import JSONText
import TestServers
import Testing

@testable import Engine

@Suite struct SyncPassTests {
  static let expected = [
    "2.6.3": Truth.Verdict(exact: 26, strong: 3), "2.11.2": Truth.Verdict(exact: 84, strong: 9, reused: 2, inferred: 8),
    "3.3.2": Truth.Verdict(exact: 33, strong: 3, reused: 1, inferred: 3),
  ]

  @Test(arguments: AirflowFixtures.versions)
  func everyAttemptWhoseRunIsInTheDatabaseIsLinkedToItAndToNoOther(_ version: String) async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump(version), truth: version)
    try await lab.sync()
    let records = try await lab.records()
    #expect(try Truth(version).judge(records) == Self.expected[version])
    try expectWellFormed(lab.backend.bodies)
    try AirflowFixtures.record(lab.backend.bodies, as: "\(version).events.ndjson")

    // What the file sink wrote last of each record is the record.
    var last: [String: String] = [:]
    for line in lab.archiveLines { last[try key(of: line)] = line }
    for record in records {
      let state = try JSONValue(parsing: record)["dag_run"]?["state"]?.stringValue
      #expect(last[try key(of: record)] == (state == "success" || state == "failed" ? record : nil))
    }

    // A second pass finds nothing.
    let requests = lab.backend.requests
    let archive = lab.archiveLines
    let second = try await lab.sync()
    #expect(second.text.hasPrefix("0 new and 0 changed of "))
    #expect(second.text.contains(", 0 dbt runs fetched, 0 items delivered"))
    #expect(lab.backend.requests == requests)
    #expect(lab.archiveLines == archive)
    #expect(try await lab.records() == records)
    #expect(try await lab.state() == "healthy")
  }

  private func key(of record: String) throws -> String {
    try #require(try JSONValue(parsing: record)["key"]?.stringValue)
  }
}
