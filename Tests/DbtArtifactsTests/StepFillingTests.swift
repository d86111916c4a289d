import ExecutionModel
import Testing

@testable import DbtArtifacts

@Suite struct StepFillingTests {
  private func read(_ folder: String) throws -> (RunResults, Manifest) {
    let results = try RunResults(path: Folders.path(folder, .runResults))
    return (results, try Manifest(path: Folders.path(folder, .manifest), keeping: results.uniqueIDs))
  }

  @Test func resultsAndManifestOfOneInvocationAreJoined() throws {
    let (results, manifest) = try read("1.12-postgres/07_build")
    var step = DbtStep(index: 4, name: "Invoke dbt with `dbt build`")
    #expect(step.fill(results, manifest: manifest) == .filled)
    #expect(step.command == "build")
    #expect(step.invocationID == results.metadata.invocationID)
    #expect([step.runResults, step.manifest] == [.fetched, .fetched])
    #expect(step.results.count == 50)
    #expect(step.results.allSatisfy { $0.name != nil && $0.path != nil })
  }

  @Test func aManifestOfAnotherInvocationAddsNothing() throws {
    let (results, _) = try read("1.12-postgres/07_build")
    let (_, manifest) = try read("1.12-postgres/03_run")
    var step = DbtStep(index: 4)
    #expect(step.fill(results, manifest: manifest) == .manifestOfAnotherInvocation)
    #expect([step.runResults, step.manifest] == [.fetched, .invalid])
    #expect(step.results.count == 50)
    #expect(step.results.allSatisfy { $0.name == nil && $0.dependsOn.isEmpty })
    #expect(step.results.allSatisfy { $0.resourceType != nil })
  }

  @Test func filesOfAnEarlierStepAreNotCountedTwice() throws {
    let (results, manifest) = try read("1.12-postgres/07_build")
    let earlier = Set([try #require(results.metadata.invocationID)])
    var step = DbtStep(index: 5)
    #expect(step.fill(results, manifest: manifest, earlier: earlier) == .leftByEarlierStep)
    #expect(step.results.isEmpty)
    #expect(step.invocationID == nil)
    #expect([step.runResults, step.manifest] == [.missing, .notApplicable])
  }

  @Test func docsGenerateFillsNothing() throws {
    let (results, manifest) = try read("1.7-postgres/08_docs_generate")
    var step = DbtStep(index: 5, name: "Custom step")
    #expect(step.fill(results, manifest: manifest) == .noResults)
    #expect(step.results.isEmpty)
    #expect(step.command == "generate")
  }

  @Test func resultsWithoutManifestKeepWhatTheyKnow() throws {
    let (results, _) = try read("1.7-postgres/03_run")
    var step = DbtStep(index: 5)
    step.manifest = .missing
    #expect(step.fill(results, manifest: nil) == .filled)
    #expect(step.manifest == .missing)
    let orders = try #require(step.results.first { $0.uniqueID == "model.jaffle_ops.stg_orders" })
    #expect(orders.relation == "analytics.prod_staging.stg_orders")
    #expect(orders.package == "jaffle_ops")
  }

  @Test func freshnessGoesIntoItsOwnPlace() throws {
    let freshness = try SourceFreshness(path: Folders.path("1.12-postgres/09_source_freshness", .sources))
    var step = DbtStep(index: 4)
    #expect(step.fill(freshness) == .filled)
    #expect(step.sources == .fetched)
    #expect(step.freshness.count == 3)
    #expect(step.results.isEmpty)
    let earlier = Set([try #require(freshness.metadata.invocationID)])
    #expect(step.fill(freshness, earlier: earlier) == .leftByEarlierStep)
    #expect(step.freshness.isEmpty)
  }

  @Test func whatTheInvocationSaysOfItselfIsKept() throws {
    let (results, manifest) = try read("1.12-duckdb/03_run")
    var step = DbtStep(index: 4)
    #expect(step.fill(results, manifest: manifest) == .filled)
    #expect(step.adapter == "duckdb")
    #expect(step.projectName == "jaffle_ops")
    #expect(step.dbtVersion == "1.12.6")
    let batches = step.results.compactMap(\.batches)
    #expect(batches == [DbtBatches(successful: 1, failed: 3)])
  }

  @Test func aStepHasTheNodesOfItsResultsAndWhatThoseRead() throws {
    let (results, manifest) = try read("1.7-postgres/07_build")
    var step = DbtStep(index: 4)
    _ = step.fill(results, manifest: manifest)
    #expect(step.results.allSatisfy { step.nodes[$0.uniqueID] != nil })
    let inputs = Set(step.results.flatMap(\.inputs))
    #expect(inputs.contains { $0.hasPrefix("source.") })
    #expect(inputs.allSatisfy { step.nodes[$0]?.relation != nil })
    #expect(!inputs.contains("model.jaffle_ops.int_order_payments"), "it is ephemeral")
    _ = step.fill(results, manifest: nil)
    #expect(step.nodes.isEmpty)
  }

  @Test func freshnessHasTheNodesOfItsSources() throws {
    let freshness = try SourceFreshness(path: Folders.path("1.7-postgres/09_source_freshness", .sources))
    let manifest = try Manifest(
      path: Folders.path("1.7-postgres/09_source_freshness", .manifest), keeping: freshness.uniqueIDs)
    var step = DbtStep(index: 4)
    #expect(step.fill(freshness, manifest: manifest) == .filled)
    #expect([step.sources, step.manifest] == [.fetched, .fetched])
    #expect(step.freshness.allSatisfy { step.nodes[$0.uniqueID]?.relation != nil })
  }

  @Test func theCatalogGivesTypesAndSizes() throws {
    var step = DbtStep(index: 4)
    var node = DbtNode(uniqueID: "model.p.a")
    node.relation = "d.s.a"
    node.columns = [
      DbtColumn(name: "id", type: "int", description: "the key"), DbtColumn(name: "gone", type: "int"),
      DbtColumn(name: "note", type: "varchar"),
    ]
    step.nodes = ["model.p.a": node]
    var result = DbtNodeResult(uniqueID: "model.p.a", status: "success")
    result.relation = "d.s.a"
    step.results = [result]
    let document = try Document(
      #"""
      {"nodes":{"model.p.a":{"columns":{"NOTE":{"name":"NOTE","index":2,"comment":"free"},
      "ID":{"name":"ID","type":"NUMBER","index":1,"comment":"c"}},"stats":{"row_count":{"value":7},"bytes":{"value":9}}}}}
      """#, .catalog)
    step.add(try Catalog(path: document.path, keeping: ["model.p.a"]))
    #expect(step.catalog == .fetched)
    #expect(
      step.nodes["model.p.a"]?.columns == [
        DbtColumn(name: "ID", type: "NUMBER", description: "the key"),
        DbtColumn(name: "NOTE", type: "varchar", description: "free"),
      ])
    #expect(step.results[0].relationRows == 7)
    #expect(step.results[0].relationBytes == 9)
  }

  /// Whatever the columns are called, and however many there are: the first that is documented under a column's name,
  /// capitals aside, gives what the table lacks.
  @Test func columnsAreJoinedByNameWithoutCase() {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededRandom(seed: seed)
    let names = ["id", "ID", "Id", "note", "né", "NÉ", "ne\u{301}", "k", "\u{212A}", "i", "ı", ""]
    func column(_ prefix: String) -> DbtColumn {
      let many = Bool.random(using: &random) ? "\(Int.random(in: 0..<90, using: &random))" : ""
      return DbtColumn(
        name: (names.randomElement(using: &random) ?? "") + many,
        type: Bool.random(using: &random) ? prefix + "type" : nil,
        description: Bool.random(using: &random) ? prefix + "text" : nil)
    }
    for _ in 0..<300 {
      var node = DbtNode(uniqueID: "model.p.a")
      node.relation = "d.s.a"
      node.columns = (0..<Int.random(in: 0..<100, using: &random)).map { _ in column("our ") }
      var table = CatalogNode()
      table.columns = (0..<Int.random(in: 1..<20, using: &random)).map { _ in column("their ") }
      for index in table.columns.indices where index < node.columns.count && Bool.random(using: &random) {
        table.columns[index].name = node.columns[index].name
      }
      let ours = node.columns
      node.join(table)
      #expect(node.columns.map(\.name) == table.columns.map(\.name))
      for (index, column) in node.columns.enumerated() {
        let name = column.name.lowercased()
        // Where two are documented under one name the one at the column's place is meant.
        let same =
          index < ours.count && ours[index].name == column.name
          ? ours[index] : ours.first { $0.name.lowercased() == name }
        #expect(column.type == table.columns[index].type ?? same?.type, "seed \(seed)")
        #expect(column.description == same?.description ?? table.columns[index].description, "seed \(seed)")
      }
    }
  }
}
