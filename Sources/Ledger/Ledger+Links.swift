import ExecutionModel
import SQLite

extension CaptureWriter {
  /// Keeps what the evidence of one run proposes. Evidence only ever grows: an XCom that Airflow has deleted since was
  /// still there once. Returns how many links are new or know more.
  mutating func keepLinks(_ proposals: [LinkProposal], of dagRun: Int64) throws -> Int {
    var changes = 0
    for proposal in proposals {
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
        AND (run_id > 0 OR NOT ?) AND (is_candidate = 0 OR NOT ?) AND run_id <> ?
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

  private func keep(_ proposal: LinkProposal, of dagRun: Int64) throws -> Int {
    let runID = proposal.target?.runID ?? 0
    let known = try database.prepare(
      """
      SELECT id, confidence, is_candidate, account_id FROM link
      WHERE dag_run = ? AND task_id = ? AND map_index = ? AND try_number = ? AND run_id = ?
      """
    ).binding {
      $0(dagRun)
      AttemptRow.bind(proposal.attempt, to: &$0)
      $0(runID)
    }.firstRow {
      (id: $0.integer(0), confidence: $0.text(1), isCandidate: $0.bool(2), accountID: $0.optionalInteger(3))
    }
    guard let known else {
      try database.prepare(
        """
        INSERT INTO link (dag_run, task_id, map_index, try_number, run_id, host, account_id, relation, confidence,
          is_candidate, unresolved, made_at) VALUES (\(placeholders(12)))
        """
      ).binding {
        $0(dagRun)
        AttemptRow.bind(proposal.attempt, to: &$0)
        $0(runID)
        $0(proposal.target?.host)
        $0(proposal.target?.accountID)
        $0(proposal.relation.rawValue)
        $0(proposal.confidence.rawValue)
        $0(proposal.isCandidate)
        $0(proposal.unresolved)
        $0(now)
      }.run()
      let id = database.lastInsertedRow
      _ = try addEvidence(proposal.evidence, to: id)
      if let target = proposal.target { try aim(id, at: target, isCandidate: proposal.isCandidate) }
      return 1
    }
    var changed = try addEvidence(proposal.evidence, to: known.id)
    let isSettled = known.isCandidate && !proposal.isCandidate
    let isStronger = Confidence(rawValue: known.confidence).map { $0 < proposal.confidence } ?? true
    let accountFound = known.accountID == nil && proposal.target?.accountID != nil
    if isSettled || (isStronger && !proposal.isCandidate) || accountFound {
      try database.prepare(
        """
        UPDATE link SET confidence = CASE WHEN ? THEN ? ELSE confidence END, is_candidate = is_candidate AND ?,
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
      changed = true
    }
    return changed ? 1 : 0
  }

  private func addEvidence(_ evidence: [Evidence], to link: Int64) throws -> Bool {
    var isNew = false
    for piece in evidence {
      try database.prepare(
        """
        INSERT INTO evidence (link, position, kind, value)
        SELECT ?1, coalesce((SELECT max(position) FROM evidence WHERE link = ?1), 0) + 1, ?2, ?3
        WHERE NOT EXISTS (SELECT 1 FROM evidence WHERE link = ?1 AND kind = ?2 AND value = ?3)
        """
      ).binding {
        $0(link)
        $0(piece.kind)
        $0(piece.value)
      }.run()
      isNew = isNew || database.changes > 0
    }
    return isNew
  }

  /// Finds the dbt runs that a link may mean and asks for them to be fetched.
  private func aim(_ link: Int64, at reference: DbtRunReference, isCandidate: Bool) throws {
    let targets = accounts.targets(of: reference)
    if targets.isEmpty {
      try database.prepare("UPDATE link SET unresolved = ? WHERE id = ?").binding {
        $0("no dbt Cloud account is configured, and nothing says which account run \(reference.runID) belongs to")
        $0(link)
      }.run()
    }
    for target in targets {
      // A number that nobody can confirm is no link, and no reason to list an account that is not configured.
      if isCandidate, target.account == nil, reference.accountID == nil { continue }
      let dbtRun = try DbtRunWriter(database: database).want(target, runID: reference.runID)
      try database.prepare("INSERT INTO link_target (dbt_run, link) VALUES (?, ?) ON CONFLICT DO NOTHING").binding {
        $0(dbtRun)
        $0(link)
      }.run()
      if targets.count == 1, !isCandidate {
        try database.prepare("UPDATE link SET dbt_run = ? WHERE id = ?").binding {
          $0(dbtRun)
          $0(link)
        }.run()
      }
    }
    // A run that was fetched for another link settles this one at once.
    try LinkSettler(database: database).settle(link: link)
  }
}
