import ExecutionModel
import Records
import Storage

/// Writes what changed between the ledger and snapshots of Airflow, within one transaction.
struct CaptureWriter {
  let database: any Database
  /// The instance's row and name.
  let instance: Int64
  let name: InstanceName
  let sinks: [SinkRegistration]
  let accounts: AccountDirectory
  let now: Int64
  /// When the snapshots were taken, by the source's clock.
  let readAt: Instant
  let isHistory: Bool
  /// Runs that ended before are not taken in any more, and what ended before in a younger run is not told.
  let horizon: Instant?
  var outcome = CaptureOutcome()

  /// A DAG run as the ledger has it.
  private struct KnownRun {
    var id: Int64
    var run: DagRun
    var told: Told
    var isHistory: Bool
    var isWithheld: Bool
    var removed: String?
  }

  func keep(_ dag: Dag) throws {
    try database.prepare(
      """
      INSERT INTO dag (instance, \(DagRow.columns)) VALUES (?, \(placeholders(DagRow.count)))
      ON CONFLICT (instance, dag_id) DO UPDATE SET owners = excluded.owners, tags = excluded.tags, schedule = excluded.schedule,
        description = excluded.description, fileloc = excluded.fileloc, is_paused = excluded.is_paused
      WHERE (dag.owners, dag.tags, dag.schedule, dag.description, dag.fileloc, dag.is_paused)
        IS NOT (excluded.owners, excluded.tags, excluded.schedule, excluded.description, excluded.fileloc, excluded.is_paused)
      """
    ).binding {
      $0(instance)
      DagRow.bind(dag, to: &$0)
    }.run()
  }

  // MARK: One snapshot

  mutating func keep(_ snapshot: DagRunSnapshot, proposing propose: Ledger.Proposer) throws {
    let run = snapshot.run
    var known = try knownRun(like: run)
    if let other = known, other.run.sourceID != run.sourceID {
      // A page of history may be older than what was read beside it.
      if other.run.sourceID > run.sourceID { return }
      // Airflow deleted the run and made another of the same name.
      try remove(other.id, kind: .deleted)
      known = nil
    }
    guard let known else {
      if isForgotten(run) { return }
      if try isPurged(run) { return }
      return try keepNew(snapshot, proposing: propose)
    }
    var outbox = OutboxWriter(
      database: database, sinks: sinks, now: now, isHistory: isHistory && known.isHistory && !run.isOpen)
    let id = known.id
    outbox.dagRun = id
    var told = known.told
    let isChanged = known.run != run || known.removed != nil
    if isChanged {
      // What waits is told as it was.
      for sink in sinks where sink.mark == nil { try WaitingHistory(database: database, sink: sink).unfold(id) }
      if isCleared(known.run, run) { told = try keepClear(of: known, by: run, outbox: outbox) }
      try update(id, run)
    }

    let due = known.isWithheld ? [] : LineageRules.events(for: run, told: told.transitions)
    // START before those of the attempts, the end after theirs.
    for event in due where !event.transition.isTerminal { try outbox.event(event, about: .dagRun) }
    let attempts = try knownAttempts(of: id)
    let changes = try keepAttempts(
      snapshot, known: attempts, of: id, isWithheld: known.isWithheld, outbox: outbox)
    let links = try keepLinks(propose(snapshot, attempts.values.map(\.attempt)), of: id)
    for event in due where event.transition.isTerminal { try outbox.event(event, about: .dagRun) }
    told.note(due, mark: sinks.mark)
    if told != known.told { try keep(told, of: id) }
    if isChanged || changes > 0 || links > 0 {
      outcome.changedRuns += 1
      try database.prepare("UPDATE dag_run SET revision = revision + 1 WHERE id = ?").binding { $0(id) }.run()
    }
    // A record that has changed since its run was over is sent once more.
    let isNews = isChanged || changes > 0 || links > 0
    let isOver = LineageRules.terminal(forDagRunState: run.state) != nil
    if try isNews && (isOver || links > 0 && DbtRunWriter.hasTakenOver(id, in: database)) { try outbox.record() }
  }

  /// Whether a run that the ledger does not know is older than history is kept: it was deleted, or never wanted.
  private func isForgotten(_ run: DagRun) -> Bool {
    guard let horizon, !run.isOpen else { return false }
    let last = [run.queuedAt, run.startDate, run.endDate].compactMap(\.self).max() ?? run.runAfter ?? run.logicalDate
    return last.map { $0 < horizon } ?? false
  }

  /// Whether somebody has purged the run. It counts as new when Airflow has opened it again.
  private func isPurged(_ run: DagRun) throws -> Bool {
    let sql = run.isOpen ? Self.deletePurged : Self.selectPurged
    let isThere =
      try database.prepare(sql).binding {
        $0(instance)
        $0(run.sourceID)
      }.rows { _ in true }.first ?? false
    return isThere && !run.isOpen
  }

  private static let selectPurged = SQL("SELECT 1 FROM purged_run WHERE instance = ? AND source_id = ?")
  private static let deletePurged = SQL("DELETE FROM purged_run WHERE instance = ? AND source_id = ?")

  /// A run that the ledger does not know. What there is to tell of history waits, as one row for each sink; of other runs
  /// it goes to the outbox at once.
  private mutating func keepNew(_ snapshot: DagRunSnapshot, proposing propose: Ledger.Proposer) throws {
    let run = snapshot.run
    let isHistory = isHistory && !run.isOpen
    let isWithheld = try sharesRunIDs(run)
    let due = isWithheld ? [] : LineageRules.events(for: run)
    var told = Told()
    told.note(due, mark: sinks.mark)
    let id = try insert(run, told, isWithheld: isWithheld)
    outcome.newRuns += 1
    var outbox = OutboxWriter(database: database, sinks: sinks, now: now, isHistory: isHistory)
    outbox.dagRun = id
    let links: Int
    if isHistory {
      let events = try keepNewAttempts(snapshot, of: id, isWithheld: isWithheld, outbox: nil)
      links = try keepLinks(propose(snapshot, []), of: id, isNew: true)
      let count = WaitingHistory.Count(dagRuns: due.count, attempts: events)
      for sink in sinks where sink.history {
        try WaitingHistory(database: database, sink: sink).add(count, of: id, now: now)
      }
    } else {
      for event in due where !event.transition.isTerminal { try outbox.event(event, about: .dagRun) }
      _ = try keepNewAttempts(snapshot, of: id, isWithheld: isWithheld, outbox: outbox)
      links = try keepLinks(propose(snapshot, []), of: id, isNew: true)
      for event in due where event.transition.isTerminal { try outbox.event(event, about: .dagRun) }
    }
    let isOver = LineageRules.terminal(forDagRunState: run.state) != nil
    if try isOver || links > 0 && DbtRunWriter.hasTakenOver(id, in: database) { try outbox.record() }
  }

  // MARK: Rows of DAG runs

  /// The row of this very run, removed or not; else that of another run by the same name that is not removed.
  private func knownRun(like run: DagRun) throws -> KnownRun? {
    try database.prepare(Self.selectRun).binding {
      $0(instance)
      $0(run.key.dagID)
      $0(run.key.runID)
      $0(run.sourceID)
    }.firstRow { row in
      var columns = Columns(row)
      let id = columns.integer()
      let isHistory = columns.bool()
      let isWithheld = columns.bool()
      let removed = columns.optionalText()
      let told = Told(&columns)
      return KnownRun(
        id: id, run: DagRunRow.read(&columns, key: run.key), told: told, isHistory: isHistory, isWithheld: isWithheld,
        removed: removed)
    }
  }

  private static let selectRun = SQL(
    """
    SELECT id, is_history, is_withheld, removed, \(Told.columns), \(DagRunRow.columns) FROM dag_run
    WHERE instance = ?1 AND dag_id = ?2 AND run_id = ?3 AND (removed IS NULL OR source_id = ?4)
    ORDER BY source_id = ?4 DESC LIMIT 1
    """)

  /// Whether an earlier run has the run ids that the provider would derive for this one: a deleted run of the same
  /// logical date, or one without a logical date that was due at the same time.
  private func sharesRunIDs(_ run: DagRun) throws -> Bool {
    guard let moment = run.logicalDate ?? run.runAfter else { return false }
    return try database.prepare(Self.selectTwin).binding {
      $0(instance)
      $0(run.key.dagID)
      $0(moment)
    }.firstRow { _ in true } ?? false
  }

  private static let selectTwin = SQL(
    "SELECT 1 FROM dag_run WHERE instance = ? AND dag_id = ? AND coalesce(logical_date, run_after) = ? LIMIT 1")

  /// The revision goes on from a deleted run of the same name, because records are told apart by key and revision.
  private func insert(_ run: DagRun, _ told: Told, isWithheld: Bool) throws -> Int64 {
    try database.prepare(Self.insertRun).binding {
      $0(instance)
      $0(run.key.dagID)
      $0(run.key.runID)
      $0(isHistory && !run.isOpen)
      $0(isWithheld)
      told.bind(to: &$0)
      DagRunRow.bind(run, to: &$0)
    }.insert()
  }

  private static let insertRun = SQL(
    """
    INSERT INTO dag_run (instance, dag_id, run_id, is_history, is_withheld, \(Told.columns), \(DagRunRow.columns), revision)
    VALUES (?1, ?2, ?3, ?4, ?5, \(placeholders(Told.count + DagRunRow.count)),
      coalesce((SELECT max(revision) FROM dag_run WHERE instance = ?1 AND dag_id = ?2 AND run_id = ?3), 0) + 1)
    """)

  private func update(_ id: Int64, _ run: DagRun) throws {
    try database.prepare(
      """
      UPDATE dag_run SET (\(DagRunRow.columns)) = (\(placeholders(DagRunRow.count))), removed = NULL, removed_at = NULL,
        is_history = CASE WHEN ? = 1 THEN 0 ELSE is_history END
      WHERE id = ?
      """
    ).binding {
      DagRunRow.bind(run, to: &$0)
      $0(run.isOpen)
      $0(id)
    }.run()
  }

  private func keep(_ told: Told, of id: Int64) throws {
    try database.prepare("UPDATE dag_run SET (\(Told.columns)) = (\(placeholders(Told.count))) WHERE id = ?").binding {
      told.bind(to: &$0)
      $0(id)
    }.run()
  }

  // MARK: Clears

  /// Whether Airflow has begun this run anew. Before 2.8 there is no clear number: then a finished run that is open
  /// again was cleared, and so was one that has another start.
  private func isCleared(_ old: DagRun, _ new: DagRun) -> Bool {
    if let before = old.clearNumber, let after = new.clearNumber { return after > before }
    guard LineageRules.terminal(forDagRunState: old.state) != nil else { return false }
    guard let before = old.startDate, let after = new.startDate else { return new.isOpen }
    return new.isOpen || before != after
  }

  /// Moves what the run was into its history, and says what was told of its run id as it now is.
  private func keepClear(of known: KnownRun, by run: DagRun, outbox: OutboxWriter) throws -> Told {
    // Without a clear number both have one run id, and a terminal event is final.
    let hasOwnRunID = known.run.clearNumber != nil && run.clearNumber != nil
    var told = hasOwnRunID ? known.told : Told()
    if told.isUnderWay {
      // What was told to have started needs its end.
      let clear = DagRunClear(
        clearNumber: known.run.clearNumber, state: known.run.state, queuedAt: known.run.queuedAt,
        startDate: known.run.startDate, endDate: known.run.endDate ?? run.queuedAt)
      let events = LineageRules.events(for: clear, of: run.key, told: told.transitions)
      for event in events { try outbox.event(event, about: .dagRun) }
      told.note(events, mark: sinks.mark)
    }
    try database.prepare(
      """
      INSERT INTO dag_run_clear (dag_run, position, clear_number, state, queued_at, start_date, end_date, \(Told.columns))
      SELECT ?1, coalesce(max(position), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 FROM dag_run_clear WHERE dag_run = ?1
      """
    ).binding {
      $0(known.id)
      $0(known.run.clearNumber)
      $0(known.run.state)
      $0(known.run.queuedAt)
      $0(known.run.startDate)
      $0(known.run.endDate)
      told.bind(to: &$0)
    }.run()
    return hasOwnRunID ? Told() : known.told
  }

  // MARK: Removal

  /// A run that Airflow has no more.
  mutating func remove(sourceID: Int64, kind: RecordHeader.Removed.Kind) throws {
    let id = try database.prepare("SELECT id FROM dag_run WHERE instance = ? AND source_id = ? AND removed IS NULL")
      .binding {
        $0(instance)
        $0(sourceID)
      }.firstRow { $0.integer(0) }
    if let id { try remove(id, kind: kind) }
  }

  /// The record of a run that Airflow has no more stays and says so. What was under way is told as aborted; of a run that
  /// went because it was old, nothing is told: nothing happened to it.
  private mutating func remove(_ id: Int64, kind: RecordHeader.Removed.Kind) throws {
    let told = kind == .expired ? nil : try abortAll(of: id)
    try database.prepare(
      "UPDATE dag_run SET removed = ?, removed_at = ?, is_open = 0, fingerprint = NULL, revision = revision + 1 WHERE id = ?"
    ).binding {
      $0(kind.rawValue)
      $0(readAt)
      $0(id)
    }.run()
    outcome.changedRuns += 1
    outcome.removedRuns += 1
    guard let told else { return }
    try keep(told, of: id)
    var outbox = OutboxWriter(database: database, sinks: sinks, now: now, isHistory: false)
    outbox.dagRun = id
    try outbox.record()
  }

  /// Tells the end of what has begun in this run and not ended; returns what was then told of the run itself.
  private func abortAll(of id: Int64) throws -> Told? {
    let row = try database.prepare("SELECT dag_id, run_id, clear_number, \(Told.columns) FROM dag_run WHERE id = ?")
      .binding { $0(id) }.firstRow { row in
        var columns = Columns(row)
        let key = DagRunKey(instance: name, dagID: columns.text(), runID: columns.text())
        return (key: key, clearNumber: columns.optionalInt(), told: Told(&columns))
      }
    guard let row else { return nil }
    var outbox = OutboxWriter(database: database, sinks: sinks, now: now, isHistory: false)
    outbox.dagRun = id
    for (key, known) in try knownAttempts(of: id).sorted(by: { $0.key < $1.key }) where known.told.isUnderWay {
      let told = try abort(.attempt(row.key, key), about: .attempt(key), told: known.told, outbox: outbox)
      try keep(told, of: key, in: id)
    }
    let subject = ExecutionEvent.Subject.dagRun(row.key, clearNumber: row.clearNumber)
    return try abort(subject, about: .dagRun, told: row.told, outbox: outbox)
  }

  func abort(
    _ subject: ExecutionEvent.Subject, about: OutboxWriter.Subject, told: Told, outbox: OutboxWriter
  ) throws -> Told {
    guard let start = told.start,
      let event = LineageRules.deleted(subject, told: told.transitions, time: max(start, readAt))
    else { return told }
    try outbox.event(event, about: about)
    var told = told
    told.note([event], mark: sinks.mark)
    return told
  }
}
