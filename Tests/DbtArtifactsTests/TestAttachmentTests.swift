import Testing

@testable import DbtArtifacts

@Suite struct TestAttachmentTests {
  private static let theCallNamesTheNodeCases: [(String, [String], String?)] = [
    ("{{ get_where_subquery(ref('orders')) }}", ["model.p.customers", "model.p.orders"], "model.p.orders"),
    ("{{ get_where_subquery(ref('q', 'orders')) }}", ["model.p.orders", "model.q.orders"], "model.q.orders"),
    ("{{ get_where_subquery(ref('dim', v='2')) }}", ["model.p.dim.v1", "model.p.dim.v2"], "model.p.dim.v2"),
    ("{{ get_where_subquery(ref('dim', version=1)) }}", ["model.p.dim.v1", "model.p.dim.v2"], "model.p.dim.v1"),
    ("{{ get_where_subquery(ref(\"orders\")) }}", ["seed.p.orders"], "seed.p.orders"),
    (
      "{{ get_where_subquery(source('raw', 'orders')) }}", ["model.p.orders", "source.p.raw.orders"],
      "source.p.raw.orders"
    ),
    ("{{ xref('orders') }}", ["model.p.orders"], nil), ("{{ ref(name) }}", ["model.p.orders"], nil),
    ("{{ get_where_subquery(ref('gone')) }}", ["model.p.orders"], nil), ("", ["model.p.orders"], nil),
    ("ref('a'", ["model.p.a"], nil), ("ref('orders')", ["model.p.orders", "model.q.orders"], nil),
  ]
  @Test(arguments: theCallNamesTheNodeCases)
  func theCallNamesTheNode(_ model: String, _ candidates: [String], _ expected: String?) {
    #expect(TestAttachment.node(model: model, fileKeyName: nil, among: candidates) == expected)
  }

  private static let theFileKeyIsAskedNextCases: [(String, [String], String?)] = [
    ("models.orders", ["model.p.customers", "model.p.orders"], "model.p.orders"),
    ("sources.raw", ["source.p.raw.orders"], nil), ("orders", ["model.p.orders"], nil),
  ]
  @Test(arguments: theFileKeyIsAskedNextCases)
  func theFileKeyIsAskedNext(_ key: String, _ candidates: [String], _ expected: String?) {
    #expect(TestAttachment.node(model: nil, fileKeyName: key, among: candidates) == expected)
  }
}
