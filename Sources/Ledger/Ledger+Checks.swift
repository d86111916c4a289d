import ExecutionModel
import Storage

/// Which checks are wanted.
public struct CheckFilter: Hashable, Sendable {
  /// Only those that failed or could not be done.
  public var failingOnly = false
  /// Of any of these accounts, or names of dbt Core runs; empty for all.
  public var accounts: [String] = []
  /// Whose last run belongs to a DAG that matches any of these patterns; empty for all.
  public var dagPatterns: [String] = []
  public var limit: Int?

  public init() {}
}

/// A check: a test, or the freshness of a source, in one project and environment.
public struct CheckSummary: Hashable, Sendable {
  /// The check's row in the ledger.
  public var id: Int64
  /// Account, project id and environment id, or `core` and a name.
  public var scope: String
  public var uniqueID: String
  public var name: String?
  public var outcome: DbtOutcome
  /// When it first came out like this without coming out otherwise since.
  public var since: Instant?
  public var lastAt: Instant
  public var lastRun: DbtRunKey?
  /// The node that is checked: of a source's freshness the source itself, of a singular test the first that it reads.
  public var node: String?
  public var column: String?
  /// The relation of ``node``.
  public var relation: String?
  /// Of the check, else of ``node``.
  public var owner: String?
  public var severity: String?
  /// How often it was failing in the last ``recent`` runs in which it was done.
  public var failed: Int
  public var recent: Int

  /// The scope and the unique_id: names one check.
  public var key: String { "\(scope)/\(uniqueID)" }
}

/// What came of a check in one run.
public struct CheckOutcome: Hashable, Sendable {
  public var at: Instant
  public var outcome: DbtOutcome
  /// Without its steps.
  public var run: DbtRun
  public var step: Int
  /// Failing rows.
  public var failures: Int64?
  public var message: String?
  public var attempts: [AttemptReference]
}

extension Ledger {
  /// How many runs ``CheckSummary/failed`` looks back.
  public static let checkMemory = 20

  /// Checks that match: failing ones first, then those that warn, newest change first.
  public func checks(_ filter: CheckFilter = CheckFilter()) throws -> [CheckSummary] {
    try read { database in
      let reader = CheckReader(database: database)
      return try reader.summaries(filter)
    }
  }

  /// Checks whose key, unique_id or name is `text`, else those that it is a part of. At most `limit`.
  public func checks(named text: String, limit: Int = 10) throws -> [CheckSummary] {
    try read { try CheckReader(database: $0).summaries(named: text, limit: limit) }
  }

  /// What came of a check, newest first, also where it was skipped.
  public func history(ofCheck id: Int64, limit: Int) throws -> [CheckOutcome] {
    try read { try CheckReader(database: $0).history(of: id, limit: limit) }
  }
}

/// Reads checks from one view of the ledger.
struct CheckReader {
  let database: any Database

  static let isFailing = "outcome IN ('fail', 'error')"

  func summaries(_ filter: CheckFilter) throws -> [CheckSummary] {
    try complete(
      database.prepare(Self.selectChecks).binding {
        $0(filter.failingOnly)
        $0(NameList.text(filter.accounts))
        // GLOB knows character classes, which patterns here do not.
        $0(NameList.text(filter.dagPatterns.map { $0.replacing("[", with: "[[]") }))
        $0(filter.limit ?? .max)
      }.rows(Self.read))
  }

  func summaries(named text: String, limit: Int) throws -> [CheckSummary] {
    let found = try database.prepare(Self.selectNamed).binding {
      $0(text)
      $0(limit)
    }.rows { row in (rank: row.integer(Self.count), summary: Self.read(row)) }
    return try complete(found.filter { $0.rank == found[0].rank }.map(\.summary))
  }

  /// Those of a node's own and the given tests, in the given scopes.
  func summaries(of uniqueIDs: Set<String>, in scopes: Set<String>) throws -> [CheckSummary] {
    let all = try uniqueIDs.sorted().flatMap { uniqueID in
      try database.prepare(Self.selectOfNode).binding { $0(uniqueID) }.rows(Self.read)
    }
    return try complete(all.filter { scopes.contains($0.scope) })
  }

  func history(of id: Int64, limit: Int) throws -> [CheckOutcome] {
    let rows = try database.prepare(Self.selectHistory).binding {
      $0(id)
      $0(limit)
    }.rows { row in
      var columns = Columns(row)
      return (
        at: columns.integer(), run: columns.integer(), step: columns.int(), outcome: columns.text(),
        failures: columns.optionalInteger(), message: columns.optionalText()
      )
    }
    let records = RecordReader(database: database)
    return try rows.compactMap { row in
      guard let run = try records.dbtRun(row.run) else { return nil }
      return CheckOutcome(
        at: Instant(microseconds: row.at), outcome: DbtOutcome(text: row.outcome), run: run, step: row.step,
        failures: row.failures, message: row.message, attempts: try records.attempts(behind: row.run))
    }
  }

  // MARK: Rows

  private static let columns = """
    c.id, c.scope, c.unique_id, n.name, c.outcome, c.since, c.last_at, d.key, n.attached_node, n.column_name, n.depends_on,
    n.owner, n.severity, n.relation
    """
  private static let count: Int32 = 14
  private static let tables = "dbt_check c JOIN dbt_node n ON n.id = c.node LEFT JOIN dbt_run d ON d.id = c.last_run"

  private static func read(_ row: any Statement) -> CheckSummary {
    var columns = Columns(row)
    var summary = CheckSummary(
      id: columns.integer(), scope: columns.text(), uniqueID: columns.text(), name: columns.optionalText(),
      outcome: DbtOutcome(text: columns.text()), since: columns.optionalInstant(),
      lastAt: Instant(microseconds: columns.integer()), lastRun: columns.optionalText().flatMap(DbtRunKey.init),
      node: columns.optionalText(), column: columns.optionalText(), relation: nil, owner: nil, severity: nil, failed: 0,
      recent: 0)
    let dependsOn = NameList.list(columns.text())
    (summary.owner, summary.severity, summary.relation) =
      (columns.optionalText(), columns.optionalText(), columns.optionalText())
    let isSource = summary.uniqueID.hasPrefix("source.")
    summary.node = summary.node ?? (isSource ? summary.uniqueID : dependsOn.first)
    if !isSource { summary.relation = nil }
    return summary
  }

  /// Adds what stands elsewhere: of the node that is checked, and of the last runs.
  private func complete(_ summaries: [CheckSummary]) throws -> [CheckSummary] {
    try summaries.map { summary in
      var summary = summary
      if let node = summary.node, node != summary.uniqueID {
        let known = try database.prepare(Self.selectChecked).binding { $0(node) }.firstRow {
          (relation: $0.optionalText(0), owner: $0.optionalText(1))
        }
        summary.relation = known?.relation
        summary.owner = summary.owner ?? known?.owner
      }
      let recent = try database.prepare(Self.selectRecent).binding {
        $0(summary.id)
        $0(Ledger.checkMemory)
      }.firstRow { (failed: Int($0.integer(0)), recent: Int($0.integer(1))) }
      (summary.failed, summary.recent) = (recent?.failed ?? 0, recent?.recent ?? 0)
      return summary
    }
  }

  private static let selectChecks = SQL(
    """
    SELECT \(columns) FROM \(tables)
    WHERE (?1 = 0 OR c.\(isFailing))
      AND (?2 = '[]' OR EXISTS (SELECT 1 FROM json_each(?2) WHERE value = d.account OR 'core/' || value = c.scope))
      AND (?3 = '[]' OR EXISTS (SELECT 1 FROM link l JOIN dag_run r ON r.id = l.dag_run, json_each(?3)
        WHERE l.dbt_run = c.last_run AND l.is_candidate = 0 AND r.dag_id GLOB value))
    ORDER BY CASE c.outcome WHEN 'pass' THEN 3 WHEN 'skipped' THEN 2 WHEN 'fail' THEN 0 WHEN 'error' THEN 0
      ELSE 1 END, c.since DESC NULLS LAST, c.unique_id, c.scope
    LIMIT ?4
    """)
  private static let selectNamed = SQL(
    """
    SELECT \(columns), CASE ?1 WHEN c.scope || '/' || c.unique_id THEN 1 WHEN c.unique_id THEN 2 WHEN n.name THEN 3 ELSE 4
      END AS rank
    FROM \(tables) WHERE n.name = ?1 OR instr(lower(c.scope || '/' || c.unique_id), lower(?1)) > 0
    ORDER BY rank, c.unique_id, c.scope LIMIT ?2
    """)
  private static let selectOfNode = SQL("SELECT \(columns) FROM \(tables) WHERE c.unique_id = ? ORDER BY c.scope")
  private static let selectChecked = SQL(
    "SELECT relation, owner FROM dbt_node WHERE unique_id = ? ORDER BY id DESC LIMIT 1")
  private static let selectRecent = SQL(
    """
    SELECT count(*) FILTER (WHERE \(isFailing)), count(*) FROM (SELECT outcome FROM dbt_check_outcome
      WHERE check_id = ? AND outcome <> 'skipped' ORDER BY at DESC, dbt_run DESC, step_index DESC, position DESC LIMIT ?) AS latest
    """)
  private static let selectHistory = SQL(
    """
    SELECT o.at, o.dbt_run, o.step_index, o.outcome, r.failures, coalesce(r.message, f.error)
    FROM dbt_check_outcome o JOIN dbt_check c ON c.id = o.check_id
    LEFT JOIN dbt_freshness f ON f.dbt_run = o.dbt_run AND f.step_index = o.step_index AND f.position = o.position
      AND f.unique_id = c.unique_id
    LEFT JOIN dbt_result r ON r.dbt_run = o.dbt_run AND r.step_index = o.step_index AND r.position = o.position
      AND f.dbt_run IS NULL
    WHERE o.check_id = ? ORDER BY o.at DESC, o.dbt_run DESC, o.step_index DESC, o.position DESC LIMIT ?
    """)
}
