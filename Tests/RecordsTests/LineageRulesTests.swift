import ExecutionModel
import Records
import Testing

@Suite struct LineageRulesTests {
  typealias Transition = ExecutionEvent.Transition

  private static func attempt(
    _ state: String?, start: Double? = 10, end: Double? = 20, current: Bool = true, duration: Double? = nil
  ) -> TaskAttempt {
    var attempt = TaskAttempt(key: AttemptKey(taskID: "t", mapIndex: -1, tryNumber: 1), isCurrent: current)
    attempt.state = state
    attempt.startDate = start.map(at)
    attempt.endDate = end.map(at)
    attempt.duration = duration
    return attempt
  }

  private func told(_ events: [ExecutionEvent]) -> [String] {
    events.map { "\($0.transition.rawValue) \($0.time.seconds(since: at(0)))" }
  }

  // MARK: The table of docs/EVENTS.md

  private static let attemptStates: [(String?, Bool, [Transition])] = [
    ("running", true, [.start]), ("deferred", true, [.start]), ("up_for_reschedule", true, [.start]),
    ("restarting", true, [.start]), ("awaiting_input", true, [.start]), ("brand_new", true, [.start]),
    (nil, true, [.start]),
    ("success", true, [.start, .complete]), ("skipped", true, [.start, .complete]), ("failed", true, [.start, .fail]),
    ("up_for_retry", true, [.start, .fail]), ("upstream_failed", true, []), ("removed", true, []),
    ("success", false, [.start, .complete]), ("failed", false, [.start, .fail]), ("running", false, [.start, .abort]),
    ("restarting", false, [.start, .abort]), ("deferred", false, [.start, .abort]), (nil, false, [.start, .abort]),
    ("upstream_failed", false, []),
  ]

  @Test(arguments: attemptStates)
  func attemptsTellByTheirState(_ example: (state: String?, current: Bool, events: [Transition])) {
    let events = LineageRules.events(for: Self.attempt(example.state, current: example.current), of: runKey)
    #expect(events.map(\.transition) == example.events)
    #expect(events.allSatisfy { $0.subject == .attempt(runKey, AttemptKey(taskID: "t", mapIndex: -1, tryNumber: 1)) })
  }

  private static let dagRunStates: [(String?, Double?, [Transition])] = [
    ("queued", nil, []), ("running", nil, []), ("running", 10, [.start]), ("success", 10, [.start, .complete]),
    ("failed", 10, [.start, .fail]), ("failed", nil, [.start, .fail]), ("brand_new", 10, [.start]), (nil, nil, []),
  ]

  @Test(arguments: dagRunStates) func dagRunsTellByTheirState(
    _ example: (state: String?, start: Double?, events: [Transition])
  ) {
    var run = DagRun(key: runKey, sourceID: 1)
    run.state = example.state
    run.startDate = example.start.map(at)
    run.endDate = at(20)
    run.clearNumber = 2
    let events = LineageRules.events(for: run)
    #expect(events.map(\.transition) == example.events)
    #expect(events.allSatisfy { $0.subject == .dagRun(runKey, clearNumber: 2) })
  }

  private static let clears: [(String?, [Transition])] = [
    ("success", [.start, .complete]), ("failed", [.start, .fail]), ("running", [.start, .abort]),
    (nil, [.start, .abort]),
  ]

  @Test(arguments: clears) func aClearedRunIsOver(_ example: (state: String?, events: [Transition])) {
    let clear = DagRunClear(clearNumber: 0, state: example.state, queuedAt: nil, startDate: at(1), endDate: nil)
    let events = LineageRules.events(for: clear, of: runKey)
    #expect(events.map(\.transition) == example.events)
    #expect(events.allSatisfy { $0.subject == .dagRun(runKey, clearNumber: 0) })
    let queued = DagRunClear(clearNumber: 0, state: "queued", queuedAt: at(0), startDate: nil, endDate: nil)
    #expect(LineageRules.events(for: queued, of: runKey).isEmpty)
  }

  private static let dbtStatuses: [(String, Bool, [Transition])] = [
    ("queued", false, []), ("starting", false, []), ("running", false, [.start]),
    ("success", true, [.start, .complete]),
    ("error", true, [.start, .fail]), ("cancelled", true, [.start, .abort]), ("77", false, [.start]),
    ("77", true, [.start, .abort]), ("running", true, [.start]),
  ]

  @Test(arguments: dbtStatuses) func dbtRunsTellByTheirStatus(
    _ example: (status: String, finished: Bool, events: [Transition])
  ) {
    var run = DbtRun(key: dbtKey, status: example.status)
    run.createdAt = at(1)
    run.startedAt = example.events.isEmpty ? nil : at(2)
    run.finishedAt = example.finished ? at(3) : nil
    #expect(LineageRules.events(for: run).map(\.transition) == example.events)
  }

  // MARK: Once and in order

  @Test func theSameStateTwiceTellsNothingNew() {
    for example in Self.attemptStates {
      let attempt = Self.attempt(example.0, current: example.1)
      let first = LineageRules.events(for: attempt, of: runKey)
      #expect(LineageRules.events(for: attempt, of: runKey, told: Set(first.map(\.transition))).isEmpty)
    }
  }

  @Test func anEndIsFinalWhateverComesAfter() {
    for state in ["running", "failed", "success", "skipped", "removed", "upstream_failed"] {
      #expect(LineageRules.events(for: Self.attempt(state), of: runKey, told: [.start, .fail]).isEmpty)
    }
    var run = DagRun(key: runKey, sourceID: 1)
    run.state = "running"
    run.startDate = at(100)
    #expect(LineageRules.events(for: run, told: [.start, .complete]).isEmpty)
  }

  @Test func whatWasStartedAndThenRemovedIsAborted() {
    let events = LineageRules.events(for: Self.attempt("removed"), of: runKey, told: [.start])
    #expect(told(events) == ["ABORT 20.0"])
  }

  @Test func anyWayThroughTheStatesGivesOneStartAndAtMostOneEnd() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed: seed)
    let states = Self.attemptStates.map(\.0)
    for _ in 0..<3_000 {
      var told: Set<Transition> = []
      var all: [ExecutionEvent] = []
      for _ in 0..<8 {
        let attempt = Self.attempt(
          states.randomElement(using: &random) ?? nil,
          start: Bool.random(using: &random) ? Double.random(in: 0...9, using: &random) : nil,
          end: Bool.random(using: &random) ? Double.random(in: 0...9, using: &random) : nil,
          current: Bool.random(using: &random), duration: Bool.random(using: &random) ? 3 : nil)
        let events = LineageRules.events(for: attempt, of: runKey, told: told)
        if events.count == 2 { #expect(events[0].time <= events[1].time, "seed \(seed)") }
        all += events
        told.formUnion(events.map(\.transition))
      }
      #expect(all.filter { $0.transition == .start }.count <= 1, "seed \(seed)")
      #expect(all.filter(\.transition.isTerminal).count <= 1, "seed \(seed)")
      if !all.isEmpty { #expect(all[0].transition == .start, "seed \(seed)") }
      if let end = all.firstIndex(where: \.transition.isTerminal) { #expect(end == all.count - 1, "seed \(seed)") }
    }
  }

  @Test func aDeletedRunIsAbortedOnlyWhileItIsOpen() {
    let subject = ExecutionEvent.Subject.dagRun(runKey, clearNumber: 0)
    #expect(LineageRules.deleted(subject, told: [.start], time: at(5))?.transition == .abort)
    #expect(LineageRules.deleted(subject, told: [], time: at(5)) == nil)
    #expect(LineageRules.deleted(subject, told: [.start, .fail], time: at(5)) == nil)
  }

  // MARK: Times

  @Test func timesAreTheSources() {
    #expect(told(LineageRules.events(for: Self.attempt("success"), of: runKey)) == ["START 10.0", "COMPLETE 20.0"])
  }

  @Test func aMissingEndIsTheStartAndTheDuration() {
    let events = LineageRules.events(for: Self.attempt("success", end: nil, duration: 2.5), of: runKey)
    #expect(told(events) == ["START 10.0", "COMPLETE 12.5"])
    let without = LineageRules.events(for: Self.attempt("success", end: nil), of: runKey)
    #expect(told(without) == ["START 10.0", "COMPLETE 10.0"])
  }

  @Test(arguments: [Double.nan, .infinity, -5, 1e300]) func anImpossibleDurationCountsAsNone(_ duration: Double) {
    let events = LineageRules.events(for: Self.attempt("failed", end: nil, duration: duration), of: runKey)
    #expect(told(events) == ["START 10.0", "FAIL 10.0"])
  }

  @Test func aMissingStartOfSomethingThatEndedIsItsEnd() {
    #expect(
      told(LineageRules.events(for: Self.attempt("success", start: nil), of: runKey)) == [
        "START 20.0", "COMPLETE 20.0",
      ])
    #expect(LineageRules.events(for: Self.attempt("running", start: nil), of: runKey).isEmpty)
    #expect(LineageRules.events(for: Self.attempt("skipped", start: nil, end: nil), of: runKey).isEmpty)
  }

  @Test func anEndBeforeTheStartCountsAsTheStart() {
    let events = LineageRules.events(for: Self.attempt("failed", start: 10, end: 3), of: runKey)
    #expect(told(events) == ["START 10.0", "FAIL 10.0"])
  }

  @Test func aDbtRunCancelledInTheQueueBeginsWhenItWasCreated() {
    var run = DbtRun(key: dbtKey, status: "cancelled")
    run.createdAt = at(1)
    run.finishedAt = at(4)
    #expect(told(LineageRules.events(for: run)) == ["START 1.0", "ABORT 4.0"])
  }
}
