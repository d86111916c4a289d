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
    // A conflict with recovery on a replica.
    (PostgresError(.server, "x", sqlState: "40001"), .retry), (PostgresError(.authentication, "x"), .stop),
    (PostgresError(.configuration, "x"), .stop), (PostgresError(.decode, "x"), .stop),
  ])
  func whatTheDatabaseSaysDecidesWhetherToAskAgain(_ cause: PostgresError, _ action: AirflowSourceError.Action) {
    let error = AirflowSourceError(instance: "prod", reading: cause)
    #expect(error.kind == .database)
    #expect(error.action == action)
  }
}
