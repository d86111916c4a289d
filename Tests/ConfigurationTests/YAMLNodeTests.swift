import Testing

@testable import Configuration

struct YAMLNodeTests {
  @Test(arguments: [
    ("plain", "`plain`"), ("a\nb", "`a\\u{a}b`"), ("\u{1B}[2J", "`\\u{1b}[2J`"), ("\u{202E}x", "`\\u{202e}x`"),
    (String(repeating: "é", count: 61), "`\(String(repeating: "é", count: 60))…`"),
    (String(repeating: "é", count: 60), "`\(String(repeating: "é", count: 60))`"),
  ])
  func textIsShownOnOneLineAndCut(_ text: String, _ shown: String) {
    #expect(quoted(text) == shown)
  }

  @Test(arguments: [
    ("", true, true), ("~", true, true), ("null", true, true), ("", false, false), ("null", false, false),
    ("Null", true, false),
  ])
  func onlyUnquotedNothingIsNull(_ text: String, _ isPlain: Bool, _ isNull: Bool) {
    let node = YAMLNode(mark: Mark(line: 1, column: 1), content: .scalar(text, isPlain: isPlain))
    #expect(node.isNull == isNull && (node.text == nil) == isNull)
  }
}
