import SQLite
import Storage
import TestServers
import Testing

struct BinderTests {
  @Test func valuesAndColumnsGoInOneOrder() throws {
    let folder = try TemporaryFolder()
    let database = try SQLiteDatabase(path: folder.file("a.db"), mode: .readWrite)
    let statement = try database.prepare("SELECT ?, ?, ?, ?, ?").binding {
      $0(Int64(1))
      $0(true)
      $0(2.5)
      $0("three")
      $0(bytes: [4])
    }
    let row = try statement.firstRow { row in
      var columns = Columns(row)
      return (columns.int(), columns.bool(), columns.optionalDouble(), columns.text(), columns.optionalBytes())
    }
    let found = try #require(row)
    #expect(found.0 == 1 && found.1 && found.2 == 2.5 && found.3 == "three" && found.4 == [4])
  }
}
