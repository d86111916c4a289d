import Correlation
import ExecutionModel
import Storage

/// Writes dbt runs within a transaction.
struct DbtRunWriter {
  let database: any Database

  /// The row of a target, made when it is new. One that a mere number named and no account knew is asked for again
  /// when better evidence names it.
  func want(_ target: AccountDirectory.Target, runID: Int64, isNamed: Bool) throws -> Int64 {
    if let made = try make(target, runID: runID) { return made }
    let id =
      try database.prepare(Self.selectByKey).binding { $0(target.key.description) }.firstRow { $0.integer(0) } ?? 0
    if isNamed { try askAgain(id) }
    return id
  }

  /// The row of a target that is new; nil when there is one already.
  func make(_ target: AccountDirectory.Target, runID: Int64) throws -> Int64? {
    guard case .cloud(let host, let accountID, _) = target.key else { return nil }
    return try database.prepare(Self.insertWanted).binding {
      $0(target.key.description)
      $0(target.account?.name)
      $0(host)
      $0(accountID)
      $0(runID)
      $0(target.unresolved == nil ? "wanted" : "unresolved")
      $0(target.unresolved)
    }.insertUnlessKnown()
  }

  private static let selectByKey = SQL("SELECT id FROM dbt_run WHERE key = ?")
  private static let insertWanted = SQL(
    """
    INSERT INTO dbt_run (key, account, host, account_id, run_id, fetch_state, unresolved) VALUES (\(placeholders(7)))
    ON CONFLICT DO NOTHING
    """)

  /// Keeps a run that dbt Cloud listed unless more is known of it already: its steps are asked for once a link means it.
  func keepListed(
    _ run: DbtRun, of account: AccountDirectory.Account, sinks: [SinkRegistration], now: Int64
  ) throws {
    guard let runID = run.runID else { return }
    let target = AccountDirectory.Target(key: run.key, account: account, unresolved: nil)
    let id = try want(target, runID: runID, isNamed: false)
    let isKnown = try database.prepare("SELECT fetch_state = 'known' FROM dbt_run WHERE id = ?").binding { $0(id) }
      .firstRow { $0.bool(0) }
    guard isKnown == false else { return }
    _ = try keepHead(run, id: id, nextFetchAt: 0)
    _ = try settleLinks(of: id, sinks: sinks, now: now)
    try bumpRecords(of: id)
  }

  /// What was learned of a run may tell more about the tries beside the one that it belongs to: which job they start, and
  /// which run they may have resumed.
  func judgeTriesBeside(_ id: Int64, now: Int64) throws {
    try database.prepare(
      """
      UPDATE lost_try SET judge_at = ?2 WHERE link IN (SELECT o.id FROM link l JOIN link o ON o.dag_run = l.dag_run
        AND o.task_id = l.task_id AND o.map_index = l.map_index AND o.run_id = 0 WHERE l.dbt_run = ?1 AND l.run_id > 0)
      """
    ).binding {
      $0(id)
      $0(now)
    }.run()
  }

  /// A cause that holds the very attempt's id is one more piece of evidence for the links that name the run. Returns
  /// whether it is news.
  func noteCauseRunID(of run: DbtRun, id: Int64, lineageRunID: Ledger.LineageRunID) throws -> Bool {
    guard let runID = run.cause.flatMap({ CauseParent($0) })?.runID else { return false }
    let links = try database.prepare(
      """
      SELECT l.id, l.task_id, l.map_index, l.try_number, i.name, r.dag_id, r.run_id, r.source_id, r.logical_date, r.run_after
      FROM link l JOIN dag_run r ON r.id = l.dag_run JOIN airflow_instance i ON i.id = r.instance
      WHERE l.dbt_run = ? AND l.run_id > 0 AND l.is_candidate = 0 AND l.relation IN ('triggered', 'retried')
      """
    ).binding { $0(id) }.rows { row -> (link: Int64, attempt: AttemptKey, run: DagRun) in
      var columns = Columns(row)
      let (link, attempt) = (columns.integer(), AttemptRow.readKey(&columns))
      let key = DagRunKey(instance: columns.text(), dagID: columns.text(), runID: columns.text())
      var run = DagRun(key: key, sourceID: columns.integer())
      run.logicalDate = columns.optionalInstant()
      run.runAfter = columns.optionalInstant()
      return (link, attempt, run)
    }
    var isNews = false
    for one in links where lineageRunID(one.run, one.attempt) == runID {
      let piece = Evidence(kind: "cause_run_id", value: runID)
      isNews = try EvidenceWriter(database: database).add([piece], to: one.link) || isNews
    }
    return isNews
  }

  private func askAgain(_ id: Int64) throws {
    try database.prepare(
      "UPDATE dbt_run SET fetch_state = 'wanted', next_fetch_at = 0 WHERE id = ? AND fetch_state = 'absent'"
    ).binding { $0(id) }.run()
  }

  /// Gives a run that no configured account was known for to `account`.
  func adopt(_ id: Int64, key: DbtRunKey, account: AccountDirectory.Account) throws {
    let twin = try database.prepare("SELECT id FROM dbt_run WHERE key = ? AND id <> ?").binding {
      $0(key.description)
      $0(id)
    }.firstRow { $0.integer(0) }
    if let twin {
      try askAgain(twin)
      for sql in [
        "UPDATE link SET dbt_run = ?1 WHERE dbt_run = ?2",
        "INSERT INTO link_target (dbt_run, link) SELECT ?1, link FROM link_target WHERE dbt_run = ?2 ON CONFLICT DO NOTHING",
        "DELETE FROM link_target WHERE dbt_run = ?2 AND ?1 > 0", "DELETE FROM dbt_run WHERE id = ?2 AND ?1 > 0",
      ] {
        try database.prepare(sql).binding {
          $0(twin)
          $0(id)
        }.run()
      }
    } else {
      try database.prepare(
        "UPDATE dbt_run SET key = ?, account = ?, host = ?, account_id = ?, fetch_state = 'wanted', unresolved = NULL, next_fetch_at = 0 WHERE id = ?"
      ).binding {
        $0(key.description)
        $0(account.name)
        $0(account.host)
        $0(account.accountID)
        $0(id)
      }.run()
    }
    try bumpRecords(of: twin ?? id)
  }

  /// Returns whether anything that a record shows is new.
  func keepHead(_ run: DbtRun, id: Int64, nextFetchAt: Int64) throws -> Bool {
    let before = try database.prepare("SELECT \(DbtRunRow.columns), fetch_state FROM dbt_run WHERE id = ?").binding {
      $0(id)
    }
    .firstRow { row -> (DbtRun?, String) in
      var columns = Columns(row)
      let run = DbtRunRow.read(&columns)
      return (run, columns.text())
    }
    // What the ledger does not keep is no news.
    var facts = run
    facts.steps = []
    facts.artifactsSaved = nil
    let isChanged = before?.0 != facts || before?.1 != "known"
    try database.prepare(
      """
      UPDATE dbt_run SET (\(DbtRunRow.facts)) = (\(placeholders(DbtRunRow.factCount))), fetch_state = 'known',
        unresolved = NULL, failures = CASE WHEN ? = 1 THEN failures ELSE 0 END, next_fetch_at = ? WHERE id = ?
      """
    ).binding {
      DbtRunRow.bindFacts(run, to: &$0)
      // Artifacts that cannot be read are counted until the run is complete.
      $0(run.finishedAt != nil && !run.isComplete)
      $0(nextFetchAt)
      $0(id)
    }.run()
    return isChanged
  }

  /// Keeps what the steps of a run did, in place of what is there of them, and what that says of checks.
  /// - Parameters:
  ///   - nodes: those of each step's manifest.
  ///   - checks: that of the transaction.
  func replaceSteps(
    of id: Int64, with run: DbtRun, nodes: [KeptNodes], _ handout: NodeHandout, checks: inout CheckWriter
  ) throws {
    for table in ["dbt_step", "dbt_result", "dbt_freshness"] {
      try database.prepare("DELETE FROM \(table) WHERE dbt_run = ?").binding { $0(id) }.run()
    }
    try checks.begin(run, id: id)
    var writer = DbtNodeWriter(handout)
    for (step, nodes) in zip(run.steps, nodes) {
      try database.prepare(Self.insertStep).binding {
        $0(id)
        DbtStepRow.bind(step, to: &$0)
      }.run()
      try checks.expect(step)
      for (position, result) in step.results.enumerated() {
        let node = try nodes[result.uniqueID] ?? writer.keep(DbtNode(result))
        let inputs = result.inputs.compactMap { nodes[$0]?.id }
        try database.prepare(Self.insertResult).binding {
          $0(id)
          $0(step.index)
          $0(position)
          DbtResultRow.bind(result, node: node.id, relation: node.relation, inputs: inputs, to: &$0)
        }.run()
        try checks.note(result, at: position, in: step, node: node.id)
      }
      for (position, freshness) in step.freshness.enumerated() {
        try insert(freshness, at: position, in: step, of: id)
        let node = try nodes[freshness.uniqueID] ?? writer.keep(DbtNode(uniqueID: freshness.uniqueID))
        try checks.note(freshness, at: position, in: step, node: node.id)
      }
    }
    try checks.end()
  }

  private func insert(_ freshness: DbtFreshness, at position: Int, in step: DbtStep, of id: Int64) throws {
    try database.prepare(Self.insertFreshness).binding {
      $0(id)
      $0(step.index)
      $0(position)
      DbtFreshnessRow.bind(freshness, to: &$0)
    }.run()
  }

  private static let insertStep = SQL(
    "INSERT INTO dbt_step (dbt_run, \(DbtStepRow.columns)) VALUES (\(placeholders(1 + DbtStepRow.count)))")
  private static let insertResult = SQL(
    """
    INSERT INTO dbt_result (dbt_run, step_index, position, \(DbtResultRow.columns))
    VALUES (\(placeholders(3 + DbtResultRow.count)))
    """)
  private static let insertFreshness = SQL(
    """
    INSERT INTO dbt_freshness (dbt_run, step_index, position, \(DbtFreshnessRow.columns))
    VALUES (\(placeholders(3 + DbtFreshnessRow.count)))
    """)

  /// Settles every link that may mean this run; returns whether one does. The DAG runs whose links have changed get a new
  /// line: the run may have been complete before this link was found to mean it.
  func settleLinks(of id: Int64, sinks: [SinkRegistration], now: Int64) throws -> Bool {
    let links = try database.prepare("SELECT link FROM link_target WHERE dbt_run = ?").binding { $0(id) }.rows {
      $0.integer(0)
    }
    let settler = LinkSettler(database: database)
    var changed: Set<Int64> = []
    for link in links where try settler.settle(link: link) {
      if let run = try database.prepare(Self.selectRunOfLink).binding({ $0(link) }).firstRow({ $0.integer(0) }) {
        changed.insert(run)
      }
    }
    for run in changed.sorted() {
      try database.prepare("UPDATE dag_run SET revision = revision + 1 WHERE id = ?").binding { $0(run) }.run()
      guard let isHistory = try database.prepare(Self.selectHasLine).binding({ $0(run) }).firstRow({ $0.bool(0) })
      else { continue }
      var outbox = OutboxWriter(database: database, sinks: sinks, now: now, isHistory: isHistory)
      outbox.dagRun = run
      try outbox.record()
    }
    return try database.prepare("SELECT 1 FROM link WHERE dbt_run = ? LIMIT 1").binding { $0(id) }.firstRow { _ in true
    } ?? false
  }

  private static let selectRunOfLink = SQL("SELECT dag_run FROM link WHERE id = ?")
  private static let selectHasLine = SQL("SELECT is_history FROM dag_run r WHERE id = ? AND \(OutboxWriter.hasLine)")

  /// Every record that shows this run, or that it is, has changed.
  func bumpRecords(of id: Int64) throws {
    try database.prepare("UPDATE dbt_run SET revision = revision + 1 WHERE id = ? AND is_wanted = 1").binding { $0(id) }
      .run()
    try database.prepare(
      "UPDATE dag_run SET revision = revision + 1 WHERE id IN (SELECT dag_run FROM link WHERE dbt_run = ?)"
    ).binding { $0(id) }.run()
  }
}
