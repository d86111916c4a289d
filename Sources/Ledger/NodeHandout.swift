import Postgres
import Storage

/// Hands out rows of dbt nodes to those who are about to name them. While the ledger is searched for nodes that nothing
/// names (``Ledger/collectNodes()``), what is handed out is noted, and the search spares it. Of one write transaction:
/// they follow one another, whoever of the syncers that share a ledger writes, so that a node is handed out before it is
/// looked at or is not there any more.
struct NodeHandout {
  /// What was handed out at another moment may be gone.
  struct Moment: Hashable, Sendable {
    /// Counts the searches.
    var collection: Int64
    /// Behind another connection there may be a server that was promoted without the last that was written.
    var connection: Int
  }

  let database: any Database
  let moment: Moment
  private let isUnderWay: Bool

  init(_ database: any Database) throws {
    self.database = database
    let row = try database.prepare(Self.select).firstRow { ($0.integer(0), $0.bool(1)) }
    moment = Moment(collection: row?.0 ?? 0, connection: (database as? PostgresDatabase)?.connections ?? 0)
    isUnderWay = row?.1 ?? false
  }

  func note(_ id: Int64) throws {
    if isUnderWay { try database.prepare(Self.insert).binding { $0(id) }.run() }
  }

  /// Notes nodes that an earlier transaction was handed, unless it is sure that they are spared.
  /// - Throws: ``LedgerError`` of kind `busy` when one of them is gone.
  func claim(_ nodes: [KeptNodes], of before: Moment) throws {
    guard before != moment else { return }
    var ids: Set<Int64> = []
    for some in nodes { for node in some.values { ids.insert(node.id) } }
    for some in slices(of: ids.sorted(), Self.atOnce) {
      let found = try database.prepare(Self.count).binding {
        for id in some { $0(id) }
        for _ in some.count..<Self.atOnce { $0(Int64?.none) }
      }.firstRow { $0.integer(0) }
      guard found == Int64(some.count) else {
        throw LedgerError(
          .busy, path: database.name, detail: "dbt nodes went before a run could name them; it is read again")
      }
      for id in some { try note(id) }
    }
  }

  private static let atOnce = 32

  private static let select = SQL("SELECT number, is_under_way FROM node_collection")
  private static let insert = SQL("INSERT INTO node_handed_out (node) VALUES (?) ON CONFLICT DO NOTHING")
  private static let count = SQL("SELECT count(*) FROM dbt_node WHERE id IN (\(placeholders(atOnce)))")
}
