import ExecutionModel

/// When `task_instance.try_number` grows.
enum TryNumbering: Hashable, Sendable {
  /// Up to 2.9: from queued to running, and back by one when the try is deferred or waits to be rescheduled.
  case whenStarted
  /// From 2.10: from none to scheduled.
  case whenScheduled
}

/// Makes the tries of one DAG run out of its rows in `task_instance` and `task_instance_history`. Pure.
///
/// - A live row without state, scheduled or queued is no attempt: after a clear it still bears the finished try's number
///   or already the next one's. It is one only when its try is under way and comes back from a deferral or a poke.
/// - `task_instance_history` wins over a live row with the same number, which shows the same try waiting for its retry
///   (`up_for_retry`).
/// - A task that ended without running keeps the number of the try before it. Where that try is in the history, or where
///   the state can only be reached without running (`upstream_failed`), the end is kept as try 0.
/// - The row with map_index -1 of a task that is yet to be expanded has no state and is therefore no attempt. Airflow
///   turns it into map_index 0.
struct AttemptNormaliser {
  var numbering: TryNumbering

  /// - Parameters:
  ///   - firstPokes: the first start of each try of sensors in reschedule mode.
  /// - Returns: the attempts, ordered by key.
  func attempts(
    of run: DagRun, live: [TaskInstanceRow], history: [TaskInstanceRow], firstPokes: [AttemptKey: Instant] = [:]
  ) -> [TaskAttempt] {
    if history.isEmpty, firstPokes.isEmpty { return onlyAttempts(of: run, live: live) }
    var attempts: [AttemptKey: TaskAttempt] = [:]
    var newestInHistory: [TaskInstance: AttemptKey] = [:]
    // Of several tries with one start only the first has it by itself.
    var firstWithStart: [TaskInstance: [Instant: Int]] = [:]
    for row in history {
      guard let start = row.attempt.startDate else { continue }
      let number = row.tryNumber ?? 0
      let first = firstWithStart[TaskInstance(row)]?[start] ?? number
      firstWithStart[TaskInstance(row), default: [:]][start] = min(first, number)
    }
    func hasTimesOfTryBefore(_ row: TaskInstanceRow, _ number: Int) -> Bool {
      guard let start = row.attempt.startDate, let first = firstWithStart[TaskInstance(row)]?[start] else {
        return false
      }
      return first < number
    }
    for row in history {
      var key = row.attempt.key
      key.tryNumber = row.tryNumber ?? 0
      var attempt = row.attempt
      attempt.note = nil
      settle(
        &attempt, number: key.tryNumber, of: row.tryNumber, isCurrent: false, run, firstPokes[key],
        hasTimesOfTryBefore: hasTimesOfTryBefore(row, key.tryNumber))
      attempts[key] = attempt
      let known = newestInHistory[TaskInstance(row)]
      newestInHistory[TaskInstance(row)] = known.map { max($0, key) } ?? key
    }
    for row in live {
      var shown = newestInHistory[TaskInstance(row)]
      if let number = tryNumber(of: row, firstPokes) {
        var key = row.attempt.key
        key.tryNumber = number
        if attempts[key] != nil, Self.ends.contains(row.attempt.state) { key.tryNumber = 0 }
        if attempts[key] == nil {
          var attempt = row.attempt
          attempt.note = nil
          settle(
            &attempt, number: key.tryNumber, of: row.tryNumber, isCurrent: true, run, firstPokes[key],
            hasTimesOfTryBefore: hasTimesOfTryBefore(row, number))
          attempts[key] = attempt
        } else {
          attempts[key]?.isCurrent = true
        }
        shown = key
      }
      // Notes belong to the task instance, not to a try: the newest one shows them.
      if let note = row.attempt.note, let shown { attempts[shown]?.note = note }
    }
    return Self.ordered(Array(attempts.values))
  }

  /// The same where every task instance has been tried once at most, as in most runs: no two rows can meet.
  private func onlyAttempts(of run: DagRun, live: [TaskInstanceRow]) -> [TaskAttempt] {
    live.withUnsafeBufferPointer { buffer in
      // By pointer, for a copy of a row costs more than all that is done with it.
      guard let rows = buffer.baseAddress else { return [] }
      var shown: [AttemptOrder] = []
      shown.reserveCapacity(buffer.count)
      for position in buffer.indices {
        // What most rows are.
        let isPlain = numbering == .whenScheduled && rows[position].attempt.state == "success"
        guard let number = isPlain ? rows[position].tryNumber ?? 0 : tryNumber(of: rows[position], [:]) else {
          continue
        }
        shown.append(
          AttemptOrder(position, rows[position].attempt.key.taskID, rows[position].attempt.key.mapIndex, number))
      }
      shown.sort { left, right in
        left.precedes(right) {
          rows[left.position].attempt.key.taskID.compareBytes(with: rows[right.position].attempt.key.taskID)
        }
      }
      return shown.map { place in
        var attempt = rows[place.position].attempt
        settle(&attempt, number: place.tryNumber, of: rows[place.position].tryNumber, isCurrent: true, run, nil)
        return attempt
      }
    }
  }

  /// The last try of each task instance whose live row shows it no more, with its start. Up to 2.9, where there is no
  /// history that would keep it.
  func hiddenTries(_ live: [TaskInstanceRow], firstPokes: [AttemptKey: Instant] = [:]) -> [AttemptKey: Instant] {
    guard numbering == .whenStarted else { return [:] }
    var hidden: [AttemptKey: Instant] = [:]
    for row in live {
      guard let start = row.attempt.startDate, let stored = row.tryNumber, stored > 0,
        tryNumber(of: row, firstPokes) ?? 0 == 0
      else { continue }
      var key = row.attempt.key
      key.tryNumber = stored
      hidden[key] = start
    }
    return hidden
  }

  /// By key.
  private static func ordered(_ attempts: [TaskAttempt]) -> [TaskAttempt] {
    let order = attempts.indices.map { position in
      let key = attempts[position].key
      return AttemptOrder(position, key.taskID, key.mapIndex, key.tryNumber)
    }
    let sorted = order.sorted { left, right in
      left.precedes(right) {
        attempts[left.position].key.taskID.compareBytes(with: attempts[right.position].key.taskID)
      }
    }
    return sorted.map { attempts[$0.position] }
  }

  /// The number of the try that a live row shows; nil when it shows none.
  private func tryNumber(of row: TaskInstanceRow, _ firstPokes: [AttemptKey: Instant]) -> Int? {
    let stored = row.tryNumber ?? 0
    func hasPoked(_ number: Int) -> Bool {
      var key = row.attempt.key
      key.tryNumber = number
      return firstPokes[key] != nil
    }
    // While a try is under way but not running, up to 2.9 has its number one too low.
    let underWay = numbering == .whenStarted ? stored + 1 : stored
    switch row.attempt.state {
    case nil: return nil
    case "scheduled", "queued":
      let comesBack = row.isDeferral && row.attempt.startDate != nil && row.attempt.endDate == nil
      return comesBack || hasPoked(underWay) ? underWay : nil
    case "upstream_failed": return 0
    case "deferred", "up_for_reschedule": return underWay
    default:
      guard numbering == .whenStarted else { return stored }
      // Marked by hand while it was deferred or waited for its next poke.
      return hasPoked(stored + 1) || (stored == 0 && row.isDeferral) ? stored + 1 : stored
    }
  }

  /// Makes the try of that number out of what its row says.
  private func settle(
    _ attempt: inout TaskAttempt, number: Int, of stored: Int?, isCurrent: Bool, _ run: DagRun, _ firstPoke: Instant?,
    hasTimesOfTryBefore: Bool = false
  ) {
    attempt.key.tryNumber = number
    attempt.isCurrent = isCurrent
    if let firstPoke { attempt.startDate = min(firstPoke, attempt.startDate ?? firstPoke) }
    // What a try that is not over has there is the end of its last poke.
    if attempt.state != "success", Self.underWay.contains(attempt.state) {
      attempt.endDate = nil
      attempt.duration = nil
    }
    // What ended without running keeps the times that its row had before: they do not say under which clear it ended.
    let mayBeBorrowed = number == 0 && ((stored ?? 0) > 0 || numbering == .whenStarted)
    attempt.clearNumber = Self.clearNumber(of: attempt, in: run, hasOwnTimes: !hasTimesOfTryBefore && !mayBeBorrowed)
  }

  /// The run's clear number when the attempt ran, as far as times tell: a clear sets the run's start anew.
  ///
  /// nil without the column (before 2.8), and for what ran before the last of several clears or has no time at all.
  private static func clearNumber(of attempt: TaskAttempt, in run: DagRun, hasOwnTimes: Bool) -> Int? {
    guard let current = run.clearNumber, current > 0 else { return run.clearNumber }
    guard let moment = attempt.startDate ?? attempt.endDate else { return nil }
    if let start = run.startDate, moment >= start { return current }
    return current == 1 && hasOwnTimes ? 0 : nil
  }

  private struct TaskInstance: Hashable {
    var taskID: String
    var mapIndex: Int

    init(_ row: TaskInstanceRow) {
      taskID = row.attempt.key.taskID
      mapIndex = row.attempt.key.mapIndex
    }
  }

  private static let ends: Set<String?> = ["success", "failed", "skipped", "upstream_failed", "removed"]
  private static let underWay: Set<String?> = ["running", "deferred", "up_for_reschedule", "scheduled", "queued"]
}
