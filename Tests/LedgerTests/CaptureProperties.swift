import ExecutionModel
import Testing

@testable import Ledger

/// An Airflow that does whatever an Airflow may do, as far as its tables show it.
private struct RandomAirflow {
  struct Task {
    var number = 0
    var state: String?
    var start: Int?
    var end: Int?
    var history: [TaskAttempt] = []
  }

  let hasHistory: Bool
  let hasClearNumber: Bool
  var random: SeededGenerator
  var now = 10
  var nextSource: Int64 = 1
  var run: DagRun?
  var tasks: [String: Task] = [:]

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
    hasHistory = Bool.random(using: &random)
    hasClearNumber = hasHistory || Bool.random(using: &random)
  }

  mutating func step() {
    now += Int.random(in: 1...5, using: &random)
    guard run != nil else { return create() }
    switch Int.random(in: 0..<40, using: &random) {
    case 0: run = nil
    case 1: clearRun()
    case 2: if let state = ["success", "failed"].randomElement(using: &random) { end(state) }
    case 3...6: startRun()
    case 7...9 where tasks.values.allSatisfy { $0.state != "running" }: end("success")
    default: stepTask()
    }
  }

  private mutating func create() {
    var fresh = DagRun(key: key("r"), sourceID: nextSource)
    nextSource += 1
    // Deleted and made again by the scheduler, or by hand at another time.
    fresh.logicalDate = Bool.random(using: &random) ? at(0) : at(now)
    fresh.state = "queued"
    fresh.queuedAt = at(now)
    fresh.clearNumber = hasClearNumber ? 0 : nil
    run = fresh
    tasks = ["a": Task(), "b": Task(), "c": Task()]
  }

  private mutating func startRun() {
    guard run?.state == "queued" else { return }
    run?.state = "running"
    run?.startDate = at(now)
  }

  private mutating func end(_ state: String) {
    guard run?.state == "running" else { return }
    run?.state = state
    run?.endDate = at(now)
  }

  private mutating func clearRun() {
    for name in tasks.keys.sorted() where tasks[name]?.number ?? 0 > 0 { clearTask(name) }
    guard run?.state == "success" || run?.state == "failed" else { return }
    run?.state = "queued"
    run?.queuedAt = at(now)
    run?.startDate = nil
    run?.endDate = nil
    let number = run?.clearNumber
    run?.clearNumber = number.map { $0 + 1 }
  }

  private mutating func clearTask(_ name: String) {
    guard var task = tasks[name], task.state != nil else { return }
    archive(&task, name)
    (task.state, task.start, task.end) = (nil, nil, nil)
    tasks[name] = task
  }

  private mutating func archive(_ task: inout Task, _ name: String) {
    guard hasHistory, task.number > 0 else { return }
    task.history.append(attempt(name, task, current: false))
  }

  private mutating func stepTask() {
    guard run?.state == "running", let name = tasks.keys.sorted().randomElement(using: &random), var task = tasks[name]
    else { return }
    switch task.state {
    case nil:
      if task.number == 0, Int.random(in: 0..<8, using: &random) == 0 {
        task.state = ["skipped", "upstream_failed"].randomElement(using: &random)
        (task.start, task.end) = (now, now)
      } else {
        begin(&task)
      }
    case "running":
      task.state = ["success", "failed", "up_for_retry"].randomElement(using: &random)
      task.end = now
    case "up_for_retry":
      archive(&task, name)
      begin(&task)
    default: break
    }
    tasks[name] = task
  }

  private mutating func begin(_ task: inout Task) {
    task.number += 1
    (task.state, task.start, task.end) = ("running", now, nil)
  }

  /// What a read of the database gives, normalised as the reader does it.
  var snapshot: DagRunSnapshot? {
    guard let run else { return nil }
    var attempts: [TaskAttempt] = []
    for (name, task) in tasks.sorted(by: { $0.key < $1.key }) {
      attempts += task.history
      if task.state != nil { attempts.append(attempt(name, task, current: true)) }
    }
    return DagRunSnapshot(run: run, attempts: attempts)
  }
}

private func attempt(_ name: String, _ task: RandomAirflow.Task, current: Bool) -> TaskAttempt {
  attempt(name, try: task.number, task.state, start: task.start, end: task.end, current: current)
}

struct CaptureProperties {
  @Test(arguments: (1...60).map(UInt64.init))
  func whateverAirflowDoesEveryRunIDHasOneStartAndOneEnd(seed: UInt64) async throws {
    var airflow = RandomAirflow(seed: seed)
    let bench = try await Bench(sinks: [events])
    var last: DagRunSnapshot?
    for step in 0..<120 {
      airflow.step()
      guard Int.random(in: 0..<3, using: &airflow.random) > 0 else { continue }
      let open = try await bench.ledger.progress(of: "prod").openRuns
      let snapshot = airflow.snapshot
      try await bench.apply(
        snapshot?.run, snapshot?.attempts ?? [], missing: open.filter { $0 != snapshot?.run.sourceID },
        readAt: airflow.now)
      last = snapshot
      if let last { try await expectAllIsKept(last, bench, "seed \(seed), step \(step)") }
      if step == 60 { await bench.ledger.close() }
    }
    let items = try await bench.pending()
    let facts = try await bench.ledger.facts(for: items)
    expectLawful(Array(zip(items, facts)), "seed \(seed)")

    var late = events
    late.name = "late"
    try await bench.ledger.register(sinks: [events, late])
    let told = items.map { "\($0.dagRun) \(Bench.text($0))" }
    let toldLate = try await bench.pending("late").map { "\($0.dagRun) \(Bench.text($0))" }
    #expect(told.sorted() == toldLate.sorted(), "seed \(seed)")
    if last == nil {
      #expect(items.filter { $0.transition == .start }.count * 2 == items.count, "seed \(seed): all is over")
    }
  }

  /// The ledger never knows less than the last snapshot, and says the same of it.
  private func expectAllIsKept(_ snapshot: DagRunSnapshot, _ bench: Bench, _ context: String) async throws {
    let record = try await bench.record("r")
    #expect(record.header.run == snapshot.run, "\(context)")
    #expect(record.header.removed == nil, "\(context)")
    let kept = Dictionary(uniqueKeysWithValues: record.attempts.map { ($0.attempt.key, $0.attempt) })
    for attempt in snapshot.attempts {
      let found = kept[attempt.key]
      #expect(found?.state == attempt.state && found?.isCurrent == attempt.isCurrent, "\(context) \(attempt.key)")
    }
    let current = record.attempts.filter(\.attempt.isCurrent).map(\.attempt.key.taskID)
    #expect(current.count == Set(current).count, "\(context): one current try per task")
  }

  /// By the run ids that OpenLineage's provider would derive.
  private func expectLawful(_ told: [(OutboxItem, EventFacts)], _ context: String) {
    var started: Set<String> = []
    var ended: Set<String> = []
    var startedRuns: Set<Instant?> = []
    for (item, facts) in told {
      let moment = facts.run?.logicalDate
      let subject =
        "\(moment?.microseconds ?? 0) " + Bench.text(item).split(separator: " ").dropLast(2).joined(separator: " ")
      #expect(item.kind == .dagRun || startedRuns.contains(moment), "\(context): \(subject) before its run")
      if item.transition == .start {
        #expect(started.insert(subject).inserted, "\(context): \(subject) started twice")
        if item.kind == .dagRun { startedRuns.insert(moment) }
      } else {
        #expect(started.contains(subject), "\(context): \(subject) ended before it started")
        #expect(ended.insert(subject).inserted, "\(context): \(subject) ended twice")
      }
    }
  }
}
