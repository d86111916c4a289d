import DbtCloudStandIn
import ExecutionModel
import JSONText
import Ledger
import TestServers
import Testing

@testable import Engine

/// Tries of which Airflow has nothing left, looked for in a dbt Cloud that knows what a real provider had triggered.
@Suite struct RunSearchTests {
  /// The XComs of the run operator and its subclass; those of others stay.
  private static let forgetting = """
    DELETE FROM xcom x USING task_instance t WHERE t.operator IN ('DbtCloudRunJobOperator', 'AcmeDbtOperator')
      AND x.dag_id = t.dag_id AND x.run_id = t.run_id AND x.task_id = t.task_id AND x.map_index = t.map_index
    """

  /// Of 2.6.3 two tries are not even known to have been: it keeps no history.
  private static let withoutXComs = [
    "2.6.3": Truth.Verdict(strong: 3, inferred: 22, ambiguous: 4),
    "2.11.2": Truth.Verdict(exact: 3, strong: 9, inferred: 84, ambiguous: 5),
    "3.3.2": Truth.Verdict(exact: 1, strong: 3, inferred: 33, ambiguous: 2),
  ]

  @Test(arguments: AirflowFixtures.versions)
  func withoutAnyXComRunsAreFoundByCauseOrSaidToBeUndecided(_ version: String) async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump(version), truth: version)
    try await lab.server.execute(Self.forgetting, database: lab.database)
    try await lab.sync()
    let records = try await lab.records()
    #expect(try Truth(version).judge(records) == Self.withoutXComs[version])
    try RunSearchTests.expectLastLines(of: lab, toBe: records)
    // Each was asked for once.
    lab.standIn.forgetRequests()
    try await lab.sync()
    #expect(lab.standIn.requests.isEmpty)
    #expect(try await lab.records() == records)
  }

  /// What the file sink wrote last of each record is the record.
  private static func expectLastLines(of lab: Lab, toBe records: [String]) throws {
    var last: [String?: String] = [:]
    for line in lab.archiveLines { last[try JSONValue(parsing: line)["key"]?.stringValue] = line }
    for record in records {
      let value = try JSONValue(parsing: record)
      guard ["success", "failed"].contains(value["dag_run"]?["state"]?.stringValue) else { continue }
      #expect(last[value["key"]?.stringValue] == record)
    }
  }
}
