import Testing

@testable import Postgres

struct PostgresSQLTests {
  @Test(arguments: [
    ("SELECT ?, ?", "SELECT $1, $2"),
    ("SELECT ?2, ?, ?1", "SELECT $2, $3, $1"),
    ("SELECT '?', \"a?\", 'it''s ?' -- ?\n, ?", "SELECT '?', \"a?\", 'it''s ?' -- ?\n, $1"),
    ("a IS ?", "a IS NOT DISTINCT FROM $1"),
    ("a IS NOT ? OR b IS NOT NULL", "a IS DISTINCT FROM $1 OR b IS NOT NULL"),
    ("n.name IS r.name AND x IS NULL", "n.name IS NOT DISTINCT FROM r.name AND x IS NULL"),
    ("(a, b) IS NOT (c, d)", "(a, b) IS DISTINCT FROM (c, d)"),
    ("a IS\n  NOT NULL", "a IS NOT NULL"),
    ("FROM a CROSS JOIN b ON a.i = b.i", "FROM a JOIN b ON a.i = b.i"),
    ("FROM search INDEXED BY search_due WHERE 1 = 1", "FROM search  WHERE 1 = 1"),
    ("max(a), max(a, ?), min(f(a, b))", "max(a), greatest(a, $1), min(f(a, b))"),
    ("nullif(min(coalesce(a, 1), b), 0)", "nullif(least(coalesce(a, 1), b), 0)"),
    ("min('a,b')", "min('a,b')"),
    (
      "coalesce(sum(x), 0) + sum(CASE a WHEN ? THEN 1 END)",
      "coalesce(CAST(sum(x) AS bigint), 0) + CAST(sum(CASE a WHEN $1 THEN 1 END) AS bigint)"
    ),
    ("instr(lower(a), lower(?1)) > 0", "strpos(lower(a), lower($1)) > 0"),
    ("SELECT value FROM json_each(?1)", "SELECT value FROM jsonb_array_elements_text(CAST($1 AS jsonb))"),
  ])
  func whatIsSaidForSQLiteIsSaidForPostgres(_ sqlite: String, _ postgres: String) {
    #expect(PostgresSQL(sqlite).text == postgres)
  }

  @Test func parametersAreCountedByTheirHighestNumber() {
    #expect(PostgresSQL("SELECT ?5, '?9'").parameters == 5)
    #expect(PostgresSQL("SELECT 1").parameters == 0)
  }
}
