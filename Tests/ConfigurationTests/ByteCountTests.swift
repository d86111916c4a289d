import Testing

@testable import Configuration

@Suite struct ByteCountTests {
  @Test(
    arguments: [
      ("1000000", 1_000_000), ("500MB", 500_000_000), ("20GB", 20_000_000_000), ("1GiB", 1 << 30), ("3kB", 3000),
      ("0", 0),
    ] as [(String, Int64)])
  func sizesAreRead(text: String, bytes: Int64) { #expect(ByteCount.parse(text) == bytes) }

  @Test(arguments: ["", "GB", "1.5GB", "-1", "1 GB", "1gb", "1e9", "9999999999999999999", "999999999999TB", "１MB"])
  func whatIsNoSizeIsRefused(_ text: String) { #expect(ByteCount.parse(text) == nil) }
}
