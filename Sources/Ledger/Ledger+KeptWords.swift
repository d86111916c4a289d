import ExecutionModel
import Records
import Storage

extension KeptWords {
  /// Proposed links with their evidence as it is kept.
  func kept(_ proposals: [LinkProposal]) -> [LinkProposal] {
    proposals.map { proposal in
      var proposal = proposal
      for index in proposal.evidence.indices {
        proposal.evidence[index].value = kept(evidence: proposal.evidence[index].value)
      }
      return proposal
    }
  }
}

extension Ledger {
  /// Says what of the words of others is kept from now on. What was kept by other rules is brought in line first, so that
  /// `drop` and new names of secrets also hold for what is there already; what was dropped does not come back.
  public func register(keeping words: KeptWords) throws {
    let known = try read { database in
      try database.prepare("SELECT rules FROM kept_words").firstRow { $0.text(0) }
    }
    if known != words.rules {
      if case .file = place { try write { try $0.execute("PRAGMA secure_delete = ON") } }
      if words != .all { try redact(by: words) }
      try write { database in
        try database.prepare(
          "INSERT INTO kept_words (id, rules) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET rules = excluded.rules"
        ).binding { $0(words.rules) }.run()
      }
      if case .file = place { try write { try $0.execute("PRAGMA secure_delete = OFF") } }
    }
    keptWords = words
  }

  private func redact(by words: KeptWords) throws {
    try redact("dag_run", "conf", by: "id") { words.kept(RawJSON($0))?.text }
    try redact("dbt_run", "status_message", by: "id") { words.kept(message: $0) }
    try redact("evidence", "value", by: "link", isNeeded: true) { words.kept(evidence: $0) }
    guard words.messages != .keep else { return }
    try redact("dbt_result", "message", by: "dbt_run") { words.kept(message: $0) }
    try redact("dbt_freshness", "error", by: "dbt_run") { words.kept(message: $0) }
  }

  private static let valuesPerSlice: Int64 = 2000

  /// Writes every value of a column anew that is not what it should be, in transactions of some size.
  /// - Parameter key: the first column of the primary key, by which the table is cut into slices.
  private func redact(
    _ table: String, _ column: String, by key: String, isNeeded: Bool = false, _ body: (String) -> String?
  ) throws {
    var after = Int64.min
    while true {
      let last = try read { database in
        try database.prepare(
          """
          SELECT max(k) FROM (SELECT \(key) AS k FROM \(table) WHERE \(key) > ? AND \(column) IS NOT NULL
            ORDER BY \(key) LIMIT \(Self.valuesPerSlice)) AS slice
          """
        ).binding { $0(after) }.firstRow { $0.optionalInteger(0) } ?? nil
      }
      guard let last else { return }
      try write { database in
        let values = try database.prepare(
          "SELECT DISTINCT \(key), \(column) FROM \(table) WHERE \(key) > ? AND \(key) <= ? AND \(column) IS NOT NULL"
        ).binding {
          $0(after)
          $0(last)
        }.rows { (key: $0.integer(0), text: $0.text(1)) }
        for value in values {
          let kept = body(value.text) ?? (isNeeded ? Redaction.mask : nil)
          if kept == value.text { continue }
          try database.prepare("UPDATE \(table) SET \(column) = ? WHERE \(key) = ? AND \(column) = ?").binding {
            $0(kept)
            $0(value.key)
            $0(value.text)
          }.run()
        }
      }
      after = last
    }
  }
}
