import ExecutionModel
import Testing

@testable import DbtArtifacts

@Suite struct ManifestReadingTests {
  /// `a` reads the ephemeral `e` and the seed; `e` reads a source, another ephemeral model and something of another
  /// project. Parents come before and after what reads them.
  private static let text = #"""
    {"sources":{"source.p.s.t":{"database":"d","schema":"s","identifier":"real","name":"t"}},
    "nodes":{
    "model.p.e":{"schema":"s","alias":"e","config":{"materialized":"ephemeral"},
      "depends_on":{"nodes":["source.p.s.t","model.p.e2","model.other.x"]}},
    "model.p.a":{"schema":"s","alias":"a","depends_on":{"nodes":["model.p.e","seed.p.c","model.p.missing"]}},
    "seed.p.c":{"schema":"s","alias":"c","compiled_code":null},
    "model.p.e2":{"schema":"s","config":{"materialized":"ephemeral"},"depends_on":{"nodes":["model.p.b","seed.p.c"]}},
    "model.p.b":{"schema":"s","alias":"b","depends_on":{"nodes":["model.p.further"]},"compiled_code":"select 1"},
    "model.p.further":{"schema":"s","alias":"further"},
    "model.p.odd":[]}}
    """#

  @Test func inputsGoThroughEphemeralModelsToRelations() throws {
    let read = try manifest(Self.text, keeping: ["model.p.a"])
    let node = try #require(read.nodes["model.p.a"])
    #expect(read.inputs(of: node) == ["source.p.s.t", "model.p.b", "seed.p.c"])
    #expect(node.dependsOn == ["model.p.e", "seed.p.c", "model.p.missing"])
    #expect(read.nodes["source.p.s.t"]?.relation == "d.s.real")
    #expect(read.nodes["source.p.s.t"]?.alias == "real")
  }

  @Test func nodesThatNobodyReadsAreNotKept() throws {
    let read = try manifest(Self.text, keeping: ["model.p.a"])
    #expect(read.nodes.keys.sorted() == ["model.p.a", "model.p.b", "seed.p.c", "source.p.s.t"])
    #expect(try manifest(Self.text, keeping: []).nodes.isEmpty)
  }

  @Test func anEphemeralModelThatWasAskedForIsReadThroughAsWell() throws {
    let read = try manifest(Self.text, keeping: ["model.p.a", "model.p.e"])
    let node = try #require(read.nodes["model.p.a"])
    #expect(read.inputs(of: node) == ["source.p.s.t", "model.p.b", "seed.p.c"])
    #expect(read.nodes["model.p.e"]?.relation == nil)
  }

  @Test(arguments: Folders.withCatalog.sorted())
  func everyNodeIsGivenOnceWithItsColumns(_ folder: String) throws {
    let wanted = try RunResults(path: Folders.path(folder, .runResults)).uniqueIDs
    let catalog = try Catalog(path: Folders.path(folder, .catalog), keeping: nil)
    var given: [DbtNode] = []
    let read = try Manifest(path: Folders.path(folder, .manifest), keeping: wanted, catalog: catalog) {
      given.append($0)
    }
    #expect(given.count == read.nodes.count && given.contains { wanted.contains($0.uniqueID) })
    #expect(given.contains { $0.columns.contains { $0.type != nil } })
    for var node in given {
      (node.columns, node.meta, node.description) = ([], [], nil)
      #expect(read.nodes[node.uniqueID] == node)
    }
    // As where the catalog is read last.
    var step = DbtStep(index: 1)
    step.nodes = try Manifest(path: Folders.path(folder, .manifest), keeping: wanted).nodes
    step.add(try Catalog(path: Folders.path(folder, .catalog), keeping: Set(step.nodes.keys)))
    #expect(Set(step.nodes.values) == Set(given))
  }

  @Test func circlesEnd() throws {
    let text = #"""
      {"nodes":{"model.p.a":{"schema":"s","alias":"a","depends_on":{"nodes":["model.p.a","model.p.e"]}},
      "model.p.e":{"config":{"materialized":"ephemeral"},"depends_on":{"nodes":["model.p.f"]}},
      "model.p.f":{"config":{"materialized":"ephemeral"},"depends_on":{"nodes":["model.p.e","model.p.a"]}}}}
      """#
    let read = try manifest(text, keeping: ["model.p.a"])
    #expect(read.inputs(of: try #require(read.nodes["model.p.a"])) == [])
  }

  @Test func aLongChainOfEphemeralModelsIsFollowed() throws {
    let length = 20_000
    var nodes = [#""model.p.a":{"schema":"s","alias":"a","depends_on":{"nodes":["model.p.e0"]}}"#]
    for index in 0..<length {
      let parent = index + 1 < length ? "model.p.e\(index + 1)" : "seed.p.c"
      nodes.append(
        #""model.p.e\#(index)":{"config":{"materialized":"ephemeral"},"depends_on":{"nodes":["\#(parent)"]}}"#)
    }
    nodes.append(#""seed.p.c":{"schema":"s","alias":"c"}"#)
    let read = try manifest(#"{"nodes":{\#(nodes.joined(separator: ","))}}"#, keeping: ["model.p.a"])
    #expect(read.inputs(of: try #require(read.nodes["model.p.a"])) == ["seed.p.c"])
  }

  @Test func anOddNodeThatIsReadCostsOnlyItself() throws {
    let text = #"""
      {"nodes":{"model.p.odd":[],"model.p.a":{"schema":"s","alias":"a","depends_on":{"nodes":["model.p.odd"]}}}}
      """#
    let read = try manifest(text, keeping: ["model.p.a"])
    #expect(read.inputs(of: try #require(read.nodes["model.p.a"])) == [])
  }

  @Test func sqlIsKeptOnlyWhereItIsAskedFor() throws {
    let document = try Document(Self.text, .manifest)
    #expect(try Manifest(path: document.path, keeping: ["model.p.b"]).nodes["model.p.b"]?.sql == nil)
    let read = try Manifest(path: document.path, keeping: ["model.p.b"], keepsSQL: true)
    #expect(read.nodes["model.p.b"]?.sql == "select 1")
  }

  @Test func anErrorInANodeThatIsReadNamesIt() throws {
    let text = #"""
      {"nodes":{"model.p.b":{"name":"\x"},"model.p.a":{"schema":"s","alias":"a","depends_on":{"nodes":["model.p.b"]}}}}
      """#
    let error = #expect(throws: ArtifactError.self) { _ = try manifest(text, keeping: ["model.p.a"]) }
    #expect(error?.place == "nodes.model.p.b")
    #expect(error?.kind == .notJSON)
  }
}
