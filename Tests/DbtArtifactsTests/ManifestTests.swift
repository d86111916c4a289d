import Testing

@testable import DbtArtifacts

@Suite struct ManifestTests {
  private static let eachKindOfNodeIsLookedForInItsSectionCases: [(String, String)] = [
    ("model.p.a", "nodes"), ("test.p.a.1", "nodes"), ("operation.p.a", "nodes"), ("source.p.s.t", "sources"),
    ("exposure.p.a", "exposures"), ("unit_test.p.m.t", "unit_tests"), ("function.p.f", "functions"),
    ("macro.p.m", "macros"), ("saved_query.p.q", "saved_queries"),
  ]
  @Test(arguments: eachKindOfNodeIsLookedForInItsSectionCases)
  func eachKindOfNodeIsLookedForInItsSection(_ uniqueID: String, _ section: String) throws {
    let text =
      #"{"\#(section)":{"other.p.x":{"name":"no"},"\#(uniqueID)":{"name":"yes","package_name":"p"}},"docs":[]}"#
    let read = try manifest(text, keeping: [uniqueID])
    #expect(read.nodes.keys.sorted() == [uniqueID])
    #expect(read.nodes[uniqueID]?.name == "yes")
    #expect(read.nodes[uniqueID]?.resourceType == String(uniqueID.prefix { $0 != "." }))
  }

  @Test func sectionsWithoutWantedNodesMayBeAnything() throws {
    let read = try manifest(#"{"nodes":{"model.p.a":{}},"sources":[],"unit_tests":7}"#, keeping: ["model.p.a"])
    #expect(read.nodes.count == 1)
  }

  private static let anotherShapeIsRefusedWithItsPlaceCases: [(String, String)] = [
    (#"[1]"#, ""), (#"{"nodes":[]}"#, "nodes"), (#"{"nodes":{"model.p.a":null}}"#, "nodes.model.p.a"),
  ]
  @Test(arguments: anotherShapeIsRefusedWithItsPlaceCases)
  func anotherShapeIsRefusedWithItsPlace(_ text: String, _ place: String) throws {
    let error = #expect(throws: ArtifactError.self) { _ = try manifest(text, keeping: ["model.p.a"]) }
    #expect(error?.kind == .unexpectedShape)
    #expect(error?.place == place)
  }

  @Test func aManifestOfSomeFutureVersionIsReadAsFarAsItGoes() throws {
    let text = #"""
      {"metadata":{"dbt_schema_version":"v99","invocation_id":"i"},"nodes":{"model.p.a":{"name":"a","hologram":{"x":[1]},
      "depends_on":{"nodes":["model.p.b"],"timelines":[]},"resource_type":"model","schema":"s","alias":"A"}}}
      """#
    let node = try #require(try manifest(text, keeping: ["model.p.a"]).nodes["model.p.a"])
    #expect(node.dependsOn == ["model.p.b"])
    #expect(node.relation == "s.A")
  }
}
