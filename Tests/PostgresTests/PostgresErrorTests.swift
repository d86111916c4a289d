import Testing

@testable import Postgres

@Suite struct PostgresErrorTests {
  @Test(arguments: PostgresError.Kind.allCases) func everyKindSaysWhatHappened(kind: PostgresError.Kind) {
    let error = PostgresError(
      kind, "words", sqlState: "XX999", detail: "more", hint: "try", query: "SELECT 1", target: "host=h")
    for part in ["words", "XX999", "more", "try", "SELECT 1", "host=h"] { #expect(error.description.contains(part)) }
    #expect(!error.description.hasPrefix("Postgres ("))
  }

  @Test func theFactsGiveNoAdvice() {
    let error = PostgresError(.server, "permission denied for table lease", sqlState: "42501", query: "UPDATE lease")
    #expect(
      error.facts == "Postgres answered with an error: permission denied for table lease [42501]; in: UPDATE lease")
    #expect(error.description == error.facts + ". Grant the role SELECT on this table")
  }

  @Test(arguments: [
    ("40001", true), ("40P01", true), ("53300", true), ("53200", true), ("55P03", true), ("57014", true),
    ("57P01", true), ("57P02", true), ("57P03", true), ("57P04", false), ("58030", true), ("08006", true),
    ("XX000", true), ("XX001", false), ("42P01", false), ("42703", false), ("42501", false), ("25006", false),
    ("22012", false), ("25P02", false), ("3D000", false), ("26000", false),
  ]) func onlyAStateOfTheServerIsWorthARetry(state: String, expected: Bool) {
    #expect(PostgresError(.server, "m", sqlState: state).isSafeToRetry == expected)
  }

  @Test func aRetryFollowsFromTheKind() {
    let safe = PostgresError.Kind.allCases.filter { PostgresError($0, "m").isSafeToRetry }
    #expect(Set(safe) == [.connect, .lost, .deadline])
    #expect(PostgresError(.connect, "m", sqlState: "57P03").isSafeToRetry)
    #expect(!PostgresError(.connect, "m", sqlState: "3D000").isSafeToRetry)
  }

  @Test(arguments: [
    ("-- dag_runs page\nSELECT 1", "dag_runs page"), ("\n  --x\r\nSELECT", "x"), ("SELECT\n  a,\n\tb", "SELECT a, b"),
    ("", ""), ("--", ""), (String(repeating: "x", count: 90), String(repeating: "x", count: 79) + "…"),
  ]) func aStatementIsNamedByItsFirstLine(sql: String, name: String) {
    #expect(PostgresError.name(of: sql) == name)
  }
}
