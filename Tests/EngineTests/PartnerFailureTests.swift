import DbtCloud
import Postgres
import Testing

@testable import AirflowSource
@testable import Engine

@Suite struct PartnerFailureTests {
  private func airflow(_ kind: PostgresError.Kind) -> String {
    let cause = PostgresError(kind, "it hurts")
    return PartnerFailure(
      AirflowSourceError(instance: "prod", kind: .database, action: .retry, problems: ["it hurts"], cause: cause)
    ).cause
  }

  /// A connection that breaks, cannot be opened again or hangs is one outage.
  @Test func aServerThatIsAwayHasOneWord() {
    #expect(Set([airflow(.lost), airflow(.connect), airflow(.deadline)]).count == 1)
    #expect(airflow(.authentication) != airflow(.connect))
  }

  @Test func theWordDoesNotChangeWithTheWait() {
    func word(_ kind: DbtCloudError.Kind) -> String {
      PartnerFailure(DbtCloudError(kind: kind, account: "analytics", url: "https://dbt.example", message: "")).cause
    }
    #expect(word(.rateLimited(retryAfter: 299.5)) == word(.rateLimited(retryAfter: 1)))
    #expect(word(.unavailable(status: 500)) == word(.unavailable(status: nil)))
    #expect(word(.refused(status: 401)) != word(.unavailable(status: 500)))
  }
}
