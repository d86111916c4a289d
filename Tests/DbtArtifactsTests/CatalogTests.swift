import ExecutionModel
import Testing

@testable import DbtArtifacts

@Suite struct CatalogTests {
  private func table(_ members: String) throws -> CatalogNode {
    let document = try Document(#"{"nodes":{"model.p.a":{\#(members)},"model.p.b":7}}"#, .catalog)
    return try #require(try Catalog(path: document.path, keeping: ["model.p.a"]).nodes["model.p.a"])
  }

  @Test func columnsStandInTheOrderOfTheTable() throws {
    let table = try table(
      #"""
      "columns":{"B":{"name":"B","type":"TEXT","index":2,"comment":"second"},"A":{"name":"A","type":"NUMBER","index":1},
      "C":{"type":"DATE"},"D":{"name":"D","index":"3"}}
      """#)
    #expect(table.columns.map(\.name) == ["A", "B", "D", "C"])
    #expect(table.columns.map(\.type) == ["NUMBER", "TEXT", nil, "DATE"])
    #expect(table.columns.map(\.description) == [nil, "second", nil, nil])
  }

  private static let sizesHaveTheNamesOfTheirAdapterCases: [(String, Int64?, Int64?)] = [
    (#""num_rows":{"value":10.0},"num_bytes":{"value":2048}"#, 10, 2048),  // BigQuery
    (#""row_count":{"value":10},"bytes":{"value":2048.0}"#, 10, 2048),  // Snowflake
    (#""rows":{"value":"10"},"bytes":{"value":"2048"}"#, 10, 2048),  // Spark
    (#""rows":{"value":10},"size":{"value":3000000}"#, 10, 3_000_000),  // Redshift: its adapter made bytes of blocks
    (#""has_stats":{"value":false}"#, nil, nil), (#""rows":{"value":-1},"bytes":7"#, nil, nil),
  ]
  @Test(arguments: sizesHaveTheNamesOfTheirAdapterCases)
  func sizesHaveTheNamesOfTheirAdapter(_ stats: String, _ rows: Int64?, _ bytes: Int64?) throws {
    let table = try table(#""columns":{},"stats":{\#(stats)}"#)
    #expect(table.rows == rows)
    #expect(table.bytes == bytes)
  }

  @Test func allThatAreRelationsAreKeptWhereNothingIsAskedFor() throws {
    let document = try Document(
      #"{"nodes":{"model.p.a":{},"seed.p.b":{},"snapshot.p.c":{},"test.p.d":{}},"sources":{"source.p.s.e":{}}}"#,
      .catalog)
    let kept = try Catalog(path: document.path, keeping: nil).nodes.keys.sorted()
    #expect(kept == ["model.p.a", "seed.p.b", "snapshot.p.c", "source.p.s.e"])
  }

  @Test func onlyWhatIsAskedForIsKept() throws {
    let path = Folders.path("1.12-postgres/08_docs_generate", .catalog)
    let catalog = try Catalog(path: path, keeping: ["model.jaffle_ops.fct_orders", "source.jaffle_ops.raw.orders"])
    #expect(catalog.nodes.keys.sorted() == ["model.jaffle_ops.fct_orders", "source.jaffle_ops.raw.orders"])
    #expect(catalog.nodes.values.allSatisfy { !$0.columns.isEmpty })
    #expect(catalog.metadata.dbtVersion == "1.12.6")
  }

  @Test(arguments: [(#"[]"#, ""), (#"{"nodes":[]}"#, "nodes"), (#"{"sources":1}"#, "sources")])
  func anotherShapeIsRefusedWithItsPlace(_ text: String, _ place: String) throws {
    let document = try Document(text, .catalog)
    let error = #expect(throws: ArtifactError.self) { _ = try Catalog(path: document.path, keeping: ["model.p.a"]) }
    #expect(error?.kind == .unexpectedShape)
    #expect(error?.artifact == "catalog.json")
    #expect(error?.place == place)
  }
}
