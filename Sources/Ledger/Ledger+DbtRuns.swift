import ExecutionModel
import Records
import Storage

/// A dbt run that is due to be asked for.
public struct DueDbtRun: Hashable, Sendable {
  /// The run's row in the ledger.
  public var id: Int64
  public var key: DbtRunKey
  /// Name of the configured account.
  public var account: String
  public var runID: Int64
  /// How often asking failed since it last worked.
  public var failures: Int
}

/// What is to be asked for, or asked for again: an answer that nobody wanted is not.
private let isWaiting = """
  is_complete = 0 AND fetch_state <> 'absent'
  AND (fetch_state <> 'known' OR is_wanted = 1 OR EXISTS (SELECT 1 FROM link WHERE link.dbt_run = dbt_run.id))
  """

/// What can wait until nothing else does.
private let isBacklog = """
  (is_history = 1 AND is_wanted = 1 AND NOT EXISTS (SELECT 1 FROM link WHERE link.dbt_run = dbt_run.id))
  """

extension Ledger {
  /// Runs of an account that are due, oldest wish first.
  /// - Parameters:
  ///   - now: microseconds; `Int64.max` for everything that is not complete.
  ///   - backlog: runs of history that only ``keepWanted(_:of:isHistory:progress:)`` asked for, or the others; nil for
  ///     both.
  public func dueDbtRuns(
    of account: String, now: Int64, after id: Int64 = 0, backlog: Bool? = nil, limit: Int
  ) throws -> [DueDbtRun] {
    try read { database in
      try database.prepare(Self.dueDbtRunsQuery).binding {
        $0(account)
        $0(id)
        $0(now)
        $0(backlog)
        $0(limit)
      }.rows { row -> DueDbtRun? in
        guard let key = DbtRunKey(row.text(1)) else { return nil }
        return DueDbtRun(
          id: row.integer(0), key: key, account: account, runID: row.integer(2), failures: Int(row.integer(3)))
      }.compactMap(\.self)
    }
  }

  static let dueDbtRunsQuery = """
    SELECT id, key, run_id, failures FROM dbt_run
    WHERE account = ?1 AND id > ?2 AND next_fetch_at <= ?3 AND \(isWaiting)
      AND (?4 IS NULL OR CASE WHEN \(isBacklog) THEN 1 ELSE 0 END = ?4) ORDER BY id LIMIT ?5
    """

  /// Runs of an account that are wanted and that dbt Cloud still works on.
  public func dbtRunsUnderWay(of account: String) throws -> Int {
    try read { database in
      Int(
        try database.prepare(
          """
          SELECT count(*) FROM dbt_run WHERE account = ? AND \(isWaiting) AND fetch_state = 'known'
            AND status_code IN (1, 2, 3)
          """
        ).binding { $0(account) }.firstRow { $0.integer(0) } ?? 0)
    }
  }

  /// When an account is next to be asked, for a run or for a list of them; nil when nothing waits.
  public func nextDbtCallDue(of account: String) throws -> Int64? {
    try read { database in
      try database.prepare(
        """
        SELECT min(due) FROM (SELECT min(next_fetch_at) AS due FROM dbt_run WHERE account = ?1 AND \(isWaiting)
          UNION ALL SELECT min(next_at) FROM search INDEXED BY search_due WHERE account = ?1 AND next_at IS NOT NULL) AS moments
        """
      ).binding { $0(account) }.firstRow { $0.optionalInteger(0) } ?? nil
    }
  }

  /// Keeps what dbt Cloud answered about a run, without its artifacts, and settles the links that waited for it.
  /// - Returns: whether its artifacts are wanted: an attempt is linked to it, or it is wanted for its own sake.
  public func keepHead(_ run: DbtRun, id: Int64, nextFetchAt: Int64) throws -> Bool {
    let (now, lineageRunID) = (now, lineageRunID)
    let run = keptWords.kept(run)
    return try write { database in
      let writer = DbtRunWriter(database: database)
      let isChanged = try writer.keepHead(run, id: id, nextFetchAt: nextFetchAt)
      let isLinked = try writer.settleLinks(of: id, sinks: sinks, now: now)
      let isWanted = try isLinked || writer.isWanted(id)
      let isConfirmed = try writer.noteCauseRunID(of: run, id: id, lineageRunID: lineageRunID)
      if isChanged || isConfirmed { try writer.bumpRecords(of: id) }
      if isChanged { try writer.judgeTriesBeside(id, now: now) }
      if isWanted { try writer.events(for: run, id: id, sinks: sinks, now: now) }
      return isWanted
    }
  }

  /// Keeps a run of which everything was read: steps, results, and that it is complete. The nodes of a large project are
  /// kept before, piece by piece, so that other work of the ledger goes on between.
  public func keepComplete(_ run: DbtRun, id: Int64) async throws {
    let run = keptWords.kept(run)
    async let events = NodeRules.count(of: run)
    let nodes = try await keepNodes(of: run)
    let nodeEvents = await events
    try write { try keepComplete(run, id: id, nodes: nodes, nodeEvents: nodeEvents, in: $0) }
  }

  /// Keeps a run of dbt Core, or of any dbt whose artifacts are at hand. It is a record of its own.
  /// - Parameters:
  ///   - run: with a key of dbt Core. A run that is known by it is kept anew.
  ///   - kept: the nodes of its manifest, where they are in the ledger already.
  public func keepComplete(core run: DbtRun, nodes kept: KeptDbtNodes = KeptDbtNodes()) async throws {
    let run = keptWords.kept(run)
    async let events = NodeRules.count(of: run)
    let nodes = try await keepNodes(of: run, known: kept)
    let nodeEvents = await events
    try write { database in
      try database.prepare(
        "INSERT INTO dbt_run (key, fetch_state, is_wanted) VALUES (?, 'known', 1) ON CONFLICT DO NOTHING"
      ).binding { $0(run.key.description) }.run()
      let id = try database.prepare("SELECT id FROM dbt_run WHERE key = ?").binding { $0(run.key.description) }
        .firstRow { $0.integer(0) }
      if let id { try keepComplete(run, id: id, nodes: nodes, nodeEvents: nodeEvents, in: database) }
    }
  }

  private func keepComplete(
    _ run: DbtRun, id: Int64, nodes: NodesOfSteps?, nodeEvents: Int, in database: any Database
  ) throws {
    let handout = try NodeHandout(database)
    var checks = CheckWriter(database: database)
    if let nodes { try handout.claim(nodes.steps, of: nodes.moment) }
    try keepComplete(run, id: id, nodes: nodes?.steps, nodeEvents: nodeEvents, handout, &checks)
    try checks.finish()
  }

  /// - Parameters:
  ///   - nodes: those of each step, where they are kept already.
  ///   - nodeEvents: how many there are about its nodes, where they are counted already.
  ///   - handout: that of the transaction.
  ///   - checks: that of the transaction, to be finished after its last run.
  func keepComplete(
    _ run: DbtRun, id: Int64, nodes: [KeptNodes]? = nil, nodeEvents: Int? = nil, _ handout: NodeHandout,
    _ checks: inout CheckWriter
  ) throws {
    let database = handout.database
    // It may have been purged since it was asked for.
    guard try database.prepare(Self.selectRun).binding({ $0(id) }).firstRow({ _ in true }) == true else { return }
    let writer = DbtRunWriter(database: database)
    _ = try writer.keepHead(run, id: id, nextFetchAt: 0)
    try writer.replaceSteps(
      of: id, with: run, nodes: nodes ?? nodesOfSteps(of: run, handout), handout, checks: &checks)
    try writer.bumpRecords(of: id)
    try writer.events(for: run, id: id, nodeEvents: nodeEvents, sinks: sinks, now: now)
    try writer.enqueueRecords(of: id, sinks: sinks, now: now)
    try writer.enqueueOwnRecord(of: id, sinks: sinks, now: now)
  }

  private static let selectRun = SQL("SELECT 1 FROM dbt_run WHERE id = ?")

  /// So many nodes are written within some tens of milliseconds.
  private static let nodesAtOnce = 4000

  /// Nodes of each step of a run, kept by transactions of their own.
  private struct NodesOfSteps {
    var steps: [KeptNodes]
    /// When the first of them was handed out.
    var moment: NodeHandout.Moment
  }

  /// Keeps the nodes of a large run; nil for others, whose nodes are kept with their results.
  private func keepNodes(of run: DbtRun, known: KeptDbtNodes = KeptDbtNodes()) async throws -> NodesOfSteps? {
    let count = run.steps.reduce(0) { $0 + max($1.nodes.count, $1.results.count) }
    guard !known.nodes.isEmpty || count > Self.nodesAtOnce else { return nil }
    var kept: [KeptNodes] = []
    var moment = known.moment
    for step in run.steps {
      // A step without nodes could not use the manifest that the known ones are of.
      var ofStep = KeptDbtNodes()
      (ofStep.nodes, ofStep.moment) = (step.nodes.isEmpty ? [:] : known.nodes, moment)
      let nodes = DbtNodeWriter.nodes(of: step, but: ofStep.nodes)
      if ofStep.nodes.isEmpty { ofStep.nodes.reserveCapacity(nodes.count) }
      for some in slices(of: nodes, Self.nodesAtOnce) {
        try keep(some, in: &ofStep)
        await Task.yield()
      }
      kept.append(ofStep.nodes)
      moment = ofStep.moment
    }
    return moment.map { NodesOfSteps(steps: kept, moment: $0) }
  }

  /// Keeps the nodes of a manifest while it is read. Other work of the ledger goes on between the pieces.
  public func keep(_ pieces: AsyncStream<[DbtNode]>) async throws -> KeptDbtNodes {
    var kept = KeptDbtNodes()
    for await nodes in pieces { try keep(nodes[...], in: &kept) }
    return kept
  }

  private func keep(_ nodes: ArraySlice<DbtNode>, in kept: inout KeptDbtNodes) throws {
    try write { database in
      let handout = try NodeHandout(database)
      var writer = DbtNodeWriter(handout)
      try writer.keep(nodes, in: &kept.nodes)
      kept.moment = kept.moment ?? handout.moment
    }
  }

  /// dbt Cloud knows no such run, or does not show it to this token.
  public func noteAbsent(_ id: Int64, reason: String, nextFetchAt: Int64) throws {
    try write { database in
      // What only a number hinted at, or which other accounts were asked for too, is settled for good; a run that
      // evidence names for certain may still appear.
      let isNamed =
        try database.prepare(
          """
          SELECT 1 FROM link_target t JOIN link l ON l.id = t.link WHERE t.dbt_run = ?1 AND l.is_candidate = 0
            AND (SELECT count(*) FROM link_target o WHERE o.link = l.id) = 1
          """
        ).binding { $0(id) }.firstRow { _ in true } ?? false
      let isNews =
        try database.prepare("SELECT fetch_state IS NOT ? OR unresolved IS NOT ? FROM dbt_run WHERE id = ?").binding {
          $0(isNamed ? "unresolved" : "absent")
          $0(reason)
          $0(id)
        }.firstRow { $0.bool(0) } ?? false
      try database.prepare(
        "UPDATE dbt_run SET fetch_state = ?, unresolved = ?, next_fetch_at = ?, failures = failures + 1 WHERE id = ?"
      ).binding {
        $0(isNamed ? "unresolved" : "absent")
        $0(reason)
        $0(nextFetchAt)
        $0(id)
      }.run()
      let writer = DbtRunWriter(database: database)
      _ = try writer.settleLinks(of: id, sinks: sinks, now: now)
      if isNews { try writer.bumpRecords(of: id) }
    }
  }

  /// Asking failed; it is tried again at `nextFetchAt`. The reason shows in records of runs that were never answered.
  public func noteFailure(_ id: Int64, reason: String, nextFetchAt: Int64) throws {
    try write { database in
      let isNews =
        try database.prepare("SELECT fetch_state <> 'known' AND unresolved IS NOT ? FROM dbt_run WHERE id = ?").binding
      {
        $0(reason)
        $0(id)
      }.firstRow { $0.bool(0) } ?? false
      try database.prepare("UPDATE dbt_run SET unresolved = ?, next_fetch_at = ?, failures = failures + 1 WHERE id = ?")
        .binding {
          $0(reason)
          $0(nextFetchAt)
          $0(id)
        }.run()
      if isNews { try DbtRunWriter(database: database).bumpRecords(of: id) }
    }
  }
}
