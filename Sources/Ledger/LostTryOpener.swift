import Correlation
import ExecutionModel
import Storage

/// Settles when and in which accounts the run of a lost try is looked for, and finds lost tries that no snapshot could tell
/// of. Within one transaction.
struct LostTryOpener {
  let database: any Database
  let accounts: AccountDirectory
  let now: Int64

  private static let finished = TaskAttempt.finishedStates.sorted().map { "'\($0)'" }.joined(separator: ", ")
  private static let isOver = """
    a.start_date IS NOT NULL AND a.try_number > 0 AND (a.state IN (\(finished)) OR a.is_current = 0)
    """

  /// Newest links first. Returns how many there were.
  func open(limit: Int) throws -> Int {
    let rows = try database.prepare(
      """
      SELECT t.link, a.start_date, coalesce(a.end_date,
        (SELECT min(n.start_date) FROM attempt n WHERE n.dag_run = a.dag_run AND n.task_id = a.task_id
          AND n.map_index = a.map_index AND n.try_number > a.try_number), r.end_date, a.start_date)
      FROM lost_try t JOIN link l ON l.id = t.link JOIN dag_run r ON r.id = l.dag_run
      JOIN attempt a ON a.dag_run = l.dag_run AND a.task_id = l.task_id AND a.map_index = l.map_index
        AND a.try_number = l.try_number
      WHERE t.window_start IS NULL AND \(Self.isOver) ORDER BY t.link DESC LIMIT ?
      """
    ).binding { $0(limit) }.rows {
      (link: $0.integer(0), start: Instant(microseconds: $0.integer(1)), end: Instant(microseconds: $0.integer(2)))
    }
    for row in rows { try open(row.link, LostTry.window(start: row.start, end: row.end)) }
    return rows.count
  }

  private func open(_ link: Int64, _ window: ClosedRange<Instant>) throws {
    try database.prepare("UPDATE lost_try SET window_start = ?, window_end = ? WHERE link = ?").binding {
      $0(window.lowerBound)
      $0(window.upperBound)
      $0(link)
    }.run()
    for account in try meant(by: link) {
      try database.prepare(
        """
        INSERT INTO search (account, link, window_start, window_end, next_at) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (account, link) DO UPDATE SET window_start = excluded.window_start, window_end = excluded.window_end
        """
      ).binding {
        $0(account.name)
        $0(link)
        $0(window.lowerBound)
        $0(window.upperBound)
        $0(now)
      }.run()
    }
  }

  /// The account that other tries of the task instance or its template fields name; where nothing does, all of them.
  private func meant(by link: Int64) throws -> [AccountDirectory.Account] {
    let linked = try database.prepare(
      """
      SELECT DISTINCT coalesce(d.account_id, o.account_id) FROM link l
      JOIN link o ON o.dag_run = l.dag_run AND o.task_id = l.task_id AND o.map_index = l.map_index AND o.run_id > 0
        AND o.is_candidate = 0 AND o.confidence IN ('exact', 'strong')
      LEFT JOIN dbt_run d ON d.id = o.dbt_run WHERE l.id = ?1
      """
    ).binding { $0(link) }.rows { $0.optionalInteger(0) }.compactMap(\.self)
    let hinted = try database.prepare("SELECT value FROM evidence WHERE link = ? AND kind = '\(LostTry.accountHint)'")
      .binding { $0(link) }.rows { Int64($0.text(0)) }.compactMap(\.self)
    let ids = linked + hinted
    return ids.isEmpty ? accounts.accounts : accounts.accounts.filter { ids.contains($0.accountID) }
  }

  /// An account that is new may have the runs of every lost try; one that is gone cannot be asked.
  func takeOver() throws {
    let names = Set(accounts.accounts.map(\.name))
    let known = Set(try database.prepare("SELECT DISTINCT account FROM search").rows { $0.text(0) })
    for name in known.subtracting(names) {
      try database.prepare("DELETE FROM search WHERE account = ?").binding { $0(name) }.run()
    }
    guard !names.isSubset(of: known) else { return }
    let tries = try database.prepare(
      "SELECT link, window_start, window_end FROM lost_try WHERE window_start IS NOT NULL"
    ).rows {
      (link: $0.integer(0), from: Instant(microseconds: $0.integer(1)), to: Instant(microseconds: $0.integer(2)))
    }
    for one in tries { try open(one.link, one.from...max(one.from, one.to)) }
  }

  // MARK: Tries of tasks that are known to start dbt runs

  /// Learns from links that were made since the last time which tasks start dbt runs. Returns those that are new.
  func learn() throws -> [RunTask] {
    let from = try database.integer("SELECT link FROM run_task_progress") ?? 0
    guard let to = try database.integer("SELECT max(id) FROM link"), to > from else { return [] }
    let tasks = try database.prepare(
      """
      SELECT DISTINCT r.instance, r.dag_id, l.task_id FROM link l JOIN dag_run r ON r.id = l.dag_run
      WHERE l.id > ? AND l.id <= ? AND EXISTS (SELECT 1 FROM evidence e WHERE e.link = l.id
        AND e.kind IN ('xcom_job_run_id', 'xcom_job_run_url', 'xcom_operator_link'))
      """
    ).binding {
      $0(from)
      $0(to)
    }.rows { RunTask(instance: $0.integer(0), dagID: $0.text(1), taskID: $0.text(2)) }
    var new: [RunTask] = []
    for task in tasks {
      let sql = "INSERT INTO run_task (instance, dag_id, task_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
      if try database.prepare(sql).binding({ task.bind(to: &$0) }).change() > 0 { new.append(task) }
    }
    try database.prepare("UPDATE run_task_progress SET link = ?").binding { $0(to) }.run()
    return new
  }

  func learned() throws -> [RunTask] {
    try database.prepare("SELECT instance, dag_id, task_id FROM run_task").rows {
      RunTask(instance: $0.integer(0), dagID: $0.text(1), taskID: $0.text(2))
    }
  }

  /// Adds the tries of a task that no link speaks of. Returns how many there were.
  func addTries(of task: RunTask) throws -> Int {
    try database.prepare(
      """
      INSERT INTO link (dag_run, task_id, map_index, try_number, run_id, relation, confidence, is_candidate, made_at)
      SELECT a.dag_run, a.task_id, a.map_index, a.try_number, 0, 'triggered', 'inferred', 1, ?4
      FROM dag_run r JOIN attempt a ON a.dag_run = r.id AND a.task_id = ?3
      WHERE r.instance = ?1 AND r.dag_id = ?2 AND a.state NOT IN ('upstream_failed', 'removed') AND \(Self.isOver)
        AND NOT EXISTS (SELECT 1 FROM link l WHERE l.dag_run = a.dag_run AND l.task_id = a.task_id
          AND l.map_index = a.map_index AND l.try_number = a.try_number)
        AND NOT EXISTS (SELECT 1 FROM attempt b WHERE b.dag_run = a.dag_run AND b.task_id = a.task_id
          AND b.map_index = a.map_index AND b.try_number < a.try_number AND b.start_date = a.start_date)
      """
    ).binding {
      task.bind(to: &$0)
      $0(now)
    }.change()
  }
}

/// A task that starts dbt Cloud runs.
struct RunTask: Hashable, Sendable {
  /// The instance's row in the ledger.
  var instance: Int64
  var dagID: String
  var taskID: String

  fileprivate func bind(to binder: inout Binder) {
    binder(instance)
    binder(dagID)
    binder(taskID)
  }
}
