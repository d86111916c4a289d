import SQLite
import TestServers
import Testing

struct SQLiteErrorTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func aFileThatIsNoDatabaseIsSaidToBeDamaged() throws {
    let path = try folder.write(String(repeating: "no database at all\n", count: 100), to: "a.db")
    let database = try SQLiteDatabase(path: path, mode: .readWrite)
    let error = try #require(throws: SQLiteError.self) { try database.integer("SELECT count(*) FROM sqlite_schema") }
    #expect(error.isCorrupt)
    #expect(!error.isFull && !error.isBusy && !error.isReadOnly && !error.cannotOpen)
  }

  @Test func aDatabaseThatMayNotGrowIsFull() throws {
    let database = try SQLiteDatabase(path: folder.file("a.db"), mode: .readWrite)
    try database.execute("CREATE TABLE t (b BLOB); PRAGMA max_page_count = 4")
    let error = try #require(throws: SQLiteError.self) {
      try database.transaction { try database.execute("INSERT INTO t VALUES (zeroblob(100000))") }
    }
    #expect(error.isFull)
    #expect(try database.integer("SELECT count(*) FROM t") == 0)
    try database.execute("PRAGMA max_page_count = 1000; INSERT INTO t VALUES (zeroblob(100000))")
  }

  @Test func theDescriptionSaysWhatAndWhere() throws {
    let database = try SQLiteDatabase(path: folder.file("a.db"), mode: .readWrite)
    let error = try #require(throws: SQLiteError.self) { try database.execute("SELEC 1") }
    #expect(error.description == "SQLite: near \"SELEC\": syntax error (code 1) in SELEC 1")
  }
}
