import Correlation
import ExecutionModel
import Storage

/// Writes what was judged about a lost try into its link. Within one transaction.
struct LostTryWriter {
  let database: any Database
  let sinks: [SinkRegistration]
  let now: Int64

  /// Kinds of evidence that a judgement gives, and that go when it no longer holds.
  static let judged = "('cause', 'cause_run_id', 'retrying_run_id', 'time_window')"

  private struct Known {
    var dagRun: Int64
    var reason: String?
    var verdict: String?
    var isShown: Bool
  }

  /// Keeps a verdict. Returns whether it says anything new.
  /// - Parameter judgeAgainAt: when what makes it undecided may have passed; nil for when something changes.
  @discardableResult
  func keep(_ verdict: TryVerdict, of link: Int64, judgeAgainAt: Int64?) throws -> Bool {
    try database.prepare("UPDATE lost_try SET judge_at = ? WHERE link = ?").binding {
      $0(judgeAgainAt)
      $0(link)
    }.run()
    guard let known = try known(link), known.verdict != verdict.text else { return false }
    try database.prepare("UPDATE lost_try SET verdict = ? WHERE link = ?").binding {
      $0(verdict.text)
      $0(link)
    }.run()
    switch verdict {
    case .none:
      let reason = known.reason.map { "\($0); dbt Cloud lists no run that this attempt can have started" }
      try write(link, dbtRun: nil, .triggered, .inferred, isCandidate: reason == nil, unresolved: reason)
      try replaceEvidence(of: link, with: [])
      try replaceTargets(of: link, with: [])
    case .found(let fitting, let confidence):
      try write(link, dbtRun: fitting.run, fitting.relation, confidence, isCandidate: false, unresolved: nil)
      try replaceEvidence(of: link, with: fitting.evidence)
      try replaceTargets(of: link, with: [fitting.run])
      try LinkSettler(database: database).settle(link: link)
    case .ambiguous(let fitting, let count, let isContested):
      let relation = Set(fitting.map(\.relation)) == [.retried] ? Relation.retried : .triggered
      let reason =
        isContested
        ? "another attempt of this task can have started the run that fits this one"
        : "\(count) dbt Cloud runs fit this attempt"
          + (count > fitting.count ? ", of which the first \(fitting.count) are named" : "")
      try write(link, dbtRun: nil, relation, .ambiguous, isCandidate: false, unresolved: reason)
      try replaceEvidence(of: link, with: Self.common(fitting))
      try replaceTargets(of: link, with: fitting.map(\.run))
    }
    try judgeLaterTries(than: link)
    // What no record shows before and after is no news.
    if known.isShown || verdict != .none { try enqueueRecord(of: known.dagRun) }
    return true
  }

  /// Takes back what was guessed of a run that another attempt has certainly started, and has those judged again that
  /// were undecided because of it.
  static func giveWay(of dbtRun: Int64, in database: any Database) throws {
    let isTaken = try database.prepare("SELECT \(LostTryReader.isTaken) FROM dbt_run d WHERE d.id = ?").binding {
      $0(dbtRun)
    }.firstRow { $0.bool(0) }
    guard isTaken == true else { return }
    let guesses = try database.prepare(
      "SELECT id FROM link WHERE dbt_run = ? AND run_id = 0 AND confidence = 'inferred'"
    ).binding { $0(dbtRun) }.rows { $0.integer(0) }
    for guess in guesses {
      for sql in [
        """
        UPDATE link SET dbt_run = NULL, relation = 'triggered',
          (is_candidate, unresolved) = (SELECT CASE WHEN reason IS NULL THEN 1 ELSE 0 END, reason FROM lost_try
            WHERE link = ?1) WHERE id = ?1
        """,
        "DELETE FROM evidence WHERE link = ?1 AND kind IN \(judged)", "DELETE FROM link_target WHERE link = ?1",
        "UPDATE lost_try SET verdict = 'overtaken', judge_at = 0 WHERE link = ?1",
        "UPDATE dag_run SET revision = revision + 1 WHERE id = (SELECT dag_run FROM link WHERE id = ?1)",
      ] { try database.prepare(sql).binding { $0(guess) }.run() }
    }
    try database.prepare(
      """
      UPDATE lost_try SET judge_at = 0 WHERE link IN (SELECT l.id FROM link_target t JOIN link l ON l.id = t.link
        WHERE t.dbt_run = ? AND l.run_id = 0 AND l.confidence = 'ambiguous')
      """
    ).binding { $0(dbtRun) }.run()
  }

  private func known(_ link: Int64) throws -> Known? {
    try database.prepare(
      """
      SELECT l.dag_run, t.reason, t.verdict, t.reason IS NOT NULL OR coalesce(t.verdict, 'none') <> 'none'
      FROM lost_try t JOIN link l ON l.id = t.link WHERE t.link = ?
      """
    ).binding { $0(link) }.firstRow {
      Known(dagRun: $0.integer(0), reason: $0.optionalText(1), verdict: $0.optionalText(2), isShown: $0.bool(3))
    }
  }

  private func write(
    _ link: Int64, dbtRun: Int64?, _ relation: Relation, _ confidence: Confidence, isCandidate: Bool,
    unresolved: String?
  ) throws {
    try database.prepare(
      "UPDATE link SET dbt_run = ?, relation = ?, confidence = ?, is_candidate = ?, unresolved = ? WHERE id = ?"
    ).binding {
      $0(dbtRun)
      $0(relation.rawValue)
      $0(confidence.rawValue)
      $0(isCandidate)
      $0(unresolved)
      $0(link)
    }.run()
  }

  /// What speaks for all of several runs alike.
  private static func common(_ fitting: [FittingRun]) -> [Evidence] {
    guard let first = fitting.first else { return [] }
    return first.evidence.filter { piece in
      piece.kind != "time_window" && fitting.allSatisfy { $0.evidence.contains(piece) }
    }
  }

  private func replaceEvidence(of link: Int64, with evidence: [Evidence]) throws {
    try database.prepare("DELETE FROM evidence WHERE link = ? AND kind IN \(Self.judged)").binding { $0(link) }.run()
    try EvidenceWriter(database: database).add(evidence, to: link)
  }

  private func replaceTargets(of link: Int64, with runs: [Int64]) throws {
    try database.prepare("DELETE FROM link_target WHERE link = ?").binding { $0(link) }.run()
    for run in runs {
      try database.prepare("INSERT INTO link_target (dbt_run, link) VALUES (?, ?)").binding {
        $0(run)
        $0(link)
      }.run()
    }
  }

  /// A later try may have resumed the run of this one.
  private func judgeLaterTries(than link: Int64) throws {
    try database.prepare(
      """
      UPDATE lost_try SET judge_at = ?2 WHERE link IN (SELECT o.id FROM link l JOIN link o ON o.dag_run = l.dag_run
        AND o.task_id = l.task_id AND o.map_index = l.map_index AND o.try_number > l.try_number AND o.run_id = 0
        WHERE l.id = ?1)
      """
    ).binding {
      $0(link)
      $0(now)
    }.run()
  }

  /// The record has changed; where file sinks have a line of it, they get another.
  private func enqueueRecord(of dagRun: Int64) throws {
    try database.prepare("UPDATE dag_run SET revision = revision + 1 WHERE id = ?").binding { $0(dagRun) }.run()
    let isHistory = try database.prepare(
      "SELECT r.is_history FROM dag_run r WHERE r.id = ? AND \(OutboxWriter.hasLine)"
    ).binding { $0(dagRun) }.firstRow { $0.bool(0) }
    guard let isHistory else { return }
    var outbox = OutboxWriter(database: database, sinks: sinks, now: now, isHistory: isHistory)
    outbox.dagRun = dagRun
    try outbox.record()
  }
}

extension TryVerdict {
  /// Compared, to see whether a judgement says anything new.
  fileprivate var text: String {
    switch self {
    case .none: "none"
    case .found(let fitting, let confidence): "\(confidence.rawValue) \(fitting.relation.rawValue) \(fitting.run)"
    case .ambiguous(let fitting, let count, let isContested):
      "ambiguous \(count)\(isContested ? " contested" : "") \(fitting.map { String($0.run) }.joined(separator: ","))"
    }
  }
}
