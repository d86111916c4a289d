import SQLite
import Storage
import TestServers
import Testing

struct SQLiteStatementTests {
  let folder: TemporaryFolder
  let database: SQLiteDatabase

  init() throws {
    folder = try TemporaryFolder()
    database = try SQLiteDatabase(path: folder.file("a.db"), mode: .readWrite)
    try database.execute("CREATE TABLE v (id INTEGER PRIMARY KEY, i INTEGER, d REAL, t TEXT, b BLOB) STRICT")
  }

  @Test(arguments: [
    "", "plain", "é", "e\u{301}", "\u{0}inside\u{0}", "line\nfeed", "'quoted' \"twice\"", "🙂", "\u{FFFD}80",
  ])
  func textComesBackByteForByte(_ text: String) throws {
    try database.prepare("INSERT INTO v (t) VALUES (?)").binding { $0(text) }.run()
    let back = try database.prepare("SELECT t FROM v").firstRow { $0.optionalText(0) }
    #expect((back ?? nil).map { Array($0.utf8) } == Array(text.utf8))
  }

  @Test(arguments: [[], [0], [0xFF, 0xFE, 0x00], [UInt8](repeating: 7, count: 100_000)])
  func bytesComeBack(_ bytes: [UInt8]) throws {
    try database.prepare("INSERT INTO v (b) VALUES (?)").binding { $0(bytes: bytes) }.run()
    #expect(try database.prepare("SELECT b FROM v").firstRow { $0.optionalBytes(0) } == .some(bytes))
  }

  @Test(arguments: [Int64.min, -1, 0, 1, Int64.max]) func wholeNumbersKeepAllTheirBits(_ number: Int64) throws {
    try database.prepare("INSERT INTO v (i) VALUES (?)").binding { $0(number) }.run()
    #expect(try database.integer("SELECT i FROM v") == number)
  }

  @Test func aNumberThatIsNoneBecomesNull() throws {
    try database.prepare("INSERT INTO v (d) VALUES (?)").binding { $0(Double.nan) }.run()
    #expect(try database.prepare("SELECT d FROM v").firstRow { $0.isNull(0) } == true)
  }

  @Test func whatIsAbsentIsNullInEveryType() throws {
    try database.prepare("INSERT INTO v (i, d, t, b) VALUES (?, ?, ?, ?)").binding {
      $0(Int64?.none)
      $0(Double?.none)
      $0(String?.none)
      $0(bytes: nil)
    }.run()
    let isNull = try database.prepare("SELECT i, d, t, b FROM v").firstRow { row in
      var columns = Columns(row)
      return [
        columns.optionalInteger() == nil, columns.optionalDouble() == nil, columns.optionalText() == nil,
        columns.optionalBytes() == nil,
      ]
    }
    #expect(isNull == [true, true, true, true])
  }

  @Test func rowsThatABodyGivesUpOnLeaveTheStatementReady() throws {
    struct Stop: Error {}
    try database.execute("INSERT INTO v (i) VALUES (1), (2)")
    let statement = try database.prepare("SELECT i FROM v ORDER BY i")
    #expect(throws: Stop.self) { try statement.forEachRow { _ in throw Stop() } }
    #expect(try statement.rows { $0.integer(0) } == [1, 2])
  }

  @Test func aValueThatSQLiteRefusesIsNotSilentlyNull() throws {
    // There is no second parameter.
    let statement = try database.prepare("INSERT INTO v (t) VALUES (?)").binding {
      $0("one")
      $0("two")
    }
    #expect(throws: SQLiteError.self) { try statement.run() }
    #expect(try database.integer("SELECT count(*) FROM v") == 0)
    try database.prepare("INSERT INTO v (t) VALUES (?)").binding { $0("one") }.run()
    #expect(try database.integer("SELECT count(*) FROM v") == 1)
  }

  @Test func whatIsNotBoundIsNullWhateverWasBoundBefore() throws {
    let statement = try database.prepare("SELECT ?1, ?2")
    #expect(
      try statement.binding {
        $0("one")
        $0("two")
      }.firstRow { $0.text(0) + $0.text(1) } == "onetwo")
    #expect(try statement.binding { $0("three") }.firstRow { $0.isNull(1) && $0.text(0) == "three" } == true)
    #expect(try statement.firstRow { $0.isNull(0) && $0.isNull(1) } == true)
  }

  /// Short texts share a place, long ones have their own; each run has its own texts.
  @Test(arguments: [1, 15, 16, 300, 1023, 1024, 1025, 5000]) func textsDoNotMix(_ length: Int) throws {
    let statement = try database.prepare("SELECT ?, ?, ?, ?")
    for letters in [["a", "b", "c", "d"], ["e", "f", "g", "h"]] {
      let texts = letters.enumerated().map { String(repeating: $1, count: length + $0) }
      let back = try statement.binding { for text in texts { $0(text) } }.firstRow { row in (0..<4).map { row.text($0) }
      }
      #expect(back == texts)
    }
  }

  @Test func aRowInHandKeepsItsTextsUntilTheStatementIsUsedAnew() throws {
    let first = try database.prepare("SELECT ?").binding { $0("first") }
    #expect(try first.step())
    let second = try database.prepare("SELECT ? || ''").binding { $0("second") }
    #expect(try second.step())
    #expect(first.text(0) == "first" && second.text(0) == "second")
    _ = first.binding { $0("third") }
    #expect(try first.firstRow { $0.text(0) } == "third")
  }
}
