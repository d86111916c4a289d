import ExecutionModel
import Testing

@Suite struct TextTests {
  @Test(
    arguments: [
      ([], ""), (Array("plain".utf8), "plain"), (Array("ünï 𝔘 \u{0}".utf8), "ünï 𝔘 \u{0}"),
      ([0x63, 0xE9], "c\u{FFFD}E9"), ([0xFF, 0xFE], "\u{FFFD}FF\u{FFFD}FE"), ([0xC3], "\u{FFFD}C3"),
      ([0xED, 0xA0, 0x80], "\u{FFFD}ED\u{FFFD}A0\u{FFFD}80"), ([0xC0, 0x80], "\u{FFFD}C0\u{FFFD}80"),
      ([0xF4, 0x90, 0x80, 0x80], "\u{FFFD}F4\u{FFFD}90\u{FFFD}80\u{FFFD}80"),
      (Array("\u{FFFD}".utf8), "\u{FFFD}"), (Array("\u{FFFD}G0".utf8), "\u{FFFD}G0"),
      (Array("\u{FFFD}FF".utf8), "\u{FFFD}00FF"), (Array("\u{FFFD}00".utf8), "\u{FFFD}0000"),
      (Array("\u{FFFD}".utf8) + [0xFF], "\u{FFFD}\u{FFFD}FF"), (Array("\u{FFFD}ff".utf8), "\u{FFFD}ff"),
    ] as [([UInt8], String)]) func bytesAreWrittenAsDocumented(bytes: [UInt8], text: String)
  {
    #expect(Array(String(lossless: bytes).utf8) == Array(text.utf8))
    #expect(String(lossless: bytes).losslessBytes == bytes)
  }

  // Bytes near everything that is special: halves of sequences, U+FFFD and hex digits.
  private func bytes(_ random: inout Seeded) -> [UInt8] {
    (0..<Int.random(in: 0...6, using: &random)).flatMap { _ -> [UInt8] in
      switch Int.random(in: 0...5, using: &random) {
      case 0: [0xEF, 0xBF, 0xBD]
      case 1: [UInt8(ascii: "0"), UInt8(ascii: "0")]
      case 2: Array("FF8a0F".utf8.prefix(Int.random(in: 1...6, using: &random)))
      case 3: [UInt8.random(in: 0x80...0xFF, using: &random)]
      case 4: [0xEF, 0xBF]
      default: [UInt8.random(in: 0...255, using: &random)]
      }
    }
  }

  @Test(arguments: [UInt64.random(in: 1...UInt64.max)]) func anyBytesComeBack(seed: UInt64) {
    var random = Seeded(seed)
    for _ in 0..<10_000 {
      let bytes = bytes(&random)
      let text = String(lossless: bytes)
      #expect(text.losslessBytes == bytes, "seed \(seed): \(bytes)")
      // However the bytes are stored.
      #expect(bytes.withUnsafeBytes { String(lossless: $0) }.utf8.elementsEqual(text.utf8), "seed \(seed): \(bytes)")
      #expect(String(lossless: bytes.reversed().reversed() as ReversedCollection<ReversedCollection<[UInt8]>>) == text)
    }
  }

  @Test(arguments: [UInt64.random(in: 1...UInt64.max)]) func differentBytesGiveDifferentText(seed: UInt64) {
    var random = Seeded(seed)
    var seen: [[UInt8]: [UInt8]] = [:]
    for _ in 0..<10_000 {
      let bytes = bytes(&random)
      let text = Array(String(lossless: bytes).utf8)
      #expect(seen[text] == nil || seen[text] == bytes, "seed \(seed): \(bytes)")
      seen[text] = bytes
    }
  }

  @Test(arguments: [UInt64.random(in: 1...UInt64.max)]) func textWithoutReplacementCharactersIsLeftAlone(seed: UInt64) {
    var random = Seeded(seed)
    for _ in 0..<5_000 {
      let scalars = (0..<Int.random(in: 0...20, using: &random)).map { _ in
        Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &random)) ?? "x"
      }.filter { $0 != "\u{FFFD}" }
      let text = String(String.UnicodeScalarView(scalars))
      #expect(Array(String(lossless: text.utf8).utf8) == Array(text.utf8), "seed \(seed)")
      #expect(text.losslessBytes == Array(text.utf8), "seed \(seed)")
    }
  }

  @Test func otherSpellingsOfTheSameCharactersHaveOtherBytes() {
    #expect("caf\u{E9}" == "cafe\u{301}")
    #expect(!"caf\u{E9}".hasSameBytes(as: "cafe\u{301}"))
    #expect("caf\u{E9}".hasSameBytes(as: "caf\u{E9}"))
    #expect(!"a".hasSameBytes(as: "b"))
    // As many bytes, in another order.
    #expect(!"q\u{323}\u{307}".hasSameBytes(as: "q\u{307}\u{323}"))
  }

  @Test func bytesAreComparedFromTheFirstToTheLast() {
    let seed = UInt64.random(in: 1 ... .max)
    var random = Seeded(seed)
    func sign(_ number: Int) -> Int { number.signum() }
    for _ in 0..<5_000 {
      // Few different bytes around the widths that are compared at once.
      let shared = String(repeating: "a", count: Int.random(in: 0...17, using: &random))
      let texts = (0..<2).map { _ in
        shared
          + (0..<Int.random(in: 0...9, using: &random)).map { _ in
            ["\0", "a", "b", "é", "\u{10FFFF}"].randomElement(using: &random) ?? ""
          }.joined()
      }
      let bytes = texts.map { Array($0.utf8) }
      let expected = bytes[0] == bytes[1] ? 0 : bytes[0].lexicographicallyPrecedes(bytes[1]) ? -1 : 1
      #expect(sign(texts[0].compareBytes(with: texts[1])) == expected, "seed \(seed): \(texts)")
      #expect(sign(texts[1].compareBytes(with: texts[0])) == -expected, "seed \(seed): \(texts)")
      let (left, right) = (texts[0].leadingBytes, texts[1].leadingBytes)
      if left != right { #expect((left < right) == (expected < 0), "seed \(seed): \(texts)") }
    }
  }
}
