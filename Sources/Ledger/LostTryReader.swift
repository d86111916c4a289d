import Correlation
import ExecutionModel
import Storage

/// Reads what is to be judged about lost tries: the tries, the runs that dbt Cloud lists in their time, and the attempts
/// that may have started the same runs. Within one transaction.
struct LostTryReader {
  let database: any Database
  let lineageRunID: Ledger.LineageRunID

  /// A span of time, both ends included.
  typealias Span = ClosedRange<Int64>

  private static let isInSpan = "t.window_end >= ?1 AND t.window_start <= ?2"

  private struct Row {
    var lost: LostTry
    var run: DagRun
  }

  /// The tries that may have started runs in that time.
  /// - Parameter lineageIDs: the ids that causes of runs hold. Only for these it is asked who has them.
  func tries(in span: Span, lineageIDs: Set<String>) throws -> [LostTry] {
    var rows = try rows(in: span)
    guard !rows.isEmpty else { return [] }
    let positions = Dictionary(uniqueKeysWithValues: rows.enumerated().map { ($1.lost.id, $0) })
    try forEach("SELECT t.link, s.account FROM lost_try t JOIN search s ON s.link = t.link", span) { row in
      if let position = positions[row.integer(0)] { rows[position].lost.accounts.insert(row.text(1)) }
    }
    let kinds = [LostTry.jobHint, LostTry.reasonHint].map { "'\($0)'" }.joined(separator: ", ")
    try forEach(
      "SELECT t.link, e.kind = '\(LostTry.jobHint)', e.value FROM lost_try t JOIN evidence e ON e.link = t.link AND e.kind IN (\(kinds))",
      span
    ) { row in
      guard let position = positions[row.integer(0)] else { return }
      if !row.bool(1) {
        rows[position].lost.triggerReasons.insert(row.text(2))
      } else if let job = Int64(row.text(2)) {
        rows[position].lost.jobIDs.insert(job)
      }
    }
    try readRunsOfOtherTries(in: span, into: &rows, positions)
    if !lineageIDs.isEmpty {
      for position in rows.indices { try readLineageRunID(of: &rows[position], among: lineageIDs) }
    }
    return rows.map(\.lost)
  }

  private func rows(in span: Span) throws -> [Row] {
    var rows: [Row] = []
    try forEach(
      """
      SELECT t.link, l.dag_run, t.window_start, t.window_end, l.task_id, l.map_index, l.try_number,
        i.name, r.dag_id, r.run_id, r.source_id, r.logical_date, r.run_after
      FROM lost_try t JOIN link l ON l.id = t.link JOIN dag_run r ON r.id = l.dag_run JOIN airflow_instance i ON i.id = r.instance
      """, span
    ) { row in
      var columns = Columns(row)
      let (id, dagRun) = (columns.integer(), columns.integer())
      let start = Instant(microseconds: columns.integer()).advanced(bySeconds: clockTolerance)
      let end = Instant(microseconds: columns.integer()).advanced(bySeconds: -clockTolerance)
      let key = AttemptRow.readKey(&columns)
      let name = DagRunKey(instance: columns.text(), dagID: columns.text(), runID: columns.text())
      var run = DagRun(key: name, sourceID: columns.integer())
      run.logicalDate = columns.optionalInstant()
      run.runAfter = columns.optionalInstant()
      let lost = LostTry(id: id, dagRun: dagRun, dagID: name.dagID, key: key, start: start, end: end, accounts: [])
      rows.append(Row(lost: lost, run: run))
    }
    return rows
  }

  /// What certain links of other tries of the same task instance tell: the job, and the runs that a later try may have
  /// resumed. What was only inferred for a try that is judged along is found anew.
  private func readRunsOfOtherTries(in span: Span, into rows: inout [Row], _ positions: [Int64: Int]) throws {
    try forEach(
      """
      SELECT t.link, o.id, o.try_number, o.confidence, d.account, d.run_id, d.job_id
      FROM lost_try t JOIN link l ON l.id = t.link
      JOIN link o ON o.dag_run = l.dag_run AND o.task_id = l.task_id AND o.map_index = l.map_index AND o.id <> l.id
      JOIN dbt_run d ON d.id = o.dbt_run
      """, span,
      and: "o.is_candidate = 0 AND o.relation IN ('triggered', 'retried', 'reused') AND o.confidence <> 'ambiguous'"
    ) { row in
      var columns = Columns(row)
      guard let position = positions[columns.integer()] else { return }
      let (other, number) = (columns.integer(), columns.int())
      let isCertain = (Confidence(rawValue: columns.text()) ?? .ambiguous) >= .strong
      guard let account = columns.optionalText(), let runID = columns.optionalInteger() else { return }
      if isCertain, let job = columns.optionalInteger() { rows[position].lost.jobIDs.insert(job) }
      guard number < rows[position].lost.key.tryNumber, isCertain || positions[other] == nil else { return }
      rows[position].lost.earlierRuns.insert(ListedRun.Name(account: account, runID: runID))
    }
  }

  private func readLineageRunID(of row: inout Row, among wanted: Set<String>) throws {
    guard let id = lineageRunID(row.run, row.lost.key) else { return }
    row.lost.lineageRunID = id
    guard wanted.contains(id) else { return }
    row.lost.sharesLineageRunID = try hasNamesake(row.run, row.lost, id)
  }

  /// Whether another attempt has the same id: of a run that was deleted and made anew, of a run of another Airflow with
  /// the same namespace, or, before provider 2.0, of another map index.
  private func hasNamesake(_ run: DagRun, _ lost: LostTry, _ id: String) throws -> Bool {
    let others = try database.prepare(
      """
      SELECT i.name, r.run_id, r.source_id, r.logical_date, r.run_after, a.map_index
      FROM airflow_instance i CROSS JOIN dag_run r ON r.instance = i.id CROSS JOIN attempt a ON a.dag_run = r.id
      WHERE r.dag_id = ? AND coalesce(r.logical_date, r.run_after) = ? AND a.task_id = ? AND a.try_number = ?
        AND NOT (r.id = ? AND a.map_index = ?)
      """
    ).binding {
      $0(run.key.dagID)
      $0(run.logicalDate ?? run.runAfter)
      $0(lost.key.taskID)
      $0(lost.key.tryNumber)
      $0(lost.dagRun)
      $0(lost.key.mapIndex)
    }.rows { row -> (DagRun, AttemptKey) in
      var columns = Columns(row)
      let key = DagRunKey(instance: columns.text(), dagID: run.key.dagID, runID: columns.text())
      var other = DagRun(key: key, sourceID: columns.integer())
      other.logicalDate = columns.optionalInstant()
      other.runAfter = columns.optionalInstant()
      var attempt = lost.key
      attempt.mapIndex = columns.int()
      return (other, attempt)
    }
    return others.contains { lineageRunID($0.0, $0.1) == id }
  }

  // MARK: Runs

  /// Whether exact or strong evidence of another attempt says that it started the run `d`. One that started well after
  /// the run was created only found it under way.
  static let isTaken = """
    EXISTS (SELECT 1 FROM link_target t JOIN link c ON c.id = t.link
      LEFT JOIN attempt a ON a.dag_run = c.dag_run AND a.task_id = c.task_id AND a.map_index = c.map_index
        AND a.try_number = c.try_number
      WHERE t.dbt_run = d.id AND c.run_id > 0 AND c.is_candidate = 0 AND c.confidence IN ('exact', 'strong')
        AND c.relation IN ('triggered', 'retried') AND (c.dbt_run IS NULL OR c.dbt_run = d.id)
        AND (a.start_date IS NULL OR d.created_at IS NULL OR a.start_date <= d.created_at + \(clockTolerance * 1_000_000)))
    """

  /// The runs that dbt Cloud is known to have created in that time.
  func runs(in span: Span) throws -> [ListedRun] {
    try database.prepare(
      """
      SELECT d.id, d.account, d.run_id, d.created_at, d.job_id, d.cause, d.retrying_run_id, \(Self.isTaken)
      FROM dbt_run d WHERE d.fetch_state = 'known' AND d.created_at BETWEEN ? AND ? AND d.account IS NOT NULL AND d.run_id IS NOT NULL
      """
    ).binding {
      $0(span.lowerBound)
      $0(span.upperBound)
    }.rows { row in
      var columns = Columns(row)
      let id = columns.integer()
      let name = ListedRun.Name(account: columns.text(), runID: columns.integer())
      return ListedRun(
        id: id, name: name, createdAt: Instant(microseconds: columns.integer()), jobID: columns.optionalInteger(),
        cause: columns.optionalText(), retryingRunID: columns.optionalInteger(), isTaken: columns.bool())
    }
  }

  // MARK: Bystanders

  /// Attempts of these tasks in that time that no link speaks of: those under way, and, up to Airflow 2.9, tries that came
  /// and went unseen.
  func bystanders(of tries: [LostTry], in span: Span) throws -> [Bystander] {
    struct Task: Hashable {
      var dagID: String
      var taskID: String
    }
    return try Set(tries.map { Task(dagID: $0.dagID, taskID: $0.key.taskID) }).flatMap {
      try underWay($0.dagID, $0.taskID, span) + unseen($0.dagID, $0.taskID, span)
    }
  }

  private func underWay(_ dagID: String, _ taskID: String, _ span: Span) throws -> [Bystander] {
    try database.prepare(
      """
      SELECT a.start_date FROM airflow_instance i JOIN dag_run r ON r.instance = i.id AND r.is_open = 1
      JOIN attempt a ON a.dag_run = r.id AND a.task_id = ?2
      WHERE r.dag_id = ?1 AND a.start_date <= ?3 AND a.end_date IS NULL AND a.is_current = 1
        AND NOT EXISTS (SELECT 1 FROM link l WHERE l.dag_run = a.dag_run AND l.task_id = a.task_id
          AND l.map_index = a.map_index AND l.try_number = a.try_number)
      """
    ).binding {
      $0(dagID)
      $0(taskID)
      $0(span.upperBound)
    }.rows { Bystander(dagID: dagID, taskID: taskID, start: Instant(microseconds: $0.integer(0)), end: nil) }
  }

  /// Before 2.10 Airflow keeps no history: of a task instance whose first known try is the second, nobody knows when the
  /// first one ran, but that it was after the DAG run could begin (which a clear makes it forget) and before the second.
  private func unseen(_ dagID: String, _ taskID: String, _ span: Span) throws -> [Bystander] {
    try database.prepare(
      """
      SELECT coalesce(CASE r.run_type WHEN 'scheduled' THEN r.data_interval_end END, r.logical_date, r.start_date, 0),
        r.start_date, a.start_date
      FROM airflow_instance i CROSS JOIN dag_run r ON r.instance = i.id CROSS JOIN attempt a ON a.dag_run = r.id AND a.task_id = ?2
      WHERE (i.airflow_version IS NULL OR substr(i.airflow_version, 1, 3) BETWEEN '2.4' AND '2.9') AND r.dag_id = ?1
        AND a.try_number > 1 AND a.start_date >= ?3
        AND NOT EXISTS (SELECT 1 FROM attempt p WHERE p.dag_run = a.dag_run AND p.task_id = a.task_id
          AND p.map_index = a.map_index AND p.try_number = a.try_number - 1)
      """
    ).binding {
      $0(dagID)
      $0(taskID)
      $0(span.lowerBound)
    }.rows { row in
      let start = min(row.integer(0), row.optionalInteger(1) ?? .max)
      // No tolerance at the end: what the known try started follows at once.
      let end = Instant(microseconds: row.integer(2)).advanced(bySeconds: -clockTolerance)
      return Bystander(dagID: dagID, taskID: taskID, start: Instant(microseconds: start), end: end)
    }
  }

  private func forEach(
    _ select: String, _ span: Span, and condition: String? = nil, _ body: (any Statement) throws -> Void
  ) throws {
    try database.prepare("\(select) WHERE \(Self.isInSpan)\(condition.map { " AND \($0)" } ?? "")").binding {
      $0(span.lowerBound)
      $0(span.upperBound)
    }.forEachRow(body)
  }
}
