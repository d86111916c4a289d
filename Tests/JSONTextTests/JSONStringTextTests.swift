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
}
