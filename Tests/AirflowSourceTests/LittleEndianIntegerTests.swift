import Testing

@testable import AirflowSource

@Suite struct LittleEndianIntegerTests {
  @Test func everyInt64ComesOutAsItsDigits() {
    let seed = UInt64.random(in: .min ... .max)
    var random = SeededRandom(seed)
    let edges: [Int64] = [0, 1, -1, 127, 128, -128, -129, 999_999_999, 1_000_000_000, .min, .max]
    for value in edges + (0..<1000).map({ _ in Int64(bitPattern: random.next()) >> Int64(random.next() % 64) }) {
      let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
      #expect(LittleEndianInteger.decimal(bytes[...]) == String(value), "seed \(seed)")
    }
  }

  @Test func longerOnesAreExact() {
    #expect(
      LittleEndianInteger.decimal(([UInt8](repeating: 0, count: 16) + [1])[...])
        == "340282366920938463463374607431768211456")
    #expect(
      LittleEndianInteger.decimal(([UInt8](repeating: 0, count: 15) + [0x80])[...])
        == "-170141183460469231731687303715884105728")
    #expect(LittleEndianInteger.decimal([]) == "0")
  }

  @Test func hugeOnesAreNotTurnedIntoDigits() {
    #expect(LittleEndianInteger.decimal([UInt8](repeating: 1, count: 257)[...]) == nil)
    #expect(LittleEndianInteger.decimal([UInt8](repeating: 1, count: 256)[...]) != nil)
  }
}
