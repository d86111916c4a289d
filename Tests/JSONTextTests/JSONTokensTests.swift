import JSONText
import Testing

@Suite struct JSONTokensTests {
  private func document(_ text: String) -> JSONDocument { JSONDocument(bytes: Array(text.utf8), source: "sample") }

  @Test(arguments: [1, 63, 64, 65, 127, 128, 129, 1024])
  func bracketsAreMatchedAtEveryDepthOfASkippedValue(depth: Int) throws {
    var random = SeededRandom(seed: UInt64(depth))
    let braces = (0..<depth).map { _ in Bool.random(using: &random) }
    let opening = braces.map { $0 ? "{\"a\":" : "[" }.joined()
    let closing = braces.reversed().map { $0 ? "}" : "]" }
    try document(opening + "1" + closing.joined()).read { _ in }
    for wrong in Set([0, depth / 2, depth - 1]) {
      var broken = closing
      broken[wrong] = broken[wrong] == "}" ? "]" : "}"
      #expect(throws: JSONError.self) { try document(opening + "1" + broken.joined()).read { _ in } }
    }
  }

  @Test func aSkippedValueThatIsTooDeepIsAnError() {
    let error = #expect(throws: JSONError.self) { try document(String(repeating: "[", count: 2000)).read { _ in } }
    #expect(error?.kind == .tooDeep)
  }
}
