import ExecutionModel
import TestServers
import Testing

@testable import Postgres

@Suite struct PostgresParameterTests {
  @Test(
    arguments: [
      (.int(.min), "int8", "-9223372036854775808"), (.int(70_471_883_265_340), "int8", "70471883265340"),
      (.int(.max), "int8", "9223372036854775807"),
      (.text("it's \\ \"q\" ünï 𝔘 \n\t"), "text", "it's \\ \"q\" ünï 𝔘 \n\t"),
      (.text(""), "text", ""), (.intArray([]), "int8[]", "{}"),
      (.intArray([3, -1, .max]), "int8[]", "{3,-1,9223372036854775807}"),
      (.textArray([]), "text[]", "{}"),
      (.textArray(["a,b", "", "{\"}", "NULL"]), "text[]", "{\"a,b\",\"\",\"{\\\"}\",\"NULL\"}"),
      (.bytes([]), "bytea", "\\x"), (.bytes([0, 255, 92]), "bytea", "\\x00ff5c"), (.double(-0.1), "float8", "-0.1"),
      (.double(.infinity), "float8", "Infinity"), (.double(.nan), "float8", "NaN"), (.bool(true), "bool", "true"),
      (.bool(false), "bool", "false"), (.null, "text", nil),
    ] as [(PostgresParameter, String, String?)]) func theServerReadsWhatWasMeant(
      parameter: PostgresParameter, type: String, expected: String?
    ) async throws
  {
    let connection = try await PostgresServer.shared.connection()
    #expect(try await connection.text("SELECT ($1::\(type))::text", [parameter]) == expected)
  }

  @Test func arraysWorkWithAny() async throws {
    let connection = try await PostgresServer.shared.connection()
    let rows = try await connection.rows(
      "SELECT i FROM generate_series(1, 9) i WHERE i = ANY($1) AND i::text <> ALL($2) ORDER BY i",
      [.intArray([2, 4, 40]), .textArray(["4"])]
    ) { try $0.int(0) }
    #expect(rows == [2])
  }

  @Test func aNULCharacterIsRefusedAndNotCutOff() async throws {
    let connection = try await PostgresServer.shared.connection()
    let error = try await connection.error { _ = try await $0.text("SELECT $1", [.text("a\u{0}b")]) }
    #expect(error.kind == .server && error.sqlState == "22021", "\(error)")
  }

  @Test func tooManyParametersAreRefusedHere() async throws {
    let connection = try await PostgresServer.shared.connection()
    let many = [PostgresParameter](repeating: .int(1), count: 65_536)
    let error = try await connection.error { _ = try await $0.text("SELECT 1", many) }
    #expect(error.kind == .usage, "\(error)")
    #expect(try await connection.text("SELECT 'fine'") == "fine")
  }

  @Test(arguments: [UInt64.random(in: 1...UInt64.max)]) func anyTextComesBackAsItWent(seed: UInt64) async throws {
    var random = Seeded(seed)
    let texts = (0..<300).map { _ in
      String(
        String.UnicodeScalarView(
          (0..<Int.random(in: 0...40, using: &random)).map { _ in
            Unicode.Scalar(UInt32.random(in: 1...0x10FFFF, using: &random)) ?? "\u{FFFD}"
          }))
    }
    let connection = try await PostgresServer.shared.connection()
    let back = try await connection.rows("SELECT unnest($1::text[])", [.textArray(texts)]) { try $0.text(0) }
    // What looks like an escaped byte is one on its way to the server (bytes that are no UTF-8): none here.
    #expect(back == texts, "seed \(seed)")
  }
}
