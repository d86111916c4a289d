import ExecutionModel
import Testing

@Suite struct TextPoolTests {
  @Test func everyTextComesOutAsItWentIn() {
    let seed = UInt64.random(in: 0 ... .max)
    var random = Seeded(seed)
    // So small that it overflows again and again.
    var pool = TextPool(limit: 16)
    var texts: [[UInt8]] = [[], Array("é☃".utf8), Array(repeating: 0xFF, count: 40), Array("a".utf8)]
    for _ in 0..<60 {
      let length = Int.random(in: 0..<40, using: &random)
      // Few different bytes, so that many share long beginnings and ends.
      texts.append((0..<length).map { _ in UInt8.random(in: 0x61...0x62, using: &random) })
    }
    for _ in 0..<5000 {
      guard let bytes = texts.randomElement(using: &random) else { continue }
      let text = bytes.withUnsafeBytes { pool.text($0) }
      #expect(text == String(lossless: bytes), "seed \(seed)")
    }
  }
}
