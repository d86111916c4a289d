import Glibc
import Testing

@testable import Platform

@Suite struct MemoryTests {
  /// Kilobytes of memory of this process that no file stands behind.
  private func privateKilobytes() throws -> Int {
    let file = try #require(fopen("/proc/self/status", "r"))
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, Int32(line.count), file) != nil {
      let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        .split(whereSeparator: \.isWhitespace)
      if words.first == "RssAnon:", words.count > 1, let number = Int(words[1]) { return number }
    }
    throw CancellationError()
  }

  @Test func whatWasFreedGoesBackToTheSystem() throws {
    let blocks = 300_000
    let size = 1000
    var pieces: [UnsafeMutableRawPointer] = []
    for _ in 0..<blocks {
      let piece = try #require(malloc(size))
      memset(piece, 1, size)
      pieces.append(piece)
    }
    // The last one holds the memory below it.
    let last = pieces.removeLast()
    let before = try privateKilobytes()
    for piece in pieces { free(piece) }
    releaseUnusedMemory()
    let after = try privateKilobytes()
    pieces = []
    free(last)
    #expect(after < before - 150_000, "\(before) kB were held, \(after) kB still are")
  }
}
