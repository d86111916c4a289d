import SQLite
import Storage
import TestServers
import Testing

struct SQLTests {
  private static let one = SQL("SELECT ? + 1")
  private static let two = SQL("SELECT ? + 2")

  @Test func eachHasAStatementOfItsOwnInEachConnection() throws {
    let folder = try TemporaryFolder()
    let databases = try ["a.db", "b.db"].map { try SQLiteDatabase(path: folder.file($0), mode: .readWrite) }
    for database in databases {
      #expect(try database.prepare(Self.two).binding { $0(40) }.firstRow { $0.integer(0) } == 42)
      #expect(try database.prepare(Self.one).binding { $0(40) }.firstRow { $0.integer(0) } == 41)
      #expect(try database.prepare(Self.one) === database.prepare(Self.one))
    }
    #expect(try databases[0].prepare(Self.one) !== databases[1].prepare(Self.one))
  }

  @Test func itStartsAfresh() throws {
    let folder = try TemporaryFolder()
    let database = try SQLiteDatabase(path: folder.file("a.db"), mode: .readWrite)
    let first = try database.prepare(Self.one).binding { $0(1) }
    #expect(try first.step())
    #expect(try database.prepare(Self.one).firstRow { $0.isNull(0) } == true)
  }

  @Test func aFaultIsToldWhenItIsPrepared() throws {
    let folder = try TemporaryFolder()
    let database = try SQLiteDatabase(path: folder.file("a.db"), mode: .readWrite)
    #expect(throws: SQLiteError.self) { try database.prepare(SQL("SELEC 1")) }
  }
}
