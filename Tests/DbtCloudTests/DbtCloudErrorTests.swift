import Testing

@testable import DbtCloud

@Suite struct DbtCloudErrorTests {
  private static let everyErrorSaysWhatToDoCases: [(DbtCloudError.Kind, String, Bool)] = [
    (.noToken, "dbt_cloud[].token_file", false), (.notFound, "dbt_cloud[].account_id", false),
    (.refused(status: 401), "dbt_cloud[].token_file", false), (.refused(status: 403), "permission", false),
    (.rateLimited(retryAfter: 299.2), "300 s", true), (.unavailable(status: 503), "503", true),
    (.unavailable(status: nil), "cannot be reached", true), (.notJSON(status: 200), "proxy", true),
    (.redirected, "dbt_cloud[].url", false), (.tooLarge, "too large", false), (.cannotWrite, "free space", true),
    (.unexpected(status: 418), "418", false),
  ]
  @Test(arguments: everyErrorSaysWhatToDoCases)
  func everyErrorSaysWhatToDo(_ kind: DbtCloudError.Kind, _ text: String, _ isRetryable: Bool) {
    let error = DbtCloudError(kind: kind, account: "analytics", url: "https://h/api", message: "m")
    #expect(error.description.contains(text))
    #expect(error.description.contains("`analytics`"))
    #expect(error.isRetryable == isRetryable)
  }

  private static let foreignTextIsMadePrintableCases: [(String, String)] = [
    ("a\r\n\t b", "a b"), ("\u{1B}[31mred", "\u{FFFD}[31mred"), ("x sEcReT y", "x *** y"),
    ("sEcReTsEcReT", "******"), ("", ""), (String(repeating: "a", count: 100), String(repeating: "a", count: 80) + "…"),
    ("<html>\n<b>", "<html> <b>"),
  ]
  @Test(arguments: foreignTextIsMadePrintableCases)
  func foreignTextIsMadePrintable(_ text: String, _ expected: String) {
    #expect(printable(text.utf8, hiding: "sEcReT") == expected)
  }

  @Test(arguments: [
    // A mark that joins the token's last letter, a joiner before its first, and a token that the cut goes through.
    "sEcReT\u{301}", "\u{65}\u{200D}sEcReT", "\u{1F1E6}sEcReT\u{FE0F}",
    String(repeating: " ", count: 636) + "sEcReT",
  ])
  func theTokenIsHiddenWhateverStandsBesideIt(_ text: String) {
    let shown = Array(printable(text.utf8, hiding: "sEcReT").utf8)
    #expect(shown.indices.allSatisfy { !shown[$0...].starts(with: "sEcR".utf8) })
  }

  @Test func bytesThatAreNoTextDoNoHarm() {
    #expect(printable([0xFF, 0x00, 0x41], hiding: "") == "\u{FFFD}\u{FFFD}A")
  }
}
