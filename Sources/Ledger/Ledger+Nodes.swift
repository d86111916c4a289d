import ExecutionModel
import JSONText
import Records
import Storage

/// A node of a dbt project by its names.
public struct NodeName: Hashable, Sendable {
  public var uniqueID: String
  public var relation: String?
}

/// What became of a node, and why.
public struct NodeStory: Hashable, Sendable {
  /// As its newest run has it, else as the ledger came to know it last.
  public var node: DbtNode
  public var checks: [CheckSummary]
  /// Its dbt runs, newest first.
  public var runs: [NodeRun]
}

/// What one dbt run did with a node.
public struct NodeRun: Hashable, Sendable {
  /// What came of the node in one step.
  public struct Result: Hashable, Sendable {
    public var step: Int
    public var result: DbtNodeResult
  }

  /// Without its steps.
  public var run: DbtRun
  public var results: [Result]
  /// Of a source.
  public var freshness: [DbtFreshness]
  public var attempts: [AttemptReference]
  /// Whether a manifest of the run was read, which tells what is made from what.
  public var isLineageKnown: Bool
  /// What failed or was skipped of what the node is made from, and of what is made from it.
  public var upstream: [NodeGraph.Node]
  public var downstream: [NodeGraph.Node]
}

extension Ledger {
  /// Nodes whose unique_id, name or relation is `text`, else those that it is a part of: other nodes before tests. At most
  /// `limit`.
  public func nodes(named text: String, limit: Int = 10) throws -> [NodeName] {
    try read { database in
      let found = try database.prepare(NodeReader.selectNamed).binding {
        $0(text)
        $0(limit)
      }.rows { row in
        (rank: row.integer(2), name: NodeName(uniqueID: row.text(0), relation: row.optionalText(1)))
      }
      return found.filter { $0.rank == found[0].rank }.map(\.name)
    }
  }

  /// What became of a node in its newest dbt runs; nil when the ledger does not know it.
  public func story(ofNode uniqueID: String, runs limit: Int) throws -> NodeStory? {
    try read { try NodeReader(database: $0).story(of: uniqueID, runs: limit) }
  }
}

/// Reads what became of a node, from one view of the ledger.
private struct NodeReader {
  let database: any Database

  func story(of uniqueID: String, runs limit: Int) throws -> NodeStory? {
    let runs = try runs(of: uniqueID, limit: limit)
    let newest = try runs.first.flatMap { run in
      try database.prepare(Self.selectNodeOfRun).binding {
        $0(uniqueID)
        $0(run)
      }.firstRow(Self.node)
    }
    let node = try newest ?? database.prepare(Self.selectNode).binding { $0(uniqueID) }.firstRow(Self.node)
    guard let node else { return nil }
    var story = NodeStory(node: node, checks: [], runs: [])
    var (tests, scopes): (Set<String>, Set<String>) = ([uniqueID], [])
    for id in runs {
      guard let run = try RecordReader(database: database).dbtRun(id) else { continue }
      let graph = NodeGraph(try nodes(of: id))
      story.runs.append(try self.run(id, run, uniqueID, graph))
      tests.formUnion(graph.tests(of: uniqueID))
      if let scope = CheckWriter.scope(of: run) { scopes.insert(scope) }
    }
    story.checks = try CheckReader(database: database).summaries(of: tests, in: scopes)
    return story
  }

  private static func node(_ row: any Statement) -> DbtNode {
    var columns = Columns(row)
    return DbtNodeRow.read(&columns)
  }

  /// Newest first: runs with a result of the node, else those with one of what reads it.
  private func runs(of uniqueID: String, limit: Int) throws -> [Int64] {
    let own = try database.prepare(Self.selectRuns).binding {
      $0(uniqueID)
      $0(limit)
    }.rows { $0.integer(0) }
    if !own.isEmpty { return own }
    return try database.prepare(Self.selectRunsOfReaders).binding {
      $0(NameList.text([uniqueID]).dropFirst().dropLast().description)
      $0(limit)
    }.rows { $0.integer(0) }
  }

  private func run(_ id: Int64, _ run: DbtRun, _ uniqueID: String, _ graph: NodeGraph) throws -> NodeRun {
    let results = try database.prepare(Self.selectResults).binding {
      $0(id)
      $0(uniqueID)
    }.rows { row -> NodeRun.Result in
      var columns = Columns(row)
      let step = columns.int()
      return NodeRun.Result(step: step, result: DbtResultRow.read(&columns).result)
    }
    let freshness = try database.prepare(Self.selectFreshness).binding {
      $0(id)
      $0(uniqueID)
    }.rows { row -> DbtFreshness in
      var columns = Columns(row)
      return DbtFreshnessRow.read(&columns)
    }
    return NodeRun(
      run: run, results: results, freshness: freshness,
      attempts: try RecordReader(database: database).attempts(behind: id),
      isLineageKnown: try database.prepare(Self.selectHasManifest).binding { $0(id) }.firstRow { $0.bool(0) } ?? false,
      upstream: graph.troubleUpstream(of: uniqueID), downstream: graph.troubleDownstream(of: uniqueID))
  }

  /// The results of a run with what they read.
  private func nodes(of dbtRun: Int64) throws -> [NodeGraph.Node] {
    var names: [Int64: String] = [:]
    var inputs: [[Int64]] = []
    var nodes = try database.prepare(Self.selectGraph).binding { $0(dbtRun) }.rows { row -> NodeGraph.Node in
      var columns = Columns(row)
      let (id, uniqueID) = (columns.integer(), columns.text())
      names[id] = uniqueID
      var node = NodeGraph.Node(uniqueID: uniqueID, status: columns.text())
      node.name = columns.optionalText()
      node.failures = columns.optionalInteger()
      node.message = columns.optionalText()
      node.attachedNode = columns.optionalText()
      node.reads = Set(NameList.list(columns.text()))
      inputs.append(DbtResultRow.inputs(columns.optionalText()))
      return node
    }
    for (position, ids) in inputs.enumerated() {
      for id in ids {
        if names[id] == nil {
          names[id] = try database.prepare(Self.selectName).binding { $0(id) }.firstRow { $0.text(0) }
        }
        if let name = names[id] { nodes[position].reads.insert(name) }
      }
    }
    return nodes
  }

  // Names are looked up in the index alone. Warehouses differ in the case of names, people in how they quote them.
  static let selectNamed = SQL(
    """
    SELECT unique_id, max(relation), min(CASE WHEN unique_id = ?1 THEN 1 WHEN name = ?1 THEN 2
        WHEN lower(relation) = replace(replace(lower(?1), '"', ''), '`', '') THEN 3
        WHEN unique_id NOT LIKE 'test.%' AND unique_id NOT LIKE 'unit_test.%' THEN 4 ELSE 5 END) AS rank
    FROM dbt_node
    WHERE name = ?1 OR instr(lower(unique_id), lower(?1)) > 0
      OR instr(lower(relation), replace(replace(lower(?1), '"', ''), '`', '')) > 0
    GROUP BY unique_id ORDER BY rank, unique_id LIMIT ?2
    """)
  private static let selectNodeOfRun = SQL(
    """
    SELECT \(DbtNodeRow.columns) FROM dbt_node WHERE unique_id = ?1 AND id IN (
      SELECT node FROM dbt_result WHERE dbt_run = ?2) ORDER BY id DESC LIMIT 1
    """)
  private static let selectNode = SQL(
    "SELECT \(DbtNodeRow.columns) FROM dbt_node WHERE unique_id = ? ORDER BY id DESC LIMIT 1")
  private static let selectRuns = SQL(
    """
    SELECT d.id FROM dbt_run d WHERE d.id IN (
      SELECT dbt_run FROM dbt_result WHERE node IN (SELECT id FROM dbt_node WHERE unique_id = ?1)
      UNION SELECT o.dbt_run FROM dbt_check c JOIN dbt_check_outcome o ON o.check_id = c.id WHERE c.unique_id = ?1)
    ORDER BY coalesce(d.started_at, d.created_at) DESC NULLS LAST, d.id DESC LIMIT ?2
    """)
  private static let selectRunsOfReaders = SQL(
    """
    SELECT d.id FROM dbt_run d WHERE d.id IN (
      SELECT dbt_run FROM dbt_result WHERE node IN (SELECT id FROM dbt_node WHERE instr(depends_on, ?1) > 0))
    ORDER BY coalesce(d.started_at, d.created_at) DESC NULLS LAST, d.id DESC LIMIT ?2
    """)
  private static let selectResults = SQL(
    """
    SELECT r.step_index, \(DbtResultRow.selected) FROM dbt_node n CROSS JOIN dbt_result r ON r.node = n.id AND r.dbt_run = ?1
    WHERE n.unique_id = ?2 ORDER BY r.step_index, r.position
    """)
  private static let selectFreshness = SQL(
    """
    SELECT \(DbtFreshnessRow.columns) FROM dbt_freshness WHERE dbt_run = ? AND unique_id = ?
    ORDER BY step_index, position
    """)
  private static let selectHasManifest = SQL(
    "SELECT EXISTS (SELECT 1 FROM dbt_step WHERE dbt_run = ? AND manifest = 'fetched')")
  private static let selectGraph = SQL(
    """
    SELECT n.id, n.unique_id, r.status, n.name, r.failures, r.message, n.attached_node, n.depends_on, r.inputs
    FROM dbt_result r JOIN dbt_node n ON n.id = r.node WHERE r.dbt_run = ? ORDER BY r.step_index, r.position
    """)
  private static let selectName = SQL("SELECT unique_id FROM dbt_node WHERE id = ?")
}
