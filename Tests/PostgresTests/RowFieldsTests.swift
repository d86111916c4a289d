import Testing

@testable import Postgres

@Suite struct RowFieldsTests {
  private func load(_ bytes: [UInt8]) throws -> [[UInt8]?]? {
    let fields = RowFields(query: "q")
    return try bytes.withUnsafeBytes { tuple in
      guard try fields.load(tuple: tuple) else { return nil }
      return (0..<fields.count).map { fields[$0].map { Array($0) } }
    }
  }

  @Test func aTupleIsTakenApart() throws {
    let tuple: [UInt8] = [0, 3, 0, 0, 0, 2, 7, 8, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]
    #expect(try load(tuple) == [[7, 8], nil, []])
    #expect(try load([0xFF, 0xFF]) == nil)
    #expect(try load([0, 0]) == [])
  }

  @Test(
    arguments: [
      [], [0], [0, 1], [0, 1, 0, 0, 0], [0, 1, 0, 0, 0, 2, 1], [0, 1, 0x7F, 0xFF, 0xFF, 0xFF],
      [0, 1, 0xFF, 0xFF, 0xFF, 0xFE], [0, 1, 0, 0, 0, 1, 1, 1], [0xFF, 0xFE], [0xFF, 0xFF, 0],
    ] as [[UInt8]]) func aBrokenTupleIsADecodeError(bytes: [UInt8])
  {
    #expect { _ = try load(bytes) } throws: { ($0 as? PostgresError)?.kind == .decode }
  }

  @Test(arguments: [UInt64.random(in: 1...UInt64.max)]) func noBytesReadBeyondTheirEnd(seed: UInt64) {
    var random = Seeded(seed)
    for _ in 0..<20_000 {
      var bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in UInt8.random(in: 0...3, using: &random) }
      for index in bytes.indices where UInt8.random(in: 0...7, using: &random) == 0 { bytes[index] = 0xFF }
      guard let fields = try? load(bytes) else { continue }
      let length = fields.reduce(2) { $0 + 4 + ($1?.count ?? 0) }
      #expect(length == bytes.count, "seed \(seed): \(bytes)")
    }
  }

  @Test func theHeaderOfCopyIsSkippedWithItsExtension() throws {
    let signature = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0]
    let fields = RowFields(query: "q")
    func length(_ bytes: [UInt8]) throws -> Int { try bytes.withUnsafeBytes { try fields.copyHeaderLength($0) } }
    #expect(try length(signature + [0, 0, 0, 0, 0, 0, 0, 0, 9, 9]) == 19)
    #expect(try length(signature + [0, 0, 0, 0, 0, 0, 0, 2, 9, 9]) == 21)
    for broken in [
      signature, signature + [0, 0, 0, 0, 0, 0, 0, 1], signature + [0, 1, 0, 0, 0, 0, 0, 0],
      signature + [0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF], Array(repeating: 0, count: 30),
    ] {
      #expect(throws: PostgresError.self) { _ = try length(broken) }
    }
  }
}
