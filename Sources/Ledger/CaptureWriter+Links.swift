import ExecutionModel
import Storage

extension CaptureWriter {
  /// Keeps what the evidence of one run proposes. Evidence only ever grows: an XCom that Airflow has deleted since was
  /// still there once. Returns how many links are new or know more.
  /// - Parameter isNew: the run is new to the ledger, and so has no links yet.
  mutating func keepLinks(_ proposals: [LinkProposal], of dagRun: Int64, isNew: Bool = false) throws -> Int {
    var changes = 0
    var linked: Set<AttemptKey> = []
    for proposal in proposals {
      if isNew, linked.insert(proposal.attempt).inserted {
        try keepNew(proposal, of: dagRun)
        changes += 1
        continue
      }
      if proposal.target == nil, try hasLink(proposal.attempt, of: dagRun, named: true) { continue }
      if let target = proposal.target {
        if proposal.isCandidate,
          try hasLink(proposal.attempt, of: dagRun, named: true, certain: true, except: target.runID)
        {
          continue
        }
        // Better evidence has come: what could not be resolved, or was only a candidate, is settled.
        if !proposal.isCandidate { try dropGuesses(proposal.attempt, of: dagRun, except: target.runID) }
      }
      changes += try keep(proposal, of: dagRun)
    }
    outcome.newLinks += changes
    return changes
  }

  private func hasLink(
    _ attempt: AttemptKey, of dagRun: Int64, named: Bool, certain: Bool = false, except runID: Int64 = -1
  ) throws -> Bool {
    try database.prepare(
      """
      SELECT 1 FROM link WHERE dag_run = ? AND task_id = ? AND map_index = ? AND try_number = ?
        AND (run_id > 0 OR ? = 0) AND (is_candidate = 0 OR ? = 0) AND run_id <> ?
      """
    ).binding {
      $0(dagRun)
      AttemptRow.bind(attempt, to: &$0)
      $0(named)
      $0(certain)
      $0(runID)
    }.firstRow { _ in true } ?? false
  }

  private func dropGuesses(_ attempt: AttemptKey, of dagRun: Int64, except runID: Int64) throws {
    let guesses = try database.prepare(
      """
      SELECT id FROM link WHERE dag_run = ? AND task_id = ? AND map_index = ? AND try_number = ?
        AND (run_id = 0 OR is_candidate = 1) AND run_id <> ?
      """
    ).binding {
      $0(dagRun)
      AttemptRow.bind(attempt, to: &$0)
      $0(runID)
    }.rows { $0.integer(0) }
    for id in guesses {
      for sql in [
        "DELETE FROM evidence WHERE link = ?", "DELETE FROM link_target WHERE link = ?",
        "DELETE FROM link WHERE id = ?",
      ] { try database.prepare(sql).binding { $0(id) }.run() }
    }
  }

  private struct KnownLink {
    var id: Int64
    var confidence: Confidence?
    var isCandidate: Bool
    var accountID: Int64?
  }

  /// Returns 1 when the link is new or knows more.
  private func keep(_ proposal: LinkProposal, of dagRun: Int64) throws -> Int {
    guard let known = try knownLink(like: proposal, of: dagRun) else {
      try keepNew(proposal, of: dagRun)
      return 1
    }
    let hasNewEvidence = try EvidenceWriter(database: database).add(proposal.evidence, to: known.id)
    let isSettled = known.isCandidate && !proposal.isCandidate
    let isAccountFound = known.accountID == nil && proposal.target?.accountID != nil
    // Between several accounts the same evidence, however strong, decides nothing when it is seen again.
    let isStronger =
      known.confidence == .ambiguous
      ? isAccountFound : !proposal.isCandidate && known.confidence.map { $0 < proposal.confidence } ?? true
    guard isSettled || isStronger || isAccountFound else { return hasNewEvidence ? 1 : 0 }
    try database.prepare(
      """
      UPDATE link SET confidence = CASE WHEN ? = 1 THEN ? ELSE confidence END,
        is_candidate = CASE WHEN ? = 1 THEN is_candidate ELSE 0 END,
        relation = CASE WHEN relation IN ('reused', 'retried') THEN relation ELSE ? END,
        host = coalesce(?, host), account_id = coalesce(?, account_id) WHERE id = ?
      """
    ).binding {
      $0(isStronger)
      $0(proposal.confidence.rawValue)
      $0(proposal.isCandidate)
      $0(proposal.relation.rawValue)
      $0(proposal.target?.host)
      $0(proposal.target?.accountID)
      $0(known.id)
    }.run()
    if let target = proposal.target {
      try database.prepare("DELETE FROM link_target WHERE link = ?").binding { $0(known.id) }.run()
      try aim(known.id, at: target, isCandidate: proposal.isCandidate && known.isCandidate)
    }
    return 1
  }

  private func keepNew(_ proposal: LinkProposal, of dagRun: Int64) throws {
    let id = try insert(proposal, of: dagRun)
    for (index, piece) in proposal.evidence.enumerated() where !proposal.evidence.prefix(index).contains(piece) {
      try database.prepare(Self.insertEvidence).binding {
        $0(id)
        $0(index + 1)
        $0(piece.kind)
        $0(piece.value)
      }.run()
    }
    if let target = proposal.target { try aim(id, at: target, isCandidate: proposal.isCandidate) }
  }

  private static let insertEvidence = SQL("INSERT INTO evidence (link, position, kind, value) VALUES (?, ?, ?, ?)")

  private func aim(_ link: Int64, at target: DbtRunReference, isCandidate: Bool) throws {
    try LinkAim(database: database, accounts: accounts).aim(link, at: target, isCandidate: isCandidate)
  }

  private func knownLink(like proposal: LinkProposal, of dagRun: Int64) throws -> KnownLink? {
    try database.prepare(
      """
      SELECT id, confidence, is_candidate, account_id FROM link
      WHERE dag_run = ? AND task_id = ? AND map_index = ? AND try_number = ? AND run_id = ?
      """
    ).binding {
      $0(dagRun)
      AttemptRow.bind(proposal.attempt, to: &$0)
      $0(proposal.target?.runID ?? 0)
    }.firstRow {
      KnownLink(
        id: $0.integer(0), confidence: Confidence(rawValue: $0.text(1)), isCandidate: $0.bool(2),
        accountID: $0.optionalInteger(3))
    }
  }

  private static let insertLink = SQL(
    """
    INSERT INTO link (dag_run, task_id, map_index, try_number, run_id, host, account_id, relation, confidence,
      is_candidate, unresolved, made_at) VALUES (\(placeholders(12)))
    """)

  private func insert(_ proposal: LinkProposal, of dagRun: Int64) throws -> Int64 {
    try database.prepare(Self.insertLink).binding {
      $0(dagRun)
      AttemptRow.bind(proposal.attempt, to: &$0)
      $0(proposal.target?.runID ?? 0)
      $0(proposal.target?.host)
      $0(proposal.target?.accountID)
      $0(proposal.relation.rawValue)
      $0(proposal.confidence.rawValue)
      $0(proposal.isCandidate)
      $0(proposal.unresolved)
      $0(now)
    }.insert()
  }
}
