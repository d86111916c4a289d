import Testing

@testable import Configuration

struct ConfigurationKeysTests {
  /// The keys that issue no error when given, so that the table and the reader cannot drift apart.
  @Test func theTableHoldsExactlyTheKeysThatAreRead() {
    let keys = Section.all.map { "\($0.path): \($0.rows.map(\.name).joined(separator: " "))" }
    #expect(
      keys == [
        ": ledger ledger_password_file ledger_password_command airflow dbt_cloud dbt_artifacts sinks record "
          + "allow_inline_secrets allow_plain_http",
        "airflow[]: name dsn password_file password_command namespace openlineage_provider ui_url role poll_interval "
          + "backfill sweep_interval look_back dags",
        "airflow[].dags: include exclude",
        "dbt_cloud[]: name account_id url token_file token_command token namespace dataset_naming "
          + "dataset_namespace ca_file requests_per_second max_artifact_bytes runs backfill jobs projects environments",
        "dbt_artifacts[]: name path dataset_namespace",
        "sinks[]: name type url token_file token_command emit sql gzip timeout ca_file concurrency requests_per_second "
          + "batch batch_max_events batch_max_bytes max_event_bytes path results history",
        "record: conf messages",
      ])
  }

  @Test func alternativesNameAKeyOfTheSameSection() {
    for section in Section.all {
      for row in section.rows {
        if let other = row.insteadOf { #expect(section.rows.contains { $0.name == other }) }
        if let type = row.onlyType { #expect(SinkKeys.Kind(rawValue: type) != nil) }
      }
    }
  }
}
