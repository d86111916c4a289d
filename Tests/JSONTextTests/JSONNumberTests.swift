import JSONText
import Testing

@Suite struct JSONNumberTests {
  private func document(_ text: String) -> JSONDocument { JSONDocument(bytes: Array(text.utf8), source: "sample") }

  @Test(arguments: [
    ("-9223372036854775808", Int64.min), ("9223372036854775807", Int64.max), ("-0", 0), ("9007199254740992.0", 1 << 53),
    ("70471883265340", 70_471_883_265_340),
  ])
  func wholeNumbersOf64BitsAreExact(text: String, value: Int64) throws {
    #expect(try document(text).read { try $0.optionalInteger() } == value)
    #expect(try JSONValue(parsing: text).integerValue == value)
  }

  @Test(arguments: ["9223372036854775808", "-9223372036854775809", "1.5", "1e30", "9007199254740993.0e1", "NaN"])
  func aNumberThatIsNoWholeOneOf64BitsIsNone(text: String) throws {
    #expect(try document(text).read { try $0.optionalInteger() } == nil)
    #expect(try JSONValue(parsing: text).integerValue == nil)
    #expect(try JSONValue(parsing: text) == .number(text))
  }
}
