import Records
import Testing

struct NodeGraphTests {
  private func node(
    _ id: String, _ status: String = "success", _ reads: [String] = [], on attached: String? = nil
  ) -> NodeGraph.Node {
    var node = NodeGraph.Node(uniqueID: id, status: status)
    node.reads = Set(reads)
    node.attachedNode = attached
    return node
  }

  /// seed.a → model.b → model.c → model.d, with tests and a neighbour.
  private var graph: NodeGraph {
    NodeGraph([
      node("seed.a", "error"), node("model.b", "skipped", ["seed.a"]), node("model.c", "success", ["model.b"]),
      node("model.d", "partial success", ["model.c"]), node("model.e", "skipped", ["model.d"]),
      node("test.b", "fail", ["model.b"], on: "model.b"), node("test.c", "fail", ["model.c"], on: "model.c"),
      node("test.e", "warn", ["model.e"], on: "model.e"), node("model.z", "error"),
      node("test.bz", "fail", ["model.b", "model.z"]), node("test.ab", "fail", ["seed.a", "model.b"]),
      node("test.cz", "fail", ["model.z", "model.c"], on: "model.c"),
    ])
  }

  @Test func whatFailedUpstreamComesBeforeWhatWasSkipped() {
    let found = graph.troubleUpstream(of: "model.c").map(\.uniqueID)
    #expect(found == ["seed.a", "test.ab", "test.b", "model.b"])
    #expect(graph.troubleUpstream(of: "seed.a") == [])
  }

  @Test func whatFailedDownstreamHasTheTestsOfTheNodeItself() {
    let found = graph.troubleDownstream(of: "model.c").map(\.uniqueID)
    #expect(found == ["model.d", "test.c", "test.cz", "model.e"])
    #expect(graph.troubleDownstream(of: "model.e") == [])
  }

  @Test func aTestIsOfTheNodeThatItIsAttachedTo() {
    #expect(graph.tests(of: "model.c") == ["test.c", "test.cz"])
    #expect(graph.tests(of: "model.z") == ["test.bz"])
    #expect(graph.tests(of: "model.unknown") == [])
  }

  @Test func aCircleEnds() {
    let circle = NodeGraph([node("a", "error", ["b"]), node("b", "error", ["a"])])
    #expect(circle.troubleUpstream(of: "a").map(\.uniqueID) == ["b"])
    #expect(circle.troubleDownstream(of: "a").map(\.uniqueID) == ["b"])
  }
}
