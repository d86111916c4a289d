import ExecutionModel
import TestServers
import Testing

@testable import Postgres

@Suite struct PostgresRowTests {
  /// Both ways of reading give the same row.
  private func read<R: Sendable & Equatable>(
    _ columns: String, _ decode: @Sendable (PostgresRow) throws -> R
  ) async throws -> R {
    let connection = try await PostgresServer.shared.connection()
    let (queried, copied) = try await connection.readOnly { transaction in
      var queried: [R] = []
      var copied: [R] = []
      try transaction.query("SELECT \(columns)") { queried.append(try decode($0)) }
      try transaction.copyOut("SELECT \(columns)") { copied.append(try decode($0)) }
      return (queried, copied)
    }
    #expect(queried.count == 1 && queried == copied)
    return try #require(queried.first)
  }

  @Test func integersOfEveryWidthAreRead() async throws {
    let columns =
      "(-32768)::int2, 2147483647::int4, 9223372036854775807::int8, (-9223372036854775808)::int8, NULL::int4"
    let values = try await read(columns) { row in try (0..<5).map { try row.optionalInt($0) } }
    #expect(values == [-32768, 2_147_483_647, .max, .min, nil])
  }

  @Test(
    arguments: [
      ("'2026-11-20 00:00:04.123456+00'", "2026-11-20T00:00:04.123456Z"),
      ("'2026-11-20 00:00:04+05:30'", "2026-11-19T18:30:04.000000Z"),
      ("'1969-12-31 23:59:59.999999+00'", "1969-12-31T23:59:59.999999Z"),
      ("'2000-01-01 00:00:00+00'", "2000-01-01T00:00:00.000000Z"),
      ("'0001-01-01 00:00:00+00'", "0001-01-01T00:00:00.000000Z"),
      ("'9999-12-31 23:59:59.999999+00'", "9999-12-31T23:59:59.999999Z"), ("'infinity'", nil), ("'-infinity'", nil),
      ("'294276-12-31 23:59:59+00'", nil), ("NULL", nil),
    ] as [(String, String?)]) func instantsAreRead(literal: String, expected: String?) async throws
  {
    let text = try await read("\(literal)::timestamptz") { try $0.optionalInstant(0)?.rfc3339 }
    #expect(text == expected)
    if expected == nil {
      await #expect(throws: PostgresError.self) { _ = try await read("\(literal)::timestamptz") { try $0.instant(0) } }
    }
  }

  @Test func theOtherTypesAreRead() async throws {
    let columns = """
      1.5::float8, 0.25::float4, 'NaN'::float8, true, false, '\\x00ff'::bytea,
      'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid, 'x'::varchar, '{"a": 1}'::json, NULL::bool, NULL::uuid, ''
      """
    _ = try await read(columns) { (row) throws -> Int in
      #expect(try row.optionalDouble(0) == 1.5)
      #expect(try row.optionalDouble(1) == 0.25)
      #expect(try row.optionalDouble(2)?.isNaN == true)
      #expect(try row.optionalBool(3) == true)
      #expect(try row.optionalBool(4) == false)
      #expect(row.optionalBytes(5) == [0, 255])
      #expect(try row.optionalUUID(6) == "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
      #expect(try row.text(7) == "x")
      #expect(try row.optionalText(8) == "{\"a\": 1}")
      #expect(row.unsafeBytes(5)?.count == 2)
      for column in [9, 10] {
        #expect(row.isNull(column))
        #expect(try row.optionalBool(column) == nil)
        #expect(try row.optionalUUID(column) == nil)
        #expect(try row.optionalText(column) == nil)
        #expect(try row.optionalDouble(column) == nil)
        #expect(row.optionalBytes(column) == nil)
        #expect(row.unsafeBytes(column) == nil)
      }
      // Empty is not NULL.
      #expect(!row.isNull(11))
      #expect(try row.optionalText(11) == "")
      #expect(row.optionalBytes(11) == [])
      #expect(row.count == 12)
      return row.count
    }
  }

  @Test func aWrongExpectationIsADecodeErrorThatNamesColumnAndQuery() async throws {
    let attempts: [@Sendable (PostgresRow) throws -> Void] = [
      { _ = try $0.text(0) }, { _ = try $0.int(0) }, { _ = try $0.instant(0) }, { _ = try $0.int(1) },
      { _ = try $0.optionalInstant(1) }, { _ = try $0.optionalDouble(1) }, { _ = try $0.optionalBool(1) },
      { _ = try $0.optionalUUID(1) }, { _ = try $0.text(2) }, { _ = try $0.optionalText(2) },
      { _ = try $0.optionalInt(-1) },
    ]
    let connection = try await PostgresServer.shared.connection()
    for attempt in attempts {
      let error = try await connection.error {
        _ = try await $0.rows("-- odd\nSELECT NULL::text, 'abc'") { try attempt($0) }
      }
      #expect(error.kind == .decode && error.query == "odd" && error.message.hasPrefix("column "), "\(error)")
      #expect(!error.isSafeToRetry)
    }
  }

  @Test func aColumnThatDoesNotExistReadsAsNULLWhereNothingCanBeThrown() async throws {
    _ = try await read("1::int4") { row in
      #expect(row.isNull(1) && row.isNull(-1) && row.optionalBytes(7) == nil)
      return 0
    }
  }

  @Test func aRowThatIsKeptHasNoColumns() async throws {
    let connection = try await PostgresServer.shared.connection()
    try await connection.readOnly { transaction in
      var kept: PostgresRow?
      try transaction.query("SELECT 'gone'") { kept = $0 }
      #expect(kept?.count == 0 && kept?.isNull(0) == true)
      try transaction.copyOut("SELECT 'gone'") { kept = $0 }
      #expect(kept?.count == 0)
    }
  }

  @Test func bytesThatAreNoUTF8ComeBackFromADatabaseWithoutEncoding() async throws {
    let server = try await PostgresServer.shared
    let database = PostgresServer.uniqueName("ascii")
    try await server.createDatabase(database, encoding: "SQL_ASCII")
    try await server.execute(
      """
      SET client_encoding = 'SQL_ASCII';
      CREATE TABLE task (id int, name text);
      INSERT INTO task VALUES (1, E'caf\\xe9'), (2, E'caf\\xc3\\xa9'), (3, E'\\xff\\xfe');
      """, database: database)
    let connection = server.connection(database: database)
    let names = try await connection.rows("SELECT name FROM task ORDER BY id") { try $0.text(0) }
    #expect(names == ["caf\u{FFFD}E9", "café", "\u{FFFD}FF\u{FFFD}FE"])
    // And the text finds its row again.
    for (index, name) in names.enumerated() {
      let ids = try await connection.rows("SELECT id FROM task WHERE name = $1", [.text(name)]) { try $0.int(0) }
      #expect(ids == [Int64(index + 1)])
    }
    let copied = try await connection.readOnly { transaction in
      var copied: [String] = []
      try transaction.copyOut("SELECT name FROM task ORDER BY id") { copied.append(try $0.text(0)) }
      return copied
    }
    #expect(copied == names)
  }

  @Test func otherEncodingsArriveAsUnicode() async throws {
    let server = try await PostgresServer.shared
    let database = PostgresServer.uniqueName("latin")
    try await server.createDatabase(database, encoding: "LATIN1")
    let connection = server.connection(database: database)
    #expect(try await connection.text("SELECT chr(233)") == "é")
    #expect(try await connection.text("SELECT ascii($1)::text", [.text("é")]) == "233")
  }
}
