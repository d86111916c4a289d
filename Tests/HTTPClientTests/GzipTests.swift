import HTTPClient
import Testing

@Suite struct GzipTests {
  static let samples: [[UInt8]] = [
    [], [0], Array("the same again".utf8), [UInt8](repeating: 0, count: 1_000_000),
    (0..<200_000).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13) },
  ]

  @Test(arguments: samples.indices) func whatWasCompressedComesBack(index: Int) throws {
    let bytes = Self.samples[index]
    let compressed = Gzip.compress(bytes)
    #expect(try Gzip.decompress(compressed, maximumBytes: bytes.count) == bytes)
    #expect(Gzip.compress(bytes) == compressed)
    #expect(compressed[0] == 0x1F && compressed[1] == 0x8B)
    #expect(compressed[4..<8].allSatisfy { $0 == 0 }, "no time of modification")
  }

  @Test func membersAfterEachOtherAreOne() throws {
    let both = Gzip.compress(Array("one ".utf8)) + Gzip.compress(Array("two".utf8))
    #expect(try Gzip.decompress(both, maximumBytes: 7) == Array("one two".utf8))
  }

  @Test func moreThanTheLimitIsAnError() {
    let error = #expect(throws: HTTPError.self) {
      try Gzip.decompress(Gzip.compress([UInt8](repeating: 0, count: 1_000_000)), maximumBytes: 999_999)
    }
    #expect(error?.kind == .tooLarge)
  }

  @Test func aCutAtAnyByteIsTruncated() {
    let whole = Gzip.compress(Array("the same again and again".utf8))
    for length in 0..<whole.count {
      let error = #expect(throws: HTTPError.self) { try Gzip.decompress(Array(whole[..<length]), maximumBytes: 1000) }
      #expect(error?.kind == .truncated, "\(length) bytes")
    }
  }

  @Test func whatIsNoGzipIsAnError() {
    let error = #expect(throws: HTTPError.self) { try Gzip.decompress(Array("<html>".utf8), maximumBytes: 1000) }
    #expect(error?.kind == .protocolError)
    var damaged = Gzip.compress([UInt8](repeating: 7, count: 1000))
    damaged[damaged.count - 5] ^= 1
    #expect(throws: HTTPError.self) { try Gzip.decompress(damaged, maximumBytes: 1000) }
  }
}
