import Postgres
import TestServers
import Testing

@Suite struct PostgresTransactionTests {
  struct Enough: Error {}

  @Test(arguments: [0, 1, 10_000]) func everyRowArrivesOnceAndInOrder(count: Int) async throws {
    let connection = try await PostgresServer.shared.connection()
    let sql = "SELECT i, repeat('x', i % 300) FROM generate_series(1, \(count)) i ORDER BY i"
    let (queried, copied) = try await connection.readOnly { transaction in
      var queried: [Int64] = []
      var copied: [Int64] = []
      try transaction.query(sql) { row in
        #expect(try row.text(1).utf8.count == Int(try row.int(0)) % 300)
        queried.append(try row.int(0))
      }
      try transaction.copyOut(sql) { copied.append(try $0.int(0)) }
      return (queried, copied)
    }
    #expect(queried == (0..<count).map { Int64($0 + 1) })
    #expect(copied == queried)
  }

  @Test func aLargeValueArrivesWhole() async throws {
    let connection = try await PostgresServer.shared.connection()
    let size = 20_000_000
    let lengths = try await connection.readOnly { transaction in
      var lengths: [Int] = []
      try transaction.query("SELECT repeat('ä', \(size / 2))") { lengths.append(try $0.text(0).utf8.count) }
      try transaction.copyOut("SELECT repeat('ä', \(size / 2))") { lengths.append(try $0.text(0).utf8.count) }
      return lengths
    }
    #expect(lengths == [size, size])
  }

  @Test func aLargeParameterIsSentWhole() async throws {
    let connection = try await PostgresServer.shared.connection()
    let text = String(repeating: "0123456789", count: 1_000_000)
    #expect(
      try await connection.text("SELECT length($1)::text || md5($1)", [.text(text)])?.hasPrefix("10000000") == true)
  }

  @Test(arguments: ["SELECT 1 ;", "SELECT 1 -- why", "SELECT 1;;\n ; ", "SELECT 1 /* ) */", "VALUES (1)"])
  func aSelectForCopyMayEndAsAFileEnds(select: String) async throws {
    let connection = try await PostgresServer.shared.connection()
    let rows = try await connection.readOnly { transaction in
      var rows: [Int64] = []
      try transaction.copyOut(select) { rows.append(try $0.int(0)) }
      return rows
    }
    #expect(rows == [1])
  }

  @Test func aCallbackThatThrowsEndsTheQueryAndItsTransaction() async throws {
    let connection = try await PostgresServer.shared.connection()
    let backend = try await connection.backend()
    for copies in [false, true] {
      await #expect(throws: Enough.self) {
        try await connection.readOnly { transaction in
          let sql = "SELECT generate_series(1, 100000000)"
          if copies {
            try transaction.copyOut(sql) { row in if try row.int(0) == 3 { throw Enough() } }
          } else {
            try transaction.query(sql) { row in if try row.int(0) == 3 { throw Enough() } }
          }
        }
      }
      // And a body that swallows it gets it again.
      let again = try await connection.readOnly { transaction in
        try? transaction.query("SELECT 1") { _ in throw Enough() }
        do {
          try transaction.query("SELECT 2") { _ in }
          return false
        } catch {
          return error is Enough
        }
      }
      #expect(again)
    }
    #expect(try await connection.backend() == backend)
  }

  @Test func anErrorThatTheBodySwallowsIsItsOwnBusiness() async throws {
    let connection = try await PostgresServer.shared.connection()
    let answer = try await connection.readOnly { transaction in
      do {
        try transaction.query("SELECT nothing") { _ in }
        return "found"
      } catch let error as PostgresError where error.sqlState == "42703" {
        return "no such column"
      }
    }
    #expect(answer == "no such column")
    #expect(try await connection.text("SELECT 'fine'") == "fine")
  }

  @Test func aStatementInsideARowsCallbackIsRefused() async throws {
    let connection = try await PostgresServer.shared.connection()
    let error = try await connection.error {
      try await $0.readOnly { transaction in
        try transaction.query("SELECT 1") { _ in try transaction.query("SELECT 2") { _ in } }
      }
    }
    #expect(error.kind == .usage && error.query == "SELECT 2", "\(error)")
    #expect(try await connection.text("SELECT 'fine'") == "fine")
  }

  @Test(arguments: ["COPY (SELECT 1) TO STDOUT", "COPY pg_class FROM STDIN"]) func copyThroughQueryIsRefused(
    sql: String
  ) async throws {
    let connection = try await PostgresServer.shared.connection()
    let error = try await connection.error { _ = try await $0.rows(sql) { _ in 0 } }
    #expect([.usage, .server].contains(error.kind), "\(error)")
    #expect(try await connection.text("SELECT 'fine'") == "fine")
  }

  @Test func aTransactionThatEscapesIsOver() async throws {
    let connection = try await PostgresServer.shared.connection()
    let box = try await connection.readOnly { Escaped($0) }
    #expect { try box.transaction.query("SELECT 1") { _ in } } throws: { ($0 as? PostgresError)?.kind == .usage }
  }

  // Wrong on purpose: what the type system lets nobody do by accident.
  private struct Escaped: @unchecked Sendable {
    let transaction: PostgresTransaction
    init(_ transaction: PostgresTransaction) { self.transaction = transaction }
  }
}
