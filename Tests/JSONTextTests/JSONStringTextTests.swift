import ExecutionModel
import JSONText
import Testing

@Suite struct JSONStringTextTests {
  @Test func stringsThatAreNotTextAreKeptReversibly() throws {
    let bytes: [UInt8] =
      Array("[\"a".utf8) + [0xFF, 0xC3] + Array("\",\"é\",\"\\udcff\",\"\\\\".utf8) + [0xE9] + Array("\"]".utf8)
    var texts: [String] = []
    try JSONDocument(bytes: bytes, source: "latin").read { root in try root.array { texts.append(try $0.string()) } }
    #expect(texts.count == 4)
    #expect(texts[0].losslessBytes == [0x61, 0xFF, 0xC3])
    #expect(texts[1] == "é")
    #expect(texts[2].losslessBytes == [0xED, 0xB3, 0xBF])
    #expect(texts[3].losslessBytes == [0x5C, 0xE9])
  }

  /// Long and short ones, with and without escapes, that are text and are not, each more than once.
  @Test func aPoolGivesTheSameTexts() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededRandom(seed: seed)
    let pieces: [[UInt8]] = [
      Array("ab".utf8), Array("\\n\\\\".utf8), [0xFF], Array("é\u{FFFD}0A".utf8), Array("\\udc00".utf8),
    ]
    var strings: [[UInt8]] = []
    for _ in 0..<300 {
      strings.append(
        (0..<Int.random(in: 0..<12, using: &random)).flatMap { _ in pieces.randomElement(using: &random)! })
    }
    strings += strings
    let bytes = Array("[".utf8) + strings.map { [0x22] + $0 + [0x22] }.joined(separator: [0x2C]) + Array("]".utf8)
    let document = JSONDocument(bytes: bytes, source: "made up")
    var plain: [String?] = []
    var pooled: [String?] = []
    var pool = TextPool(limit: 32)
    try document.read { root in try root.array { plain.append(try $0.optionalString()) } }
    try document.read { root in try root.array { pooled.append(try $0.optionalString(&pool)) } }
    #expect(plain.count == 600 && plain == pooled, "seed \(seed)")
  }
}
