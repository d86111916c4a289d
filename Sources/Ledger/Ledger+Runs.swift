import ExecutionModel
import JSONText
import Storage

/// Which records are wanted.
public struct RunFilter: Hashable, Sendable {
  /// Any of these instances; empty for all.
  public var instances: [String] = []
  /// DAGs that match any of these patterns, in which `*` and `?` stand for other characters; empty for all.
  public var dagPatterns: [String] = []
  /// Exactly this DAG.
  var dagID: String?
  /// Any of these states, or statuses of dbt; empty for all.
  public var states: [String] = []
  /// Started, or queued when not started, at this time or later.
  public var since: Instant?
  /// … and before this time.
  public var until: Instant?
  /// A dbt Cloud run id.
  public var dbtRunID: Int64?
  public var limit: Int?

  public init() {}
}

/// One line of `runs list`.
public struct RunSummary: Hashable, Sendable {
  public var id: RecordID
  /// The record's key.
  public var key: String
  /// nil for a dbt run that no attempt is known for.
  public var dagRun: DagRunKey?
  /// Airflow's state of the DAG run, or dbt's status.
  public var state: String?
  public var runType: String?
  public var startDate: Instant?
  public var endDate: Instant?
  public var tasks: Int
  public var failedTasks: Int
  public var dbtRuns: Int
  public var removed: String?
  /// By which records are listed.
  var moment: Instant?
}

extension Ledger {
  /// Records that match, newest start first.
  public func runs(_ filter: RunFilter) throws -> [RunSummary] {
    let runs = try read { try dagRuns(filter, in: $0) + dbtRuns(filter, in: $0) }
    // Each of the two is in order; DAG runs stand first where both began at once.
    let sorted = runs.enumerated().sorted { left, right in
      let moments = (left.element.moment?.microseconds ?? .min, right.element.moment?.microseconds ?? .min)
      return moments.0 != moments.1 ? moments.0 > moments.1 : left.offset < right.offset
    }.map(\.element)
    return filter.limit.map { Array(sorted.prefix($0)) } ?? sorted
  }

  private func dagRuns(_ filter: RunFilter, in database: any Database) throws -> [RunSummary] {
    try database.prepare(
      """
      SELECT r.id, i.name, r.dag_id, r.run_id, r.state, r.run_type, r.start_date, r.end_date,
        (SELECT count(*) FROM attempt a WHERE a.dag_run = r.id AND a.is_current = 1),
        (SELECT count(*) FROM attempt a WHERE a.dag_run = r.id AND a.is_current = 1 AND a.state IN ('failed', 'upstream_failed')),
        (SELECT count(DISTINCT l.dbt_run) FROM link l WHERE l.dag_run = r.id AND l.is_candidate = 0), r.removed,
        coalesce(r.start_date, r.queued_at, r.run_after, r.logical_date)
      FROM dag_run r JOIN airflow_instance i ON i.id = r.instance
      WHERE (?1 = '[]' OR i.name IN (SELECT value FROM json_each(?1)))
        AND (?2 = '[]' OR EXISTS (SELECT 1 FROM json_each(?2) WHERE r.dag_id GLOB value))
        AND (?3 IS NULL OR r.dag_id = ?3) AND (?4 = '[]' OR r.state IN (SELECT value FROM json_each(?4)))
        AND (?5 IS NULL OR coalesce(r.start_date, r.queued_at) >= ?5) AND (?6 IS NULL OR coalesce(r.start_date, r.queued_at) < ?6)
        AND (?7 IS NULL OR r.id IN (SELECT dag_run FROM link WHERE run_id = ?7 AND run_id > 0 AND is_candidate = 0
          UNION SELECT l.dag_run FROM dbt_run d JOIN link l ON l.dbt_run = d.id WHERE d.run_id = ?7 AND l.is_candidate = 0))
      ORDER BY 13 DESC NULLS LAST, r.source_id DESC LIMIT ?8
      """
    ).binding {
      $0(jsonList(filter.instances))
      // GLOB knows character classes, which patterns here do not.
      $0(jsonList(filter.dagPatterns.map { $0.replacing("[", with: "[[]") }))
      $0(filter.dagID)
      $0(jsonList(filter.states))
      $0(filter.since)
      $0(filter.until)
      $0(filter.dbtRunID)
      $0(filter.limit ?? .max)
    }.rows { row in
      var columns = Columns(row)
      let id = columns.integer()
      let key = DagRunKey(instance: columns.text(), dagID: columns.text(), runID: columns.text())
      return RunSummary(
        id: .dagRun(id), key: key.description, dagRun: key, state: columns.optionalText(),
        runType: columns.optionalText(), startDate: columns.optionalInstant(),
        endDate: columns.optionalInstant(), tasks: columns.int(), failedTasks: columns.int(), dbtRuns: columns.int(),
        removed: columns.optionalText(), moment: columns.optionalInstant())
    }
  }

  /// Those that are records of their own; none when only some of Airflow's are wanted.
  private func dbtRuns(_ filter: RunFilter, in database: any Database) throws -> [RunSummary] {
    guard filter.instances.isEmpty, filter.dagPatterns.isEmpty, filter.dagID == nil else { return [] }
    return try database.prepare(
      """
      SELECT \(DbtRunSummary.columns) FROM dbt_run d
      WHERE \(DbtRunWriter.isRecord) AND (?1 = '[]' OR d.status IN (SELECT value FROM json_each(?1)))
        AND (?2 IS NULL OR coalesce(d.started_at, d.created_at) >= ?2)
        AND (?3 IS NULL OR coalesce(d.started_at, d.created_at) < ?3) AND (?4 IS NULL OR d.run_id = ?4)
      ORDER BY coalesce(d.started_at, d.created_at) DESC NULLS LAST, d.id DESC LIMIT ?5
      """
    ).binding {
      $0(jsonList(filter.states))
      $0(filter.since)
      $0(filter.until)
      $0(filter.dbtRunID)
      $0(filter.limit ?? .max)
    }.rows(DbtRunSummary.read)
  }

  /// Runs whose key is exactly `key`, with or without the instance, or whose run_id it is; else those whose key begins
  /// with it. A run that Airflow has no more gives way to one that was made anew under its name. At most `limit`.
  public func runs(named key: String, limit: Int = 10) throws -> [RunSummary] {
    let (all, dbtRuns) = try read { database in
      (try dagRuns(named: key, limit, in: database), try self.dbtRuns(named: key, limit, in: database))
    }
    let best = min(all.first?.rank ?? .max, dbtRuns.first?.rank ?? .max)
    let runs = all.filter { $0.rank == best }
    let present = Set(runs.filter { !$0.isRemoved }.map { Array($0.key.utf8) })
    let found = try runs.filter { !$0.isRemoved || !present.contains(Array($0.key.utf8)) }
      .compactMap { try summary($0.id) }
    return Array((found + dbtRuns.filter { $0.rank == best }.map(\.run)).prefix(limit))
  }

  /// - Returns: with 1 for the key itself, 2 for one without the instance, 3 for a run_id, 4 for the beginning of a key.
  private func dagRuns(
    named key: String, _ limit: Int, in database: any Database
  ) throws -> [(id: Int64, rank: Int64, isRemoved: Bool, key: String)] {
    try database.prepare(
      """
      SELECT id, CASE ?1 WHEN key THEN 1 WHEN short THEN 2 WHEN run_id THEN 3 ELSE 4 END AS rank, removed IS NOT NULL, key
      FROM (SELECT r.id, r.run_id, r.removed, r.dag_id || '/' || r.run_id AS short,
        i.name || '/' || r.dag_id || '/' || r.run_id AS key FROM dag_run r JOIN airflow_instance i ON i.id = r.instance) AS named
      WHERE run_id = ?1 OR substr(short, 1, length(?1)) = ?1 OR substr(key, 1, length(?1)) = ?1
      ORDER BY 2, key, 3, id DESC LIMIT ?2
      """
    ).binding {
      $0(key)
      $0(limit)
    }.rows { (id: $0.integer(0), rank: $0.integer(1), isRemoved: $0.bool(2), key: $0.text(3)) }
  }

  private func dbtRuns(
    named key: String, _ limit: Int, in database: any Database
  ) throws -> [(run: RunSummary, rank: Int64)] {
    try database.prepare(
      """
      SELECT \(DbtRunSummary.columns), CASE WHEN d.key = ?1 THEN 1
          WHEN d.key LIKE 'core/%' AND substr(d.key, length(d.key) - length(?1)) = '/' || ?1 THEN 3 ELSE 4 END AS rank
      FROM dbt_run d WHERE \(DbtRunWriter.isRecord)
        AND (substr(d.key, 1, length(?1)) = ?1 OR d.key LIKE 'core/%' AND substr(d.key, length(d.key) - length(?1)) = '/' || ?1)
      ORDER BY rank, d.key LIMIT ?2
      """
    ).binding {
      $0(key)
      $0(limit)
    }.rows { (DbtRunSummary.read($0), $0.integer(DbtRunSummary.count)) }
  }

  /// The newest run of a DAG; with several instances that have such a DAG, the newest of each.
  public func latestRun(ofDag dagID: String, instance: String?) throws -> [RunSummary] {
    let names =
      try instance.map { [$0] }
      ?? read { database in
        try database.prepare("SELECT name FROM airflow_instance ORDER BY name").rows { $0.text(0) }
      }
    return try names.flatMap { name in
      var filter = RunFilter()
      filter.dagID = dagID
      filter.instances = [name]
      filter.limit = 1
      return try runs(filter)
    }
  }

  private func jsonList(_ values: [String]) -> String {
    var writer = JSONWriter()
    writer.array { writer in for value in values { writer.string(value) } }
    return writer.text
  }

  private func summary(_ id: Int64) throws -> RunSummary? {
    try read { database in
      try database.prepare(
        """
        SELECT i.name, r.dag_id, r.run_id, r.state, r.run_type, r.start_date, r.end_date, r.removed
        FROM dag_run r JOIN airflow_instance i ON i.id = r.instance WHERE r.id = ?
        """
      ).binding { $0(id) }.firstRow { row in
        var columns = Columns(row)
        let key = DagRunKey(instance: columns.text(), dagID: columns.text(), runID: columns.text())
        return RunSummary(
          id: .dagRun(id), key: key.description, dagRun: key, state: columns.optionalText(),
          runType: columns.optionalText(), startDate: columns.optionalInstant(),
          endDate: columns.optionalInstant(), tasks: 0, failedTasks: 0, dbtRuns: 0, removed: columns.optionalText())
      }
    }
  }
}

/// A dbt run `d` that is a record of its own, as a line of `runs list`.
private enum DbtRunSummary {
  static let columns = "d.id, d.key, d.status, coalesce(d.started_at, d.created_at), d.started_at, d.finished_at"
  static let count: Int32 = 6

  static func read(_ row: any Statement) -> RunSummary {
    var columns = Columns(row)
    let (id, key, status, moment) =
      (columns.integer(), columns.text(), columns.optionalText(), columns.optionalInstant())
    return RunSummary(
      id: .dbtRun(id), key: key, dagRun: nil, state: status, runType: nil, startDate: columns.optionalInstant(),
      endDate: columns.optionalInstant(), tasks: 0, failedTasks: 0, dbtRuns: 1, removed: nil, moment: moment)
  }
}
