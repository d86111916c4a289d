import Testing

@testable import OpenLineage

@Suite struct DigestTests {
  private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  @Test func digestsAreThoseOfTheirStandards() throws {
    // RFC 3174 and RFC 1321.
    #expect(hex(try Digest.sha1(Array("abc".utf8))) == "a9993e364706816aba3e25717850c26c9cd0d89d")
    #expect(hex(try Digest.sha1([])) == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
    #expect(hex(try Digest.md5(Array("abc".utf8))) == "900150983cd24fb0d6963f7d28e17f72")
    #expect(hex(try Digest.md5([])) == "d41d8cd98f00b204e9800998ecf8427e")
  }
}
