import SQLite
import TestServers
import Testing

struct SQLiteDatabaseTests {
  let folder: TemporaryFolder
  let database: SQLiteDatabase

  init() throws {
    folder = try TemporaryFolder()
    database = try SQLiteDatabase(path: folder.file("a.db"), mode: .readWrite)
    try database.execute("CREATE TABLE t (n INTEGER) STRICT")
  }

  private func count(_ database: SQLiteDatabase) throws -> Int64? { try database.integer("SELECT count(*) FROM t") }

  @Test func severalStatementsWithCommentsRunInOrder() throws {
    try database.execute("-- one\nINSERT INTO t VALUES (1); /* ; */ INSERT INTO t VALUES (2);\n-- the end\n")
    #expect(try count(database) == 2)
  }

  @Test func aFaultNamesTheStatementThatHasIt() throws {
    let error = try #require(throws: SQLiteError.self) {
      try database.execute("INSERT INTO t VALUES (1); INSERT INTO nowhere VALUES (2)")
    }
    #expect(error.context == "INSERT INTO nowhere VALUES (2)")
    #expect(error.message.contains("nowhere"))
  }

  @Test func aTransactionThatThrowsKeepsNothing() throws {
    struct Stop: Error {}
    #expect(throws: Stop.self) {
      try database.transaction {
        try database.execute("INSERT INTO t VALUES (1)")
        throw Stop()
      }
    }
    #expect(try count(database) == 0)
    try database.transaction { try database.execute("INSERT INTO t VALUES (1)") }
    #expect(try count(database) == 1)
  }

  @Test func aStatementThatFailsInATransactionTakesAllOfItBack() throws {
    #expect(throws: SQLiteError.self) {
      try database.transaction {
        try database.execute("INSERT INTO t VALUES (1)")
        try database.execute("INSERT INTO t VALUES ('text')")
      }
    }
    #expect(try count(database) == 0)
  }

  @Test func aSnapshotDoesNotSeeWhatIsWrittenMeanwhile() throws {
    try database.execute("PRAGMA journal_mode = WAL")
    let reader = try SQLiteDatabase(path: database.path, mode: .readOnly)
    let seen = try reader.snapshot {
      let before = try count(reader)
      try database.execute("INSERT INTO t VALUES (1)")
      return [before, try count(reader)]
    }
    #expect(seen == [0, 0])
    #expect(try count(reader) == 1)
  }

  @Test func aReaderMayNotWriteOrCreate() throws {
    let reader = try SQLiteDatabase(path: database.path, mode: .readOnly)
    let error = try #require(throws: SQLiteError.self) { try reader.execute("INSERT INTO t VALUES (1)") }
    #expect(error.isReadOnly)
    let missing = try #require(throws: SQLiteError.self) {
      try SQLiteDatabase(path: folder.file("none.db"), mode: .readOnly)
    }
    #expect(missing.cannotOpen)
  }

  @Test(arguments: ["plain.db", "a b.db", "100%.db", "what?.db", "#1.db", "ü.db"])
  func anImmutableFileIsOpenedWhateverItsName(_ name: String) throws {
    let path = folder.file(name)
    try SQLiteDatabase(path: path, mode: .readWrite).execute("CREATE TABLE u (n INTEGER); INSERT INTO u VALUES (7)")
    let reader = try SQLiteDatabase(path: path, mode: .immutable)
    #expect(try reader.integer("SELECT n FROM u") == 7)
  }

  @Test func aTextThatIsPreparedTwiceStartsAfresh() throws {
    try database.execute("INSERT INTO t VALUES (1), (2)")
    let first = try database.prepare("SELECT n FROM t WHERE n >= ? ORDER BY n").binding { $0(2) }
    #expect(try first.step())
    let second = try database.prepare("SELECT n FROM t WHERE n >= ? ORDER BY n").binding { $0(1) }
    #expect(try second.rows { $0.integer(0) } == [1, 2])
  }
}
