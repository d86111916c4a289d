import ExecutionModel
import Records
import Storage

extension CaptureWriter {
  /// An attempt as the ledger has it.
  struct KnownAttempt {
    var attempt: TaskAttempt
    var told: Told
    /// Whether Airflow has its task instance no more.
    var isRemoved: Bool
  }

  func knownAttempts(of dagRun: Int64) throws -> [AttemptKey: KnownAttempt] {
    var known: [AttemptKey: KnownAttempt] = [:]
    try database.prepare(
      "SELECT \(Told.columns), removed_at IS NOT NULL, \(AttemptRow.columns) FROM attempt WHERE dag_run = ?"
    ).binding { $0(dagRun) }.forEachRow { row in
      var columns = Columns(row)
      let told = Told(&columns)
      let isRemoved = columns.bool()
      let attempt = AttemptRow.read(&columns)
      known[attempt.key] = KnownAttempt(attempt: attempt, told: told, isRemoved: isRemoved)
    }
    return known
  }

  /// Keeps the attempts of a run that is new, and tells what is due of them unless there is no `outbox`. Returns how many
  /// events that are.
  mutating func keepNewAttempts(
    _ snapshot: DagRunSnapshot, of dagRun: Int64, isWithheld: Bool, outbox: OutboxWriter?
  ) throws -> Int {
    var events = 0
    var unwritten: [(attempt: TaskAttempt, told: Told)] = []
    for attempt in snapshot.attempts {
      var told = Told()
      if !isWithheld {
        let due = LineageRules.due(for: attempt)
        if let outbox, !isForgotten(attempt) {
          for event in due.events(about: .attempt(snapshot.run.key, attempt.key)) {
            try outbox.event(event, about: .attempt(attempt.key))
          }
        }
        told.note(due, mark: sinks.mark)
        events += due.count
      }
      if database.isServer { unwritten.append((attempt, told)) } else { try write(attempt, told, of: dagRun) }
    }
    try write(unwritten, of: dagRun)
    outcome.changedAttempts += snapshot.attempts.count
    return events
  }

  /// Whether an attempt is older than history is kept: a run that was deleted is read once more when it is cleared, and what
  /// was told of its attempts before is not told again.
  private func isForgotten(_ attempt: TaskAttempt) -> Bool {
    guard let horizon, let end = attempt.endDate else { return false }
    return end < horizon
  }

  /// Keeps the attempts of one snapshot and tells what is due of them. Returns how many are new or changed.
  mutating func keepAttempts(
    _ snapshot: DagRunSnapshot, known: [AttemptKey: KnownAttempt], of dagRun: Int64, isWithheld: Bool,
    outbox: OutboxWriter
  ) throws -> Int {
    var changes = 0
    var observed: Set<AttemptKey> = []
    var current: Set<AttemptKey> = []
    func keep(_ attempt: TaskAttempt, _ before: KnownAttempt?) throws {
      var told = before?.told ?? Told()
      if !isWithheld {
        let due = LineageRules.due(for: attempt, hasStarted: told.start != nil, hasEnded: told.transition != nil)
        for event in due.events(about: .attempt(snapshot.run.key, attempt.key)) {
          try outbox.event(event, about: .attempt(attempt.key))
        }
        told.note(due, mark: sinks.mark)
      }
      guard before.map({ $0.attempt != attempt || $0.told != told || $0.isRemoved }) ?? true else { return }
      try write(attempt, told, of: dagRun)
      changes += 1
    }
    for observation in snapshot.attempts {
      let before = known[observation.key]
      try keep(before.map { merge($0.attempt, observation) } ?? observation, before)
      observed.insert(observation.key)
      if observation.isCurrent { current.insert(Self.instance(of: observation.key)) }
    }
    for (key, before) in known.sorted(by: { $0.key < $1.key }) where !observed.contains(key) {
      let instance = Self.instance(of: key)
      if current.contains(instance) {
        // Up to Airflow 2.9 a new try takes the place of the one before, which is over, whatever was last seen of it.
        guard before.attempt.isCurrent else { continue }
        var attempt = before.attempt
        attempt.isCurrent = false
        try keep(attempt, before)
      } else if !snapshot.waiting.contains(instance), !before.isRemoved {
        try remove(before, of: snapshot.run.key, in: dagRun, outbox: outbox)
        changes += 1
      }
    }
    outcome.changedAttempts += changes
    return changes
  }

  /// An attempt whose task instance Airflow has no more: somebody deleted it, or a mapped task was expanded anew. What
  /// is known of it stays; what was under way is told as aborted.
  private func remove(_ known: KnownAttempt, of run: DagRunKey, in dagRun: Int64, outbox: OutboxWriter) throws {
    let key = known.attempt.key
    let told = try abort(.attempt(run, key), about: .attempt(key), told: known.told, outbox: outbox)
    try database.prepare(
      """
      UPDATE attempt SET removed_at = ?, is_current = 0, (\(Told.columns)) = (\(placeholders(Told.count)))
      WHERE dag_run = ? AND task_id = ? AND map_index = ? AND try_number = ?
      """
    ).binding {
      $0(readAt)
      told.bind(to: &$0)
      $0(dagRun)
      AttemptRow.bind(key, to: &$0)
    }.run()
  }

  func keep(_ told: Told, of key: AttemptKey, in dagRun: Int64) throws {
    try database.prepare(
      """
      UPDATE attempt SET (\(Told.columns)) = (\(placeholders(Told.count)))
      WHERE dag_run = ? AND task_id = ? AND map_index = ? AND try_number = ?
      """
    ).binding {
      told.bind(to: &$0)
      $0(dagRun)
      AttemptRow.bind(key, to: &$0)
    }.run()
  }

  /// Several by one statement.
  private func write(_ attempts: [(attempt: TaskAttempt, told: Told)], of dagRun: Int64) throws {
    for slice in slices(of: attempts, Self.insertAttempts.count) {
      // No statement may write one row twice.
      guard Set(slice.map(\.attempt.key)).count == slice.count else {
        for one in slice { try write(one.attempt, one.told, of: dagRun) }
        continue
      }
      try database.prepare(Self.insertAttempts[slice.count - 1]).binding { binder in
        for one in slice {
          binder(dagRun)
          AttemptRow.bind(one.attempt, to: &binder)
          one.told.bind(to: &binder)
        }
      }.run()
    }
  }

  private func write(_ attempt: TaskAttempt, _ told: Told, of dagRun: Int64) throws {
    try database.prepare(Self.insertAttempts[0]).binding {
      $0(dagRun)
      AttemptRow.bind(attempt, to: &$0)
      told.bind(to: &$0)
    }.run()
  }

  /// Of one attempt, of two, and so on.
  private static let insertAttempts = (1...32).map { SQL(insert(attempts: $0)) }

  private static func insert(attempts count: Int) -> String {
    """
    INSERT INTO attempt (dag_run, \(AttemptRow.columns), \(Told.columns))
    VALUES \(placeholders(rows: count, of: 1 + AttemptRow.count + Told.count))
    ON CONFLICT (dag_run, task_id, map_index, try_number)
    DO UPDATE SET \(replacing("\(AttemptRow.factColumns), \(Told.columns)")), removed_at = NULL
    """
  }

  /// The task instance that an attempt is a try of.
  private static func instance(of key: AttemptKey) -> AttemptKey {
    AttemptKey(taskID: key.taskID, mapIndex: key.mapIndex, tryNumber: 0)
  }

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
