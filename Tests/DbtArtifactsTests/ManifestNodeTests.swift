import ExecutionModel
import Testing

@testable import DbtArtifacts

@Suite struct ManifestNodeTests {
  private func node(_ uniqueID: String, _ members: String) throws -> DbtNode {
    try #require(
      try manifest(#"{"\#(Manifest.section(ofNode: uniqueID))":{"\#(uniqueID)":{\#(members)}}}"#, keeping: [uniqueID])
        .nodes[uniqueID])
  }

  private static let ownerComesFromMetaThenConfigCases: [(String, String?)] = [
    (#""meta":{"owner":"a"},"config":{"meta":{"owner":"b"}}"#, "a"),
    (#""config":{"meta":{"owner":"b"}},"meta":{}"#, "b"), (#""meta":{"owner":{"name":"N","email":"e"}}"#, "N"),
    (#""meta":{"owner":{"email":"e"}}"#, "e"), (#""meta":{"owner":["x"]}"#, "x"),
    (#""meta":{"owner":["x",{"name":"N"},7,null]}"#, "x, N"), (#""meta":{"owner":[]}"#, nil),
    (#""meta":{"owner":[[]]}"#, nil), (#""meta":[]"#, nil),
    (#""owner":{"name":"Ana","email":"ana@example.com"}"#, "Ana"),
  ]
  @Test(arguments: ownerComesFromMetaThenConfigCases)
  func ownerComesFromMetaThenConfig(_ members: String, _ expected: String?) throws {
    #expect(try node("exposure.p.a", members).owner == expected)
  }

  private static let relationIsThatOfTablesAndViewsCases: [(String, String, String?)] = [
    ("model.p.a", #""database":"d","schema":"s","alias":"x","name":"a""#, "d.s.x"),
    ("model.p.a", #""database":null,"schema":"s","alias":"x""#, "s.x"),
    ("model.p.a", #""database":"d","schema":"s","alias":"x","config":{"materialized":"ephemeral"}"#, nil),
    ("source.p.s.t", #""database":"d","schema":"s","identifier":"real","name":"t""#, "d.s.real"),
    ("seed.p.a", #""database":"d","schema":"s","alias":null,"name":"a""#, "d.s.a"),
    ("test.p.a.1", #""database":"d","schema":"s","alias":"x","relation_name":"\"d\"""#, nil),
    ("operation.p.h", #""database":"d","schema":"s","alias":"x""#, nil),
    ("model.p.a", #""database":"d""#, nil),
  ]
  @Test(arguments: relationIsThatOfTablesAndViewsCases)
  func relationIsThatOfTablesAndViews(_ uniqueID: String, _ members: String, _ expected: String?) throws {
    #expect(try node(uniqueID, members).relation == expected)
  }

  @Test func testsHaveTheirOwnMembers() throws {
    let test = try node(
      "test.p.t.1",
      #"""
      "column_name":"id","attached_node":"model.p.a","config":{"severity":"WARN"},
      "test_metadata":{"name":"expression_is_true","namespace":"dbt_utils","kwargs":{}}
      """#)
    #expect(test.column == "id")
    #expect(test.attachedNode == "model.p.a")
    #expect(test.severity == "warn")
    #expect(test.test == "dbt_utils.expression_is_true")
    let model = try node("model.p.a", #""column_name":"id","attached_node":"model.p.b","config":{"severity":"WARN"}"#)
    #expect(model.column == nil)
    #expect(model.attachedNode == nil)
    #expect(model.severity == nil)
  }

  @Test func testsOfDbtItselfBearNoNamespace() throws {
    #expect(try node("test.p.t.1", #""test_metadata":{"name":"unique","namespace":"dbt"}"#).test == "unique")
    #expect(try node("test.p.t.1", #""test_metadata":{"name":"unique","namespace":null}"#).test == "unique")
    #expect(try node("test.p.t", #""test_metadata":null"#).test == nil)
  }

  @Test func seedsWithoutDependenciesHaveNone() throws {
    #expect(try node("seed.p.a", #""depends_on":{"macros":[]}"#).dependsOn == [])
    #expect(try node("seed.p.a", #""depends_on":null"#).dependsOn == [])
  }

  @Test func tagsAndGroupComeFromTheNodeThenItsConfig() throws {
    let node = try node("model.p.a", #""config":{"tags":"nightly","group":"finance"},"group":null"#)
    #expect(node.tags == ["nightly"])
    #expect(node.group == "finance")
    #expect(try self.node("model.p.a", #""tags":[],"config":{"tags":["x"]}"#).tags == [])
  }
}
