import Testing

@testable import AirflowSource

@Suite struct DagFilterTests {
  @Test(arguments: [
    ("*", "", true), ("*", "any", true), ("tmp_*", "tmp_", true), ("tmp_*", "tmp", false),
    ("*_daily", "dbt_daily", true),
    ("*_daily", "dbt_daily2", false), ("a*b*c", "axxbyyc", true), ("a*b*c", "axxcyyb", false), ("d?t", "dbt", true),
    ("d?t", "dt", false), ("d??", "dé\u{301}", true), ("", "", true), ("", "a", false), ("[a-z].$", "[a-z].$", true),
    ("[a-z]", "a", false), ("DBT", "dbt", false), ("*a\n'*", "x a\n' y", true), ("**", "x", true), ("?", "", false),
  ])
  func patternsMatchAWholeName(_ pattern: String, _ name: String, _ matches: Bool) {
    #expect(DagFilter(include: [pattern]).includes(name) == matches)
    #expect(DagFilter(exclude: [pattern]).includes(name) == !matches)
  }

  @Test func exclusionWins() {
    let filter = DagFilter(include: ["dbt_*", "etl"], exclude: ["*_tmp"])
    #expect(filter.includes("dbt_a"))
    #expect(filter.includes("etl"))
    #expect(!filter.includes("dbt_tmp"))
    #expect(!filter.includes("other"))
    #expect(DagFilter(include: []).includes("x"))
  }

  @Test func manyStarsTakeNoTime() {
    let filter = DagFilter(include: [String(repeating: "*a", count: 100) + "*b"])
    #expect(!filter.includes(String(repeating: "a", count: 250)))
  }
}
