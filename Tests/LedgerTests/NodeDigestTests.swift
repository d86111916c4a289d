import ExecutionModel
import Testing

@testable import Ledger

struct NodeDigestTests {
  static func fullNode() -> DbtNode {
    var node = DbtNode(uniqueID: "model.shop.orders")
    (node.resourceType, node.name, node.package, node.path) = ("model", "orders", "shop", "models/orders.sql")
    (node.owner, node.group, node.tags, node.relation) = ("ann", "finance", ["nightly", "é"], "db.mart.orders")
    (node.database, node.schema, node.alias, node.materialized) = ("db", "mart", "orders", "table")
    (node.description, node.dependsOn, node.attachedNode) = ("d\n\u{0}", ["source.shop.raw.orders"], "model.shop.a")
    (node.column, node.test, node.severity, node.warnIf, node.errorIf) = ("id", "not_null", "warn", "!= 0", "> 10")
    node.columns = [DbtColumn(name: "id", type: "int", description: "key"), DbtColumn(name: "\"x\"")]
    node.meta = [DbtMeta(key: "tier", value: "1"), DbtMeta(key: "a", value: #"{"b":[1]}"#)]
    node.sql = "select 1"
    return node
  }

  /// Every fact changed on its own, and facts moved from one member to the next.
  private static var variants: [DbtNode] {
    let changes: [(inout DbtNode) -> Void] = [
      { _ in }, { $0.uniqueID += "x" }, { $0.resourceType = nil }, { $0.name = nil }, { $0.package = "" },
      { $0.path = "p" }, { $0.owner = nil }, { $0.group = nil }, { $0.tags = [] }, { $0.tags = ["nightlyé"] },
      { $0.relation = nil }, { $0.database = nil }, { $0.schema = nil }, { $0.alias = nil },
      { $0.materialized = "view" },
      { $0.description = nil }, { $0.dependsOn = [] }, { $0.attachedNode = nil }, { $0.column = nil },
      { $0.test = nil },
      { $0.severity = "error" }, { $0.warnIf = nil }, { $0.errorIf = nil }, { $0.columns = [] },
      { $0.columns[0].type = nil }, { $0.columns[0].description = nil }, { $0.columns.reverse() }, { $0.meta = [] },
      { $0.meta[0].value = "2" }, { $0.sql = nil }, { ($0.database, $0.schema) = ("dbm", "art") },
      { ($0.database, $0.schema) = (nil, "db") },
    ]
    return changes.map { change in
      var node = fullNode()
      change(&node)
      return node
    }
  }

  @Test func otherFactsHaveAnotherDigest() throws {
    var digest = NodeDigest()
    var seen: Set<[UInt8]> = []
    for node in Self.variants {
      let made = digest.digest(of: node, columns: DbtNodeRow.text(node.columns), meta: DbtNodeRow.text(node.meta))
      let bytes = try #require(made)
      #expect(bytes.count == 16)
      #expect(seen.insert(bytes).inserted, "\(node)")
    }
  }

  @Test func theSameFactsHaveTheSameDigest() throws {
    var (one, other) = (NodeDigest(), NodeDigest())
    _ = one.digest(of: DbtNode(uniqueID: "something before"), columns: "[]", meta: nil)
    let node = Self.fullNode()
    let (columns, meta) = (DbtNodeRow.text(node.columns), DbtNodeRow.text(node.meta))
    #expect(one.digest(of: node, columns: columns, meta: meta) == other.digest(of: node, columns: columns, meta: meta))
  }
}
