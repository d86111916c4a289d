import Postgres
import Testing

@testable import Ledger

struct LedgerErrorTests {
  private static let kinds: [LedgerError.Kind] = [
    .newerSchema(found: 3, known: 2), .olderSchema(found: 1, known: 2), .notALedger, .missing, .inUse, .full, .readOnly,
    .corrupt, .busy, .unmade, .unreachable, .refused, .denied, .moved, .other,
  ]

  @Test(arguments: kinds) func everyErrorNamesTheLedger(_ kind: LedgerError.Kind) {
    let text = LedgerError(kind, path: "/var/lib/x/ledger.db", detail: "why").description
    #expect(text.hasPrefix("ledger /var/lib/x/ledger.db "))
    #expect(text.hasSuffix(" [why]"))
  }

  @Test(arguments: [
    (PostgresError(.connect, "permission denied for database \"s\"", sqlState: "42501"), "CONNECT ON DATABASE …"),
    (
      PostgresError(
        .server, "permission denied for database s", sqlState: "42501", query: "CREATE SCHEMA airflow_syncer"),
      "CREATE ON DATABASE …"
    ),
    (
      PostgresError(
        .server, "permission denied for schema airflow_syncer", sqlState: "42501", query: "CREATE TABLE ledger ("),
      "USAGE, CREATE ON SCHEMA airflow_syncer"
    ),
    (
      PostgresError(
        .server, "no schema has been selected to create in", sqlState: "3F000", query: "CREATE TABLE ledger ("),
      "USAGE, CREATE ON SCHEMA airflow_syncer"
    ),
    (
      PostgresError(
        .server, "permission denied for schema airflow_syncer", sqlState: "42501", query: "SELECT version FROM"),
      "USAGE ON SCHEMA airflow_syncer"
    ),
    (
      PostgresError(.server, "permission denied for table lease", sqlState: "42501", query: "UPDATE lease SET"),
      "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA airflow_syncer"
    ),
    (
      PostgresError(.server, "permission denied for table lease", sqlState: "42501", query: "SELECT kind FROM lease"),
      "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA airflow_syncer"
    ),
    // In words that are not known.
    (
      PostgresError(.server, "keine Berechtigung für Tabelle lease", sqlState: "42501", query: "UPDATE lease SET"),
      "CREATE ON DATABASE …"
    ),
  ]) func theRightThatIsMissingIsNamed(_ cause: PostgresError, _ right: String) {
    let error = LedgerError(cause, path: "in Postgres (dbname=s)")
    #expect(error.kind == .denied && error.detail == cause.facts)
    #expect(
      error.description.hasPrefix("ledger in Postgres (dbname=s) lacks a right: run GRANT \(right) TO the role"),
      "\(error)")
    #expect(!error.description.contains("on this table"))
  }

  @Test func onlyWhatHealsByItselfIsTransient() {
    #expect(Self.kinds.filter { LedgerError($0, path: "").isTransient } == [.full, .busy, .unreachable])
  }
}
