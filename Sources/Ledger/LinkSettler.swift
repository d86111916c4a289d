import Correlation
import ExecutionModel
import Storage

/// Decides which dbt run a link means, once dbt Cloud has answered for every run that it may mean. Within one
/// transaction; the judgement itself is Correlation's.
struct LinkSettler {
  let database: any Database

  private struct Link {
    /// 0 when no evidence names a run: then it is judged as a lost try.
    var runID: Int64
    var relation: Relation?
    var dbtRun: Int64?
    var start: Instant?
    var end: Instant?
  }

  private struct Target {
    var id: Int64
    var state: String
    var createdAt: Instant?
  }

  /// Returns whether the link now means something else.
  @discardableResult
  func settle(link id: Int64) throws -> Bool {
    guard let link = try load(id) else { return false }
    let targets = try database.prepare(
      """
      SELECT d.id, d.fetch_state, d.created_at FROM link_target t JOIN dbt_run d ON d.id = t.dbt_run
      WHERE t.link = ? ORDER BY d.id
      """
    ).binding { $0(id) }.rows {
      Target(id: $0.integer(0), state: $0.text(1), createdAt: $0.optionalInteger(2).map(Instant.init))
    }
    if let dbtRun = link.dbtRun {
      try noteRelations(to: dbtRun)
      return false
    }
    guard link.runID > 0, !targets.isEmpty, !targets.contains(where: { $0.state == "wanted" }) else { return false }
    let matches = targets.filter { $0.state == "known" && isPossible(link, createdAt: $0.createdAt) }
    switch matches.count {
    case 0: return try noteUnknown(id, of: targets)
    case 1:
      try database.prepare("UPDATE link SET dbt_run = ?, is_candidate = 0, unresolved = NULL WHERE id = ?").binding {
        $0(matches[0].id)
        $0(id)
      }.run()
      try noteRelations(to: matches[0].id)
    default:
      try database.prepare("UPDATE link SET is_candidate = 0, confidence = 'ambiguous', unresolved = ? WHERE id = ?")
        .binding {
          $0("several configured accounts have a run of this id that may be meant")
          $0(id)
        }.run()
    }
    return true
  }

  private func load(_ id: Int64) throws -> Link? {
    try database.prepare(
      """
      SELECT l.run_id, l.relation, l.dbt_run, a.start_date, a.end_date
      FROM link l LEFT JOIN attempt a USING (dag_run, task_id, map_index, try_number) WHERE l.id = ?
      """
    ).binding { $0(id) }.firstRow { row in
      var columns = Columns(row)
      return Link(
        runID: columns.integer(), relation: Relation(rawValue: columns.text()), dbtRun: columns.optionalInteger(),
        start: columns.optionalInstant(), end: columns.optionalInstant())
    }
  }

  /// Whether the attempt can have had to do with a run of that age. What only waits for a run, or reads of it, says
  /// nothing about when it was created, but that it was.
  private func isPossible(_ link: Link, createdAt: Instant?) -> Bool {
    switch link.relation {
    case .waitedFor, .readArtifacts, .reused:
      guard let createdAt, let end = link.end else { return true }
      return createdAt <= end.advanced(bySeconds: clockTolerance)
    case .triggered, .retried, nil:
      return confirm(createdAt: createdAt, attemptStart: link.start, attemptEnd: link.end) == .confirmed
    }
  }

  /// Every account was asked and none has such a run: a candidate was no run id after all; other evidence stays and
  /// says so.
  private func noteUnknown(_ id: Int64, of targets: [Target]) throws -> Bool {
    guard targets.count > 1 else { return false }
    let sql = "UPDATE link SET unresolved = ? WHERE id = ? AND is_candidate = 0 AND unresolved IS NULL"
    return try database.prepare(sql).binding {
      $0("no configured dbt Cloud account has a run of this id that can be meant")
      $0(id)
    }.change() > 0
  }

  private struct Claim {
    var link: Int64
    var start: Instant?
    var relation: Relation?
    var dagID: String
    var taskID: String
  }

  /// Of the attempts that name one run as theirs, those that found it under way reused it; the others made it, or
  /// resumed an earlier run with it. Guesses give way to them.
  private func noteRelations(to dbtRun: Int64) throws {
    guard
      let run = try database.prepare("SELECT created_at, retrying_run_id IS NOT NULL, cause FROM dbt_run WHERE id = ?")
        .binding({ $0(dbtRun) }).firstRow({
          (createdAt: $0.optionalInteger(0).map(Instant.init), isRetry: $0.bool(1), cause: $0.optionalText(2))
        })
    else { return }
    let claims = try database.prepare(
      """
      SELECT l.id, a.start_date, l.relation, r.dag_id, l.task_id FROM link l JOIN dag_run r ON r.id = l.dag_run
      JOIN attempt a USING (dag_run, task_id, map_index, try_number)
      WHERE l.dbt_run = ? AND l.relation IN ('triggered', 'retried') AND l.is_candidate = 0
        AND (l.run_id > 0 OR l.confidence = 'exact') ORDER BY l.id
      """
    ).binding { $0(dbtRun) }.rows { row in
      var columns = Columns(row)
      return Claim(
        link: columns.integer(), start: columns.optionalInstant(), relation: Relation(rawValue: columns.text()),
        dagID: columns.text(), taskID: columns.text())
    }
    for (claim, isLate) in zip(claims, reuses(among: claims.map(\.start), createdAt: run.createdAt)) {
      let isReused =
        isLate || relation(of: .triggered, createdAt: run.createdAt, attemptStart: claim.start) == .reused
        || run.cause.map { AirflowCause.namesAnother($0, dagID: claim.dagID, taskID: claim.taskID) } ?? false
      let relation: Relation? = isReused ? .reused : run.isRetry ? .retried : claim.relation
      guard let relation, relation != claim.relation else { continue }
      try database.prepare("UPDATE link SET relation = ? WHERE id = ?").binding {
        $0(relation.rawValue)
        $0(claim.link)
      }.run()
      try database.prepare(
        "UPDATE dag_run SET revision = revision + 1 WHERE id = (SELECT dag_run FROM link WHERE id = ?)"
      ).binding { $0(claim.link) }.run()
    }
    try LostTryWriter.giveWay(of: dbtRun, in: database)
  }
}
