import Testing

@testable import Postgres

struct StoredTextTests {
  /// U+FDD0, which no source may hold.
  private static let mark = String(decoding: [0xEF, 0xB7, 0x90], as: UTF8.self)

  @Test(arguments: [
    "", "plain", "é🙂", "\u{0}", "a\u{0}\u{0}b", mark, mark + "0", "\u{0}\(mark)1", "\u{FB01}", mark + "x",
  ])
  func anyTextComesBackAndHoldsNoNULMeanwhile(_ text: String) {
    var stored: [UInt8] = []
    StoredText.append(text, to: &stored)
    #expect(!stored.contains(0))
    let back = stored.withUnsafeBytes { StoredText.read($0) }
    #expect(Array(back.utf8) == Array(text.utf8))
  }

  @Test func differentTextsStayDifferent() {
    let texts = ["\u{0}", Self.mark + "0", Self.mark, Self.mark + "1", "0", "\u{0}0"]
    let stored = texts.map { text in
      var bytes: [UInt8] = []
      StoredText.append(text, to: &bytes)
      return bytes
    }
    #expect(Set(stored).count == texts.count)
  }
}
