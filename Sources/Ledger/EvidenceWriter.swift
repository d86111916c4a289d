import ExecutionModel
import Storage

/// Adds evidence to links, behind what is there.
struct EvidenceWriter {
  let database: any Database

  /// Returns whether any of it is new.
  @discardableResult
  func add(_ pieces: [Evidence], to link: Int64) throws -> Bool {
    var known: [Evidence] = []
    var last = 0
    // Asked once: most of it is seen again at each poll.
    try database.prepare(Self.select).binding { $0(link) }.forEachRow { row in
      var columns = Columns(row)
      last = max(last, columns.int())
      known.append(Evidence(kind: columns.text(), value: columns.text()))
    }
    let before = known.count
    for piece in pieces where !known.contains(where: { $0.isSame(as: piece) }) {
      last += 1
      known.append(piece)
      try database.prepare(Self.insert).binding {
        $0(link)
        $0(last)
        $0(piece.kind)
        $0(piece.value)
      }.run()
    }
    return known.count > before
  }

  private static let select = SQL("SELECT position, kind, value FROM evidence WHERE link = ?")
  private static let insert = SQL("INSERT INTO evidence (link, position, kind, value) VALUES (?, ?, ?, ?)")
}

extension Evidence {
  /// By bytes: what Swift takes for the same text may be two values of Airflow's.
  fileprivate func isSame(as other: Evidence) -> Bool {
    kind.hasSameBytes(as: other.kind) && value.hasSameBytes(as: other.value)
  }
}
