import ExecutionModel
import JSONText
import Testing

@Suite struct JSONWriterTests {
  @Test func commasStandBetweenValuesAndNowhereElse() {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("a", 1)
      writer.key("b")
      writer.array { writer in
        writer.null()
        writer.object { _ in }
        writer.bool(true)
      }
      writer.member("c", [String]())
      writer.key(String("d\"\n"))
      writer.string("\u{1}é")
    }
    #expect(writer.text == #"{"a":1,"b":[null,{},true],"c":[],"d\"\n":"\u0001é"}"#)
  }

  @Test(arguments: [
    (0.0, "0"), (-0.0, "0"), (120.0, "120"), (0.1, "0.1"), (1e16, "10000000000000000"), (-1e17, "-1e+17"),
    (-2.5, "-2.5"), (.nan, "null"), (.infinity, "null"), (.leastNonzeroMagnitude, "5e-324"),
  ])
  func doublesAreTheShortestTextThatReadsBackTheSame(value: Double, text: String) {
    var writer = JSONWriter()
    writer.double(value)
    #expect(writer.text == text)
  }

  @Test func linesOfAStreamHaveNoCommaBetweenThem() {
    var writer = JSONWriter()
    writer.object { $0.member("a", 1) }
    writer.newline()
    writer.array { $0.integer(2) }
    #expect(writer.text == "{\"a\":1}\n[2]")
    writer.reset()
    writer.string("x")
    #expect(writer.text == "\"x\"")
  }

  @Test(arguments: ["NaN", "Infinity", "-Infinity"])
  func aNumberThatJSONDoesNotHaveBecomesOpaque(text: String) throws {
    let value = try JSONValue(parsing: "[\(text)]")
    #expect(value == .array([.number(text)]))
    #expect(value.rawJSON.text == "[{\"opaque\":\"\(text)\",\"bytes\":\(text.utf8.count)}]")
    #expect(value.arrayValue?.first?.doubleValue == nil)
  }
}
