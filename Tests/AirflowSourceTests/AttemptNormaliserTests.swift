import ExecutionModel
import JSONText
import TestServers
import Testing

@testable import AirflowSource

@Suite struct AttemptNormaliserTests {
  private static let run = DagRun(key: DagRunKey(instance: "i", dagID: "d", runID: "r"), sourceID: 1)
  private let old = AttemptNormaliser(numbering: .whenStarted)
  private let new = AttemptNormaliser(numbering: .whenScheduled)

  private func row(
    _ state: String?, _ number: Int?, start: Int64? = nil, end: Int64? = nil, mapIndex: Int = -1,
    isDeferral: Bool = false
  ) -> TaskInstanceRow {
    var row = TaskInstanceRow(taskID: "t", mapIndex: mapIndex, tryNumber: number, state: state)
    row.attempt.startDate = start.map { Instant(microseconds: $0) }
    row.attempt.endDate = end.map { Instant(microseconds: $0) }
    row.isDeferral = isDeferral
    return row
  }

  private func key(_ number: Int, mapIndex: Int = -1) -> AttemptKey {
    AttemptKey(taskID: "t", mapIndex: mapIndex, tryNumber: number)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var state: String?
    var stored: Int
    var deferral = false
    /// nil: no attempt.
    var old: Int?
    var new: Int?
    var testDescription: String { "\(state ?? "none") \(stored)\(deferral ? " deferral" : "")" }
  }

  static let cases = [
    Case(state: nil, stored: 0, old: nil, new: nil),
    Case(state: nil, stored: 1, old: nil, new: nil),
    Case(state: "scheduled", stored: 0, old: nil, new: nil),
    Case(state: "scheduled", stored: 1, old: nil, new: nil),
    Case(state: "queued", stored: 0, old: nil, new: nil),
    Case(state: "queued", stored: 2, old: nil, new: nil),
    Case(state: "running", stored: 1, old: 1, new: 1),
    Case(state: "running", stored: 2, deferral: true, old: 2, new: 2),
    Case(state: "deferred", stored: 0, deferral: true, old: 1, new: 0),
    Case(state: "deferred", stored: 1, deferral: true, old: 2, new: 1),
    Case(state: "scheduled", stored: 0, deferral: true, old: 1, new: 0),
    Case(state: "queued", stored: 1, deferral: true, old: 2, new: 1),
    Case(state: "up_for_reschedule", stored: 0, old: 1, new: 0),
    Case(state: "up_for_reschedule", stored: 2, old: 3, new: 2),
    Case(state: "up_for_retry", stored: 1, old: 1, new: 1),
    Case(state: "restarting", stored: 1, old: 1, new: 1),
    Case(state: "success", stored: 1, old: 1, new: 1),
    Case(state: "success", stored: 0, old: 0, new: 0),
    Case(state: "failed", stored: 2, old: 2, new: 2),
    Case(state: "failed", stored: 0, deferral: true, old: 1, new: 0),
    Case(state: "skipped", stored: 0, old: 0, new: 0),
    Case(state: "skipped", stored: 1, old: 1, new: 1),
    Case(state: "upstream_failed", stored: 0, old: 0, new: 0),
    Case(state: "upstream_failed", stored: 1, old: 0, new: 0),
    Case(state: "removed", stored: 1, old: 1, new: 1),
    Case(state: "awaiting_input", stored: 1, old: 1, new: 1),
  ]

  @Test(arguments: cases) func aLiveRowHasTheNumberOfTheTryThatItShows(_ given: Case) {
    let live = row(given.state, given.stored, start: 10, isDeferral: given.deferral)
    #expect(
      old.attempts(of: Self.run, live: [live], history: []).map(\.key) == [given.old].compactMap { $0 }.map { key($0) })
    #expect(
      new.attempts(of: Self.run, live: [live], history: []).map(\.key) == [given.new].compactMap { $0 }.map { key($0) })
  }

  @Test func aRowThatAClearLeftIsNoAttemptAlthoughItStillShowsTheFinishedOne() {
    let attempts = new.attempts(
      of: Self.run, live: [row(nil, 1, start: 1, end: 2)], history: [row("success", 1, start: 1, end: 2)])
    #expect(attempts.map(\.key) == [key(1)])
    #expect(attempts.map(\.state) == ["success"])
    #expect(attempts.map(\.isCurrent) == [false])
  }

  @Test func historyWinsOverTheRowThatWaitsForItsRetry() {
    let attempts = new.attempts(
      of: Self.run, live: [row("up_for_retry", 1, start: 1, end: 2)], history: [row("failed", 1, start: 1, end: 2)])
    #expect(attempts.map(\.key) == [key(1)])
    #expect(attempts.map(\.state) == ["failed"])
    #expect(attempts.map(\.isCurrent) == [true])
  }

  @Test(arguments: ["success", "failed", "skipped", "upstream_failed", "removed"])
  func anEndWithoutATryOfItsOwnIsTryZeroBesideTheTryInHistory(_ state: String) {
    let attempts = new.attempts(
      of: Self.run, live: [row(state, 1, start: 1, end: 3)], history: [row("failed", 1, start: 1, end: 2)])
    #expect(attempts.map(\.key) == [key(0), key(1)])
    #expect(attempts.map(\.state) == [state, "failed"])
    #expect(attempts.map(\.isCurrent) == [true, false])
  }

  @Test func everyTryOfTheHistoryIsThereInOrder() {
    let attempts = new.attempts(
      of: Self.run, live: [row("running", 3, start: 30)],
      history: [row("failed", 2, start: 20, end: 25), row("failed", 1, start: 10, end: 15)])
    #expect(attempts.map(\.key) == [key(1), key(2), key(3)])
    #expect(attempts.map(\.isCurrent) == [false, false, true])
  }

  @Test func theRowOfATaskThatIsYetToBeExpandedIsNoAttempt() {
    #expect(new.attempts(of: Self.run, live: [row(nil, 0)], history: []).isEmpty)
    let expanded = [row("success", 1, start: 1, mapIndex: 0), row("running", 1, start: 1, mapIndex: 1)]
    #expect(
      new.attempts(of: Self.run, live: expanded, history: []).map(\.key) == [key(1, mapIndex: 0), key(1, mapIndex: 1)])
  }

  @Test(arguments: [TryNumbering.whenStarted, .whenScheduled])
  func aSensorStartedWithItsFirstPoke(_ numbering: TryNumbering) {
    let stored = numbering == .whenStarted ? 0 : 1
    let first = [key(1): Instant(microseconds: 5)]
    for state in ["up_for_reschedule", "scheduled", "queued"] {
      let attempts = AttemptNormaliser(numbering: numbering).attempts(
        of: Self.run, live: [row(state, stored, start: 40, end: 41)], history: [], firstPokes: first)
      #expect(attempts.map(\.key) == [key(1)], "\(state)")
      #expect(attempts.first?.startDate == Instant(microseconds: 5))
      #expect(attempts.first?.endDate == nil, "the end of a poke is not the end of the try")
    }
    let done = AttemptNormaliser(numbering: numbering).attempts(
      of: Self.run, live: [row("success", 1, start: 40, end: 41)], history: [], firstPokes: first)
    #expect(done.first?.startDate == Instant(microseconds: 5))
    #expect(done.first?.endDate == Instant(microseconds: 41))
  }

  @Test func upToTwoNineASensorThatWasMarkedBetweenPokesKeepsItsTry() {
    let attempts = old.attempts(
      of: Self.run, live: [row("failed", 1, start: 40, end: 50)], history: [],
      firstPokes: [key(2): Instant(microseconds: 5)])
    #expect(attempts.map(\.key) == [key(2)])
  }

  @Test func theCustomOperatorNameIsNotOverriddenAndNotesGoToTheNewestTry() {
    var live = row(nil, 2)
    live.attempt.note = "look"
    let attempts = new.attempts(
      of: Self.run, live: [live], history: [row("failed", 1, start: 1), row("failed", 2, start: 2)])
    #expect(attempts.map(\.note) == [nil, "look"])
  }

  @Test(
    arguments: [
      // clear_number, run's start, attempt's start, expected
      (nil, 10, 20, nil), (0, 10, 5, 0), (0, nil, 5, 0), (1, 10, 10, 1), (1, 10, 20, 1), (1, 10, 5, 0), (1, nil, 5, 0),
      (2, 10, 20, 2), (2, 10, 5, nil), (2, nil, 5, nil), (3, 10, nil, nil),
    ] as [(Int?, Int64?, Int64?, Int?)])
  func theClearNumberFollowsFromTheTimesOrIsUnknown(_ given: (Int?, Int64?, Int64?, Int?)) {
    var run = Self.run
    run.clearNumber = given.0
    run.startDate = given.1.map { Instant(microseconds: $0) }
    let attempts = new.attempts(of: run, live: [row("success", 1, start: given.2)], history: [])
    #expect(attempts.map(\.clearNumber) == [given.3])
  }

  @Test func anEndedRowWithoutAnyTryNumberIsTryZero() {
    #expect(new.attempts(of: Self.run, live: [row("success", nil)], history: []).map(\.key) == [key(0)])
  }

  // MARK: Recorded Airflows

  /// Watches a recorded Airflow at every commit, and keeps every attempt that it saw.
  private struct Watch {
    var seen: [String: [AttemptKey: TaskAttempt]] = [:]
    var vanished: [String] = []
  }

  private static func watch(_ version: String) async throws -> Watch {
    let text = try await AirflowDatabase.gunzipped("airflow/transitions/\(version).ndjson.gz")
    let normaliser = AttemptNormaliser(numbering: version.hasPrefix("2.6") ? .whenStarted : .whenScheduled)
    var live: [String: [[String]: [String: JSONValue]]] = [:]
    var history: [String: [[String]: [String: JSONValue]]] = [:]
    var pokes: [String: [AttemptKey: Instant]] = [:]
    var shown: [String: Set<AttemptKey>] = [:]
    var watch = Watch()
    var transaction: Int64?
    var touched: Set<String> = []

    func look() {
      for run in touched {
        let attempts = normaliser.attempts(
          of: Self.run, live: (live[run] ?? [:]).values.map(taskInstance),
          history: (history[run] ?? [:]).values.map(taskInstance),
          firstPokes: pokes[run] ?? [:])
        let keys = Set(attempts.map(\.key))
        for key in (shown[run] ?? []).subtracting(keys)
        where live[run]?.keys.contains(where: { $0[0] == key.taskID }) ?? false {
          watch.vanished.append("\(run) \(key)")
        }
        shown[run] = keys
        for attempt in attempts { watch.seen[run, default: [:]][attempt.key] = attempt }
      }
      touched = []
    }

    for line in text.split(separator: "\n") {
      let row = try JSONValue(parsing: String(line))
      if row["tx"]?.integerValue != transaction { look() }
      transaction = row["tx"]?.integerValue
      guard let table = row["table"]?.stringValue, let key = row["key"], let op = row["op"]?.stringValue else {
        continue
      }
      let change = row["change"] ?? .null
      guard ["task_instance", "task_instance_history", "task_reschedule"].contains(table) else { continue }
      let run: String
      if let dag = key["dag_id"]?.stringValue, let id = key["run_id"]?.stringValue {
        run = "\(dag)/\(id)"
      } else if let dag = change["dag_id"]?.stringValue, let id = change["run_id"]?.stringValue {
        run = "\(dag)/\(id)"
      } else if let owner = change["ti_id"]?.stringValue,
        let found = live.first(where: { $0.value.values.contains { $0["id"]?.stringValue == owner } }),
        let row = found.value.values.first(where: { $0["id"]?.stringValue == owner }),
        let start = change["start_date"]?.stringValue.flatMap({ Instant($0) })
      {
        let shown = taskInstance(row)
        let attempt = AttemptKey(
          taskID: shown.attempt.key.taskID, mapIndex: shown.attempt.key.mapIndex, tryNumber: shown.tryNumber ?? 0)
        pokes[found.key, default: [:]][attempt] = min(start, pokes[found.key]?[attempt] ?? start)
        touched.insert(found.key)
        continue
      } else {
        continue
      }
      touched.insert(run)
      if table == "task_reschedule" {
        if op == "INSERT", let task = change["task_id"]?.stringValue, let number = change["try_number"]?.integerValue,
          let start = change["start_date"]?.stringValue.flatMap({ Instant($0) })
        {
          let attempt = AttemptKey(
            taskID: task, mapIndex: Int(change["map_index"]?.integerValue ?? -1), tryNumber: Int(number))
          pokes[run, default: [:]][attempt] = min(start, pokes[run]?[attempt] ?? start)
        }
        continue
      }
      if table == "task_instance" {
        apply(op, key, change, to: &live[run, default: [:]])
      } else {
        apply(op, key, change, to: &history[run, default: [:]])
      }
    }
    look()
    return watch
  }

  private static func apply(
    _ op: String, _ key: JSONValue, _ change: JSONValue, to rows: inout [[String]: [String: JSONValue]]
  ) {
    let names = ["task_id", "map_index", "try_number"].filter { key[$0] != nil }
    func place(_ values: (String) -> JSONValue?) -> [String] {
      names.map { name in
        switch values(name) {
        case .string(let text): text
        case .number(let text): text
        default: ""
        }
      }
    }
    // The key is the new one; what it was before is in the change.
    let before = op == "UPDATE" ? place { change[$0]?.arrayValue?.first ?? key[$0] } : place { key[$0] }
    var columns = rows.removeValue(forKey: before) ?? [:]
    if op == "DELETE" { return }
    for member in change.objectValue ?? [] {
      columns[member.name] = op == "UPDATE" ? member.value.arrayValue?.last : member.value
    }
    rows[place { columns[$0] ?? key[$0] }] = columns
  }

  private static func taskInstance(_ columns: [String: JSONValue]) -> TaskInstanceRow {
    var row = TaskInstanceRow(
      taskID: columns["task_id"]?.stringValue ?? "?", mapIndex: Int(columns["map_index"]?.integerValue ?? -1),
      tryNumber: columns["try_number"]?.integerValue.map { Int($0) }, state: columns["state"]?.stringValue)
    row.attempt.startDate = columns["start_date"]?.stringValue.flatMap { Instant($0) }
    row.attempt.endDate = columns["end_date"]?.stringValue.flatMap { Instant($0) }
    row.isDeferral = columns["next_method"]?.stringValue != nil
    return row
  }

  @Test(arguments: AirflowDatabase.dumps) func everyTryOfARecordedAirflowIsSeenUnderItsNumber(_ version: String)
    async throws
  {
    let watch = try await Self.watch(version)
    #expect(watch.seen.count > 9)
    for (run, attempts) in watch.seen {
      for (task, keys) in Dictionary(grouping: attempts.keys, by: { "\($0.taskID) \($0.mapIndex)" }) {
        let numbers = keys.map(\.tryNumber).filter { $0 > 0 }.sorted()
        #expect(numbers == Array(1..<(1 + numbers.count)), "\(run) \(task)")
      }
    }
    let truth = try JSONValue(parsing: try Fixtures.text("airflow/dumps/\(version).truth.json")).arrayValue ?? []
    #expect(truth.count > 30)
    var unrecorded = 0
    for entry in truth {
      let run = "\(entry["dag_id"]?.stringValue ?? "")/\(entry["run_id"]?.stringValue ?? "")"
      guard let attempts = watch.seen[run] else {
        unrecorded += 1
        continue
      }
      let key = AttemptKey(
        taskID: entry["task_id"]?.stringValue ?? "", mapIndex: Int(entry["map_index"]?.integerValue ?? -1),
        tryNumber: Int(entry["try_number"]?.integerValue ?? -1))
      let attempt = try #require(attempts[key], "\(run) \(key)")
      let start = try #require(attempt.startDate)
      let triggered = Instant(microseconds: Int64((entry["triggered_at"]?.doubleValue ?? 0) * 1e6))
      #expect(start < triggered, "\(run) \(key)")
    }
    #expect(unrecorded * 2 < truth.count)
  }

  @Test func whatEndedWithTheTimesOfTheTryBeforeSaysNotUnderWhichClear() {
    var run = Self.run
    run.clearNumber = 1
    run.startDate = Instant(microseconds: 100)
    let before = row("failed", 1, start: 10, end: 20)
    // Cleared, then upstream_failed; cleared, scheduled as try 2, then skipped. Airflow keeps start and end.
    for (live, number) in [
      (row("upstream_failed", 1, start: 10, end: 20), 0), (row("skipped", 2, start: 10, end: 20), 2),
    ] {
      let attempts = new.attempts(of: run, live: [live], history: [before])
      #expect(attempts.first { $0.key == key(number) }?.clearNumber == .some(nil))
      #expect(attempts.first { $0.key == key(1) }?.clearNumber == 0)
    }
    let skipped = new.attempts(of: run, live: [row(nil, 2)], history: [row("skipped", 2, start: 10, end: 20), before])
    #expect(skipped.map(\.clearNumber) == [0, nil], "in the history as well")
    #expect(old.attempts(of: run, live: [row("upstream_failed", 1, start: 10)], history: [])[0].clearNumber == nil)
    // Without a history nothing tells whether it was cleared and skipped again.
    #expect(old.attempts(of: run, live: [row("skipped", 0, start: 10)], history: [])[0].clearNumber == nil)
    #expect(new.attempts(of: run, live: [row("skipped", 0, start: 10)], history: [])[0].clearNumber == 0)
    #expect(old.attempts(of: run, live: [row("skipped", 0, start: 110)], history: [])[0].clearNumber == 1)
    #expect(new.attempts(of: run, live: [row("success", 2, start: 110)], history: [before]).last?.clearNumber == 1)
  }

  @Test func upToVersion29ARowThatWentOnHidesItsLastTry() {
    let start = Instant(microseconds: 5)
    for state in [nil, "scheduled", "queued", "upstream_failed"] {
      #expect(old.hiddenTries([row(state, 2, start: 5, end: 9)]) == [key(2): start])
      #expect(new.hiddenTries([row(state, 2, start: 5, end: 9)]) == [:], "the history has it")
    }
    // Shown, never begun, or about to come back.
    for state in ["running", "success", "failed", "skipped", "up_for_retry", "deferred"] {
      #expect(old.hiddenTries([row(state, 2, start: 5, end: 9)]) == [:])
    }
    #expect(old.hiddenTries([row("queued", 0, start: 5)]) == [:])
    #expect(old.hiddenTries([row("queued", 1)]) == [:])
    #expect(old.hiddenTries([row("queued", 1, start: 5, isDeferral: true)]) == [:])
    #expect(old.hiddenTries([row("queued", 1, start: 5, end: 9)], firstPokes: [key(2): start]) == [:])
  }

  @Test(arguments: ["2.11.2", "3.3.2"]) func withHistoryNoAttemptEverVanishes(_ version: String) async throws {
    let watch = try await Self.watch(version)
    #expect(watch.vanished == [])
  }
}
