import ExecutionModel
import Records
import SQLite

/// What one read of Airflow brought, with how far the reader has come. Kept whole or not at all.
public struct CaptureBatch: Sendable {
  public var instance: InstanceName
  public var dags: [Dag]
  public var snapshots: [DagRunSnapshot]
  /// `dag_run.id`s of runs that were remembered as open and exist no more.
  public var missing: [Int64]
  /// `dag_run.id`s of runs that were remembered as open and whose DAG is not read any more.
  public var excluded: [Int64]
  /// When the snapshot was taken, by the source's clock.
  public var readAt: Instant
  /// The cursor moves up to here; nil leaves it.
  public var cursor: Int64?
  /// Where history goes on; nil leaves it.
  public var backfill: BackfillProgress?
  /// Whether these runs are history, loaded at first contact.
  public var isHistory: Bool

  /// How far the loading of history has come.
  public struct BackfillProgress: Hashable, Sendable {
    /// The next page has ids below this.
    public var below: Int64
    public var isDone: Bool
    /// Runs of this page and, as estimated, in all.
    public var runs: Int
    public var total: Int?

    public init(below: Int64, isDone: Bool, runs: Int, total: Int?) {
      self.below = below
      self.isDone = isDone
      self.runs = runs
      self.total = total
    }
  }

  public init(instance: InstanceName, readAt: Instant, isHistory: Bool = false) {
    self.instance = instance
    self.readAt = readAt
    self.isHistory = isHistory
    dags = []
    snapshots = []
    missing = []
    excluded = []
  }
}

/// What a batch changed.
public struct CaptureOutcome: Hashable, Sendable {
  public var newRuns = 0
  public var changedRuns = 0
  public var changedAttempts = 0
  public var newLinks = 0
}

extension Ledger {
  /// Proposes links for a run, given what is known of its attempts; pure.
  public typealias Proposer = @Sendable (DagRunSnapshot, [TaskAttempt]) -> [LinkProposal]

  /// Keeps a batch: rows, cursor and outbox in one transaction. Rows that did not change are not written.
  /// - Throws: ``LedgerError``; then nothing of the batch was kept.
  public func apply(_ batch: CaptureBatch, proposing propose: Proposer) throws -> CaptureOutcome {
    let now = now
    return try write { database in
      guard
        let instance = try database.prepare("SELECT id FROM airflow_instance WHERE name = ?")
          .binding({ $0(batch.instance) }).firstRow({ $0.integer(0) })
      else { throw LedgerError(.other, path: path, detail: "instance \(batch.instance) is not registered") }
      var writer = CaptureWriter(
        database: database, instance: instance, sinks: sinks, accounts: accounts, now: now, isHistory: batch.isHistory)
      for dag in batch.dags { try writer.keep(dag) }
      for snapshot in batch.snapshots { try writer.keep(snapshot, proposing: propose) }
      for id in batch.missing {
        try writer.markRemoved(sourceID: id, kind: "deleted", at: batch.readAt, of: batch.instance)
      }
      for id in batch.excluded {
        try database.prepare("UPDATE dag_run SET is_open = 0 WHERE instance = ? AND source_id = ?").binding {
          $0(instance)
          $0(id)
        }.run()
      }
      if let cursor = batch.cursor {
        try database.prepare("UPDATE airflow_instance SET dag_run_cursor = max(dag_run_cursor, ?) WHERE id = ?").binding
        {
          $0(cursor)
          $0(instance)
        }.run()
      }
      if let backfill = batch.backfill {
        try database.prepare(
          """
          UPDATE airflow_instance SET backfill_below = ?, backfill_done = ?, backfill_runs = backfill_runs + ?,
            backfill_total = coalesce(?, backfill_total) WHERE id = ?
          """
        ).binding {
          $0(backfill.below)
          $0(backfill.isDone)
          $0(backfill.runs)
          $0(backfill.total)
          $0(instance)
        }.run()
      }
      return writer.outcome
    }
  }
}

/// Writes what changed between the ledger and snapshots, within one transaction.
struct CaptureWriter {
  let database: SQLiteDatabase
  let instance: Int64
  let sinks: [SinkRegistration]
  let accounts: AccountDirectory
  let now: Int64
  let isHistory: Bool
  var outcome = CaptureOutcome()

  private struct KnownRun {
    var id: Int64
    var run: DagRun
    var phase: Int
    var isHistory: Bool
    var removed: String?
  }

  private struct KnownAttempt {
    var attempt: TaskAttempt
    var phase: Int
  }

  func keep(_ dag: Dag) throws {
    try database.prepare(
      """
      INSERT INTO dag (instance, \(DagRow.columns)) VALUES (?, \(placeholders(7)))
      ON CONFLICT DO UPDATE SET owners = excluded.owners, tags = excluded.tags, schedule = excluded.schedule,
        description = excluded.description, fileloc = excluded.fileloc, is_paused = excluded.is_paused
      WHERE (owners, tags, schedule, description, fileloc, is_paused)
        IS NOT (excluded.owners, excluded.tags, excluded.schedule, excluded.description, excluded.fileloc, excluded.is_paused)
      """
    ).binding {
      $0(instance)
      $0(dag.dagID)
      $0(DagRow.text(dag.owners))
      $0(DagRow.text(dag.tags))
      $0(dag.schedule)
      $0(dag.description)
      $0(dag.fileloc)
      $0(dag.isPaused)
    }.run()
  }

  // MARK: Runs

  mutating func keep(_ snapshot: DagRunSnapshot, proposing propose: Ledger.Proposer) throws {
    let run = snapshot.run
    let known = try knownRun(run.key)
    let isReplaced = known.map { $0.run.sourceID != run.sourceID } ?? false
    var phase = known?.phase ?? 0
    var outbox = OutboxWriter(
      database: database, sinks: sinks, now: now, isHistory: isHistory && (known?.isHistory ?? true) && !run.isOpen)
    let id: Int64
    var isChanged = true
    if let known {
      id = known.id
      if isReplaced { try forgetAttempts(of: id) }
      if isReplaced || isCleared(known.run, run) {
        phase = try keepClear(of: known, isReplaced: isReplaced, by: run, outbox: &outbox)
      }
      isChanged = known.run != run || known.removed != nil
      if isChanged { try update(id, run) }
    } else {
      id = try insert(run)
      outcome.newRuns += 1
    }
    outbox.dagRun = id

    let attempts = known == nil || isReplaced ? [:] : try knownAttempts(of: id)
    let due = LineageRules.events(for: run, told: EventPhase.told(phase))
    // START before those of the attempts, the end after theirs.
    for event in due where !event.transition.isTerminal { try outbox.event(event, about: .dagRun) }
    let changes = try keepAttempts(snapshot, known: attempts, of: id, outbox: &outbox)
    let links = try keepLinks(propose(snapshot, attempts.values.map(\.attempt)), of: id)
    for event in due where event.transition.isTerminal { try outbox.event(event, about: .dagRun) }
    phase = EventPhase.after(due, from: phase)
    if phase != known?.phase ?? 0 {
      try database.prepare("UPDATE dag_run SET event_phase = ? WHERE id = ?").binding {
        $0(phase)
        $0(id)
      }.run()
    }
    if known != nil, isChanged || changes > 0 || links > 0 {
      outcome.changedRuns += 1
      try database.prepare("UPDATE dag_run SET revision = revision + 1 WHERE id = ?").binding { $0(id) }.run()
    }
    let becameTerminal = known.map { $0.run.state != run.state || $0.run.endDate != run.endDate } ?? true
    if becameTerminal, LineageRules.terminal(forDagRunState: run.state) != nil { try outbox.record() }
  }

  /// Whether Airflow has begun this run anew. Before 2.8 there is no clear number: then a finished run that is open
  /// again was cleared, and so was one that has another start.
  private func isCleared(_ old: DagRun, _ new: DagRun) -> Bool {
    if let before = old.clearNumber, let after = new.clearNumber { return after > before }
    guard LineageRules.terminal(forDagRunState: old.state) != nil else { return false }
    guard let before = old.startDate, let after = new.startDate else { return new.isOpen }
    return new.isOpen || before != after
  }

  /// Moves what the run was into its history, and says in which phase of events it now is.
  private mutating func keepClear(
    of known: KnownRun, isReplaced: Bool, by run: DagRun, outbox: inout OutboxWriter
  ) throws -> Int {
    try database.prepare(
      """
      INSERT INTO dag_run_clear (dag_run, position, clear_number, state, queued_at, start_date, end_date)
      SELECT ?1, coalesce(max(position), 0) + 1, ?2, ?3, ?4, ?5, ?6 FROM dag_run_clear WHERE dag_run = ?1
      """
    ).binding {
      $0(known.id)
      $0(known.run.clearNumber)
      $0(known.run.state)
      $0(known.run.queuedAt)
      $0(known.run.startDate)
      $0(known.run.endDate)
    }.run()
    // Without a clear number both have one run id, and a terminal event is final.
    let hasOwnRunID = isReplaced || (known.run.clearNumber != nil && run.clearNumber != nil)
    guard hasOwnRunID else { return known.phase }
    outbox.dagRun = known.id
    let clear = DagRunClear(
      clearNumber: known.run.clearNumber, state: known.run.state, queuedAt: known.run.queuedAt,
      startDate: known.run.startDate, endDate: known.run.endDate ?? run.queuedAt)
    // What was told to have started needs its end.
    if known.phase == 1 {
      for event in LineageRules.events(for: clear, of: run.key, told: [.start]) {
        try outbox.event(event, about: .dagRun)
      }
    }
    return 0
  }

  private func knownRun(_ key: DagRunKey) throws -> KnownRun? {
    try database.prepare(
      """
      SELECT id, event_phase, is_history, removed, \(DagRunRow.columns) FROM dag_run
      WHERE instance = ? AND dag_id = ? AND run_id = ?
      """
    ).binding {
      $0(instance)
      $0(key.dagID)
      $0(key.runID)
    }.firstRow { row in
      var columns = SQLiteColumns(row)
      let id = columns.integer()
      let phase = columns.int()
      let isHistory = columns.bool()
      let removed = columns.optionalText()
      return KnownRun(
        id: id, run: DagRunRow.read(&columns, key: key), phase: phase, isHistory: isHistory, removed: removed)
    }
  }

  private func insert(_ run: DagRun) throws -> Int64 {
    try database.prepare(
      """
      INSERT INTO dag_run (instance, dag_id, run_id, is_history, revision, \(DagRunRow.columns))
      VALUES (?, ?, ?, ?, 1, \(placeholders(DagRunRow.count)))
      """
    ).binding {
      $0(instance)
      $0(run.key.dagID)
      $0(run.key.runID)
      $0(isHistory && !run.isOpen)
      DagRunRow.bind(run, to: &$0)
    }.run()
    return database.lastInsertedRow
  }

  private func update(_ id: Int64, _ run: DagRun) throws {
    try database.prepare(
      """
      UPDATE dag_run SET (\(DagRunRow.columns)) = (\(placeholders(DagRunRow.count))), removed = NULL, removed_at = NULL,
        is_history = CASE WHEN ? THEN 0 ELSE is_history END
      WHERE id = ?
      """
    ).binding {
      DagRunRow.bind(run, to: &$0)
      $0(run.isOpen)
      $0(id)
    }.run()
  }

  /// The record of a run that Airflow has no more stays and says so; what was under way is told as aborted.
  mutating func markRemoved(sourceID: Int64, kind: String, at time: Instant, of name: InstanceName) throws {
    let row = try database.prepare(
      "SELECT id, event_phase, clear_number, dag_id, run_id FROM dag_run WHERE instance = ? AND source_id = ? AND removed IS NULL"
    ).binding {
      $0(instance)
      $0(sourceID)
    }.firstRow {
      (
        id: $0.integer(0), phase: Int($0.integer(1)), clear: $0.optionalInteger(2).map(Int.init), dagID: $0.text(3),
        runID: $0.text(4)
      )
    }
    guard let row else { return }
    try database.prepare(
      """
      UPDATE dag_run SET removed = ?, removed_at = ?, is_open = 0, revision = revision + 1,
        event_phase = CASE event_phase WHEN 1 THEN 2 ELSE event_phase END
      WHERE id = ?
      """
    ).binding {
      $0(kind)
      $0(time)
      $0(row.id)
    }.run()
    outcome.changedRuns += 1
    var outbox = OutboxWriter(database: database, sinks: sinks, now: now, isHistory: false)
    outbox.dagRun = row.id
    let open = try database.prepare(
      "SELECT task_id, map_index, try_number FROM attempt WHERE dag_run = ? AND event_phase = 1"
    ).binding { $0(row.id) }.rows { row in
      var columns = SQLiteColumns(row)
      return AttemptRow.readKey(&columns)
    }
    let runKey = DagRunKey(instance: name, dagID: row.dagID, runID: row.runID)
    for key in open {
      let subject = ExecutionEvent.Subject.attempt(runKey, key)
      if let event = LineageRules.deleted(subject, told: [.start], time: time) {
        try outbox.event(event, about: .attempt(key))
      }
    }
    try database.prepare("UPDATE attempt SET event_phase = 2 WHERE dag_run = ? AND event_phase = 1")
      .binding { $0(row.id) }.run()
    let subject = ExecutionEvent.Subject.dagRun(runKey, clearNumber: row.clear)
    if let event = LineageRules.deleted(subject, told: EventPhase.told(row.phase), time: time) {
      try outbox.event(event, about: .dagRun)
    }
    try outbox.record()
  }

  // MARK: Attempts

  private func knownAttempts(of dagRun: Int64) throws -> [AttemptKey: KnownAttempt] {
    var known: [AttemptKey: KnownAttempt] = [:]
    try database.prepare("SELECT event_phase, \(AttemptRow.columns) FROM attempt WHERE dag_run = ?")
      .binding { $0(dagRun) }.forEachRow { row in
        var columns = SQLiteColumns(row)
        let phase = columns.int()
        let attempt = AttemptRow.read(&columns)
        known[attempt.key] = KnownAttempt(attempt: attempt, phase: phase)
      }
    return known
  }

  private func forgetAttempts(of dagRun: Int64) throws {
    for sql in [
      "DELETE FROM evidence WHERE link IN (SELECT id FROM link WHERE dag_run = ?)",
      "DELETE FROM link_target WHERE link IN (SELECT id FROM link WHERE dag_run = ?)",
      "DELETE FROM link WHERE dag_run = ?", "DELETE FROM attempt WHERE dag_run = ?",
    ] { try database.prepare(sql).binding { $0(dagRun) }.run() }
  }

  private mutating func keepAttempts(
    _ snapshot: DagRunSnapshot, known: [AttemptKey: KnownAttempt], of dagRun: Int64, outbox: inout OutboxWriter
  ) throws -> Int {
    let observed = snapshot.attempts
    var changes = 0
    var current: [String: AttemptKey] = [:]
    for observation in observed {
      let before = known[observation.key]
      let attempt = before.map { merge($0.attempt, observation) } ?? observation
      if attempt.isCurrent, !known.isEmpty { current[Self.slot(attempt.key)] = attempt.key }
      let events = LineageRules.events(for: attempt, of: snapshot.run.key, told: EventPhase.told(before?.phase ?? 0))
      for event in events { try outbox.event(event, about: .attempt(attempt.key)) }
      let phase = EventPhase.after(events, from: before?.phase ?? 0)
      if let before {
        guard before.attempt != attempt || before.phase != phase else { continue }
        try database.prepare(
          """
          UPDATE attempt SET (is_current, clear_number, operator, state, queued_at, start_date, end_date, duration, max_tries,
            hostname, pool, queue, rendered_map_index, note, event_phase) = (\(placeholders(AttemptRow.count - 2)))
          WHERE dag_run = ? AND task_id = ? AND map_index = ? AND try_number = ?
          """
        ).binding {
          AttemptRow.bindFacts(attempt, to: &$0)
          $0(phase)
          $0(dagRun)
          AttemptRow.bind(attempt.key, to: &$0)
        }.run()
      } else {
        try database.prepare(
          """
          INSERT INTO attempt (dag_run, \(AttemptRow.columns), event_phase)
          VALUES (?, \(placeholders(AttemptRow.count)), ?)
          """
        ).binding {
          $0(dagRun)
          AttemptRow.bind(attempt, to: &$0)
          $0(phase)
        }.run()
      }
      changes += 1
    }
    // An earlier try that the database no longer shows is not the current one any more.
    for before in known.values where before.attempt.isCurrent {
      guard let now = current[Self.slot(before.attempt.key)], now != before.attempt.key,
        !observed.contains(where: { $0.key == before.attempt.key })
      else { continue }
      try database.prepare(
        "UPDATE attempt SET is_current = 0 WHERE dag_run = ? AND task_id = ? AND map_index = ? AND try_number = ?"
      ).binding {
        $0(dagRun)
        AttemptRow.bind(before.attempt.key, to: &$0)
      }.run()
      changes += 1
    }
    outcome.changedAttempts += changes
    return changes
  }

  private static func slot(_ key: AttemptKey) -> String { "\(key.mapIndex) \(key.taskID)" }

  /// What is known of one try after it was seen again. The first start is kept: sensors in reschedule mode overwrite it
  /// at every poke. What only a live row or only an earlier look could tell is not lost.
  private func merge(_ old: TaskAttempt, _ new: TaskAttempt) -> TaskAttempt {
    var merged = new
    if let first = old.startDate, let start = new.startDate { merged.startDate = min(first, start) }
    merged.startDate = merged.startDate ?? old.startDate
    merged.queuedAt = new.queuedAt ?? old.queuedAt
    merged.clearNumber = old.clearNumber ?? new.clearNumber
    merged.operatorName = new.operatorName ?? old.operatorName
    merged.renderedMapIndex = new.renderedMapIndex ?? old.renderedMapIndex
    merged.note = new.isCurrent ? new.note : new.note ?? old.note
    return merged
  }
}

/// How far the events of one run id have come, as the ledger keeps it: 0 none, 1 START, 2 a terminal one.
enum EventPhase {
  /// What was told, as the rules want to know it.
  static func told(_ phase: Int) -> Set<ExecutionEvent.Transition> {
    switch phase {
    case 0: []
    case 1: [.start]
    default: [.start, .complete]
    }
  }

  static func after(_ events: [ExecutionEvent], from phase: Int) -> Int {
    events.reduce(phase) { max($0, $1.transition.isTerminal ? 2 : 1) }
  }
}
