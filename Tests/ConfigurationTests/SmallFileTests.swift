import TestServers
import Testing

@testable import Configuration

struct SmallFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(arguments: [0, 1, 16_384, 16_385, 50_000])
  func isReadWhole(_ count: Int) throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
    let file = try SmallFile.read(folder.file("f", bytes, mode: 0o640), limit: count)
    #expect(file.bytes == bytes && file.permissions == 0o640)
  }

  @Test func aByteTooManyIsRefused() {
    let path = folder.file("f", [1, 2, 3])
    #expect {
      try SmallFile.read(path, limit: 2)
    } throws: {
      ($0 as? SmallFile.Problem)?.description == "larger than 2 bytes"
    }
  }
}
