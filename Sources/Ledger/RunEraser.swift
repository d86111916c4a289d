import ExecutionModel
import Storage

/// Deletes DAG runs and dbt runs with everything that hangs on them. Within one transaction. Whether they may be deleted is
/// asked by whoever deletes.
struct RunEraser {
  let database: any Database
  /// dbt runs that are over since then stay, and those that the history of a check needs; nil: none does.
  var horizon: Instant?
  /// What waits for a sink of a dbt run goes with it, instead of keeping it.
  var givesUp = false

  /// What was deleted.
  struct Count {
    var dagRuns = 0
    var attempts = 0
    var dbtRuns = 0

    static func += (left: inout Count, right: Count) {
      left.dagRuns += right.dagRuns
      left.attempts += right.attempts
      left.dbtRuns += right.dbtRuns
    }
  }

  /// A DAG run, with those of its dbt runs that no other run has.
  func erase(dagRun id: Int64) throws -> Count {
    var count = Count(dagRuns: 1)
    let dbtRuns = try database.prepare(Self.dbtRunsOfDagRun).binding { $0(id) }.rows { $0.integer(0) }
    for sql in Self.eraseLinks { try database.prepare(sql).binding { $0(id) }.run() }
    count.attempts = try database.prepare(Self.eraseAttempts).binding { $0(id) }.change()
    for sql in Self.eraseRun { try database.prepare(sql).binding { $0(id) }.run() }
    for dbtRun in dbtRuns.sorted() where try eraseUnused(dbtRun: dbtRun) { count.dbtRuns += 1 }
    return count
  }

  /// The dbt runs that go with the DAG run `?1`, unless another run has them.
  static let dbtRunsOfDagRun = """
    SELECT dbt_run FROM link WHERE dag_run = ?1 AND dbt_run IS NOT NULL
    UNION SELECT t.dbt_run FROM link l JOIN link_target t ON t.link = l.id WHERE l.dag_run = ?1
    UNION SELECT id FROM dbt_run WHERE parent_dag_run = ?1
    """

  private static let eraseLinks = [
    "DELETE FROM evidence WHERE link IN (SELECT id FROM link WHERE dag_run = ?)",
    "DELETE FROM link_target WHERE link IN (SELECT id FROM link WHERE dag_run = ?)",
    // Triggers delete what was found out about lost tries.
    "DELETE FROM link WHERE dag_run = ?",
    """
    UPDATE dbt_run SET parent_dag_run = NULL, parent_task_id = NULL, parent_map_index = NULL, parent_try_number = NULL
    WHERE parent_dag_run = ?
    """,
  ]
  private static let eraseAttempts = SQL("DELETE FROM attempt WHERE dag_run = ?")
  private static let eraseRun = ["DELETE FROM dag_run_clear WHERE dag_run = ?", "DELETE FROM dag_run WHERE id = ?"]

  /// Deletes a dbt run unless an attempt leads to it, it waits for a sink and is not given up, or it is too young. Returns
  /// whether it did.
  func eraseUnused(dbtRun id: Int64) throws -> Bool {
    let unused = givesUp ? Self.selectWithoutLink : Self.selectUnused
    guard try database.prepare(unused).binding({ $0(id) }).firstRow({ _ in true }) == true else { return false }
    if let horizon {
      let isOld = try database.prepare(Self.selectOld).binding {
        $0(id)
        $0(horizon)
        $0(Ledger.checkMemory)
      }.firstRow { _ in true }
      guard isOld == true else { return false }
    }
    if givesUp {
      try database.prepare("DELETE FROM outbox WHERE dag_run = 0 AND dbt_run = ?").binding { $0(id) }.run()
    }
    try erase(dbtRun: id)
    return true
  }

  private static let withoutLink = """
    SELECT 1 FROM dbt_run d WHERE d.id = ?1 AND NOT EXISTS (SELECT 1 FROM link l WHERE l.dbt_run = d.id)
      AND NOT EXISTS (SELECT 1 FROM link_target t WHERE t.dbt_run = d.id)
    """
  private static let selectWithoutLink = SQL(withoutLink)
  private static let selectUnused = SQL(
    """
    \(withoutLink)
      AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.dag_run = 0 AND o.dbt_run = d.id)
      AND NOT EXISTS (SELECT 1 FROM sink s JOIN outbox_history h ON h.sink = s.id AND h.dag_run = 0)
    """)

  // A run that is still under way is not over, however old. A check that is still carried out keeps its last runs.
  private static let selectOld = SQL(
    """
    SELECT 1 FROM dbt_run d WHERE d.id = ?1 AND (d.is_complete = 1 OR d.fetch_state <> 'known' OR d.is_wanted = 0)
      AND coalesce(d.finished_at, d.started_at, d.created_at, 0) < ?2
      AND NOT EXISTS (SELECT 1 FROM dbt_check_outcome o WHERE o.dbt_run = d.id
        AND (SELECT count(*) FROM (SELECT 1 FROM dbt_check_outcome n WHERE n.check_id = o.check_id AND n.at > o.at LIMIT ?3)
          AS newer) < ?3)
    """)

  private func erase(dbtRun id: Int64) throws {
    let checks = try database.prepare("SELECT DISTINCT check_id FROM dbt_check_outcome WHERE dbt_run = ?")
      .binding { $0(id) }.rows { $0.integer(0) }
    for sql in Self.eraseDbtRun { try database.prepare(sql).binding { $0(id) }.run() }
    try database.prepare(Self.wantCollection).run()
    for check in checks { try correct(check, without: id) }
  }

  private static let eraseDbtRun = [
    "DELETE FROM dbt_result WHERE dbt_run = ?", "DELETE FROM dbt_freshness WHERE dbt_run = ?",
    "DELETE FROM dbt_step WHERE dbt_run = ?", "DELETE FROM dbt_check_outcome WHERE dbt_run = ?",
    "DELETE FROM dbt_run WHERE id = ?",
  ]
  private static let wantCollection = SQL("UPDATE node_collection SET is_wanted = 1 WHERE is_wanted = 0")

  /// A check whose last run is gone says what the run before it said.
  private func correct(_ check: Int64, without dbtRun: Int64) throws {
    let isLast = try database.prepare("SELECT 1 FROM dbt_check WHERE id = ? AND last_run = ?").binding {
      $0(check)
      $0(dbtRun)
    }.firstRow { _ in true }
    guard isLast == true else { return }
    let changed = try database.prepare(
      """
      UPDATE dbt_check SET (outcome, since, last_at, last_run, last_step, last_position) =
        (SELECT o.outcome, o.at, o.at, o.dbt_run, o.step_index, o.position FROM dbt_check_outcome o WHERE o.check_id = ?1
          ORDER BY o.at DESC, o.dbt_run DESC, o.step_index DESC, o.position DESC LIMIT 1)
      WHERE id = ?1 AND EXISTS (SELECT 1 FROM dbt_check_outcome o WHERE o.check_id = ?1)
      """
    ).binding { $0(check) }.change()
    if changed == 0 { try database.prepare("DELETE FROM dbt_check WHERE id = ?").binding { $0(check) }.run() }
  }

  /// Checks that were not carried out since, with their history.
  func eraseChecks(before: Instant, limit: Int) throws -> Int {
    let checks = try database.prepare("SELECT id FROM dbt_check WHERE last_at < ? ORDER BY id LIMIT ?").binding {
      $0(before)
      $0(limit)
    }.rows { $0.integer(0) }
    for id in checks {
      for sql in ["DELETE FROM dbt_check_outcome WHERE check_id = ?", "DELETE FROM dbt_check WHERE id = ?"] {
        try database.prepare(sql).binding { $0(id) }.run()
      }
    }
    return checks.count
  }
}
