import Postgres
import Testing

@testable import AirflowSource

@Suite struct AirflowSourceErrorTests {
  @Test(arguments: ["42703", "42P01", "42501"]) func aChangedSchemaIsToBeProbed(_ state: String) {
    let error = AirflowSourceError(instance: "prod", reading: PostgresError(.server, "gone", sqlState: state))
    #expect(error.kind == .schemaChanged)
    #expect(error.action == .probe)
    #expect(error.description.contains("prod") && error.description.contains("gone"))
  }

  @Test(arguments: [
    (PostgresError(.lost, "x"), AirflowSourceError.Action.retry), (PostgresError(.deadline, "x"), .retry),
    // Conflicts with recovery on a replica: canceled, in a deadlock, or the whole connection ended.
    (PostgresError(.server, "x", sqlState: "40001"), .retry), (PostgresError(.server, "x", sqlState: "40P01"), .retry),
    (PostgresError(.lost, "x", sqlState: "40001"), .retry), (PostgresError(.lost, "x", sqlState: "57P01"), .retry),
    (PostgresError(.connect, "x", sqlState: "57P03"), .retry), (PostgresError(.authentication, "x"), .stop),
    (PostgresError(.configuration, "x"), .stop), (PostgresError(.decode, "x"), .stop),
  ])
  func whatTheDatabaseSaysDecidesWhetherToAskAgain(_ cause: PostgresError, _ action: AirflowSourceError.Action) {
    let error = AirflowSourceError(instance: "prod", reading: cause)
    #expect(error.kind == .database)
    #expect(error.action == action)
  }

  @Test func aTimeoutSaysThatLessMayHelp() {
    #expect(AirflowSourceError(instance: "prod", reading: PostgresError(.server, "x", sqlState: "57014")).isTooSlow)
    #expect(AirflowSourceError(instance: "prod", reading: PostgresError(.deadline, "x")).isTooSlow)
    #expect(AirflowSourceError(instance: "prod", reading: PostgresError(.server, "x", sqlState: "40001")).isTooSlow)
    #expect(!AirflowSourceError(instance: "prod", reading: PostgresError(.server, "x", sqlState: "40P01")).isTooSlow)
    #expect(!AirflowSourceError(instance: "prod", kind: .notAirflow, problems: ["x"]).isTooSlow)
  }
}
