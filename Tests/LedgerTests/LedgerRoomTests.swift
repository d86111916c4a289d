import ExecutionModel
import Synchronization
import Testing

@testable import Ledger

/// A clock that tests set.
final class TestClock: Sendable {
  private let time: Mutex<Int64>
  init(_ microseconds: Int64 = at(2000).microseconds) { time = Mutex(microseconds) }
  var now: Int64 { time.withLock { $0 } }
  func advance(seconds: Double) { time.withLock { $0 += Int64(seconds * 1e6) } }
}

@Suite(.eachDriver) struct LedgerRoomTests {
  /// Room for ten items without bodies.
  private static let small = SinkRegistration(
    name: "lineage", type: "openlineage", kind: .events(Set(SinkRegistration.Emission.allCases)), history: true,
    limits: OutboxLimits(bytes: 10 * OutboxMeter.bytesOfItem, age: 86_400))

  private func bench(_ clock: TestClock, sinks: [SinkRegistration] = [small]) async throws -> Bench {
    try await Bench(sinks: sinks, clock: { clock.now })
  }

  private func start(_ number: Int, in bench: Bench) async throws {
    try await bench.apply(
      run("r\(number)", "running", source: Int64(number), logical: number), [attempt("running")], readAt: 2000)
  }

  private func finish(_ number: Int, in bench: Bench) async throws {
    try await bench.apply(
      run("r\(number)", "success", source: Int64(number), end: 40, logical: number), [attempt("success", end: 30)],
      readAt: 2000)
  }

  private func items(_ bench: Bench, _ sink: String = "lineage") throws -> Int {
    Int(
      try bench.query(
        "SELECT count(*) FROM outbox WHERE sink = (SELECT id FROM sink WHERE name = '\(sink)')")[0]) ?? -1
  }

  /// Delivers everything, as a sink does, and returns it in order.
  private func drain(_ bench: Bench, _ sink: String = "lineage", limit: Int = 3) async throws -> [String] {
    var told: [String] = []
    while case let items = try await bench.pending(sink, limit: limit), !items.isEmpty {
      for item in items.prefix(limit) {
        let run = try bench.query("SELECT run_id FROM dag_run WHERE id = \(item.dagRun)").first ?? "-"
        told.append("\(run) \(Bench.text(item))")
      }
      try await bench.deliver(Array(items.prefix(limit)), sink)
    }
    return told
  }

  private func level(_ bench: Bench) async throws -> RoomLevel? {
    try await bench.ledger.status().sinks.first { $0.name == "lineage" }?.fullness?.level
  }

  /// Fills the outbox until events are held.
  private func fill(_ bench: Bench, _ clock: TestClock) async throws {
    for number in 11...30 {
      clock.advance(seconds: 2)
      try await start(number, in: bench)
    }
    try #require(try await level(bench) == .eventsHeld)
  }

  // MARK: Held beside a replay

  /// A replay of a time must not narrow down what is held: the dbt run ended before that time.
  @Test func aDbtRunThatIsHeldIsToldThoughAReplayOfLaterOnesWaits() async throws {
    let clock = TestClock()
    let bench = try await bench(clock)
    try await bench.ledger.keepWanted([dbtRun(72, created: 5000, isComplete: true)], of: one, isHistory: false)
    try await bench.answer(dbtRun(72, created: 5000, isComplete: true))
    _ = try await drain(bench)
    try await fill(bench, clock)
    _ = try await bench.ledger.replay(ReplayRequest(sink: "lineage", since: at(4000)), isTrial: false)
    clock.advance(seconds: 2)
    try await bench.ledger.keepWanted([dbtRun(73, created: 22, isComplete: true)], of: one, isHistory: false)
    try await bench.answer(dbtRun(73, created: 22, isComplete: true))
    let row = try #require(try bench.query("SELECT id FROM dbt_run WHERE run_id = 73").first)
    #expect(try await drain(bench).filter { $0.hasPrefix("- dbt \(row) ") }.count == 2)
  }

  /// Of a run that is held only what is not told yet would come.
  @Test func aRunThatIsHeldIsToldFromItsStartByAReplay() async throws {
    let clock = TestClock()
    let bench = try await bench(clock)
    try await start(1, in: bench)
    #expect(try await drain(bench) == ["r1 run c0 START 10", "r1 a.1 START 20"])
    try await fill(bench, clock)
    clock.advance(seconds: 2)
    try await finish(1, in: bench)
    _ = try await bench.ledger.replay(ReplayRequest(sink: "lineage", since: at(0)), isTrial: false)
    #expect(
      try await drain(bench).filter { $0.hasPrefix("r1 ") } == [
        "r1 run c0 START 10", "r1 a.1 START 20", "r1 a.1 COMPLETE 30", "r1 run c0 COMPLETE 40",
      ])
  }

  // MARK: One sink

  @Test func anOutboxStaysAtItsLimitAndNothingIsLost() async throws {
    let clock = TestClock()
    let bench = try await bench(clock)
    for number in 1...40 {
      clock.advance(seconds: 2)
      try await start(number, in: bench)
    }
    for number in 1...40 {
      clock.advance(seconds: 2)
      try await finish(number, in: bench)
    }
    #expect(try items(bench) <= 12)
    #expect(try await level(bench) == .eventsHeld)
    #expect(try await bench.ledger.pendingCount(ofSink: "lineage") == 160)
    let told = try await drain(bench)
    #expect(told.count == 160 && Set(told).count == 160)
    for number in 1...40 {
      let own = told.filter { $0.hasPrefix("r\(number) ") }.map { String($0.drop { $0 != " " }.dropFirst()) }
      #expect(own == ["run c0 START 10", "a.1 START 20", "a.1 COMPLETE 30", "run c0 COMPLETE 40"], "run \(number)")
    }
    clock.advance(seconds: 20)
    _ = try await bench.ledger.roomLevel()
    #expect(try await level(bench) == .free)
    #expect(try await bench.ledger.status().sinks[0].fullness?.since == nil)
  }

  /// What had been made before is not made again when the rest of the run waits, twice.
  @Test func ofARunThatIsHalfToldOnlyTheRestWaits() async throws {
    let clock = TestClock()
    let bench = try await bench(clock)
    try await start(1, in: bench)
    for round in 0..<2 {
      for number in (10 + 10 * round)...(16 + 10 * round) {
        clock.advance(seconds: 2)
        try await start(number, in: bench)
      }
      clock.advance(seconds: 2)
      if round == 0 {
        try await bench.apply(run("r1", "running", logical: 1), [attempt("success", end: 30)])
      } else {
        try await finish(1, in: bench)
      }
      let told = try await drain(bench).filter { $0.hasPrefix("r1 ") }
      #expect(
        told
          == (round == 0
            ? ["r1 run c0 START 10", "r1 a.1 START 20", "r1 a.1 COMPLETE 30"] : ["r1 run c0 COMPLETE 40"]))
      clock.advance(seconds: 20)
      _ = try await bench.ledger.roomLevel()
      #expect(try await level(bench) == .free)
    }
  }

  @Test func aSinkAtItsLimitHoldsNoOtherUp() async throws {
    let clock = TestClock()
    let other = SinkRegistration(name: "other", type: "openlineage", kind: events.kind, history: true)
    let bench = try await bench(clock, sinks: [Self.small, other, records])
    for number in 1...20 {
      clock.advance(seconds: 2)
      try await start(number, in: bench)
      try await finish(number, in: bench)
    }
    #expect(try items(bench) <= 14)
    #expect(try items(bench, "other") == 80)
    #expect(try items(bench, "archive") == 20)
    let told = try await drain(bench, "other", limit: 100)
    let late = try await drain(bench, limit: 100)
    #expect(told.count == 80 && Set(told) == Set(late))
  }

  @Test func aRunThatIsClearedAndDeletedMeanwhileIsToldWhole() async throws {
    let clock = TestClock()
    let bench = try await bench(clock)
    for number in 10...16 {
      clock.advance(seconds: 2)
      try await start(number, in: bench)
    }
    clock.advance(seconds: 2)
    try await start(1, in: bench)
    try await bench.apply(run("r1", "queued", clear: 1, start: nil, logical: 1), [attempt("success", end: 30)])
    try await bench.apply(run("r1", "running", clear: 1, start: 50, logical: 1), [attempt("success", end: 30)])
    try await bench.apply(missing: [1], readAt: 1000)
    let told = try await drain(bench).filter { $0.hasPrefix("r1 ") }
    #expect(
      told == [
        "r1 run c0 START 10", "r1 run c0 ABORT 10", "r1 run c1 START 50", "r1 a.1 START 20", "r1 a.1 COMPLETE 30",
        "r1 run c1 ABORT 1000",
      ])
  }

  /// The oldest item says how long nothing has been taken; a clock that jumps ahead only puts something off for a while.
  @Test func anOutboxThatIsTooOldIsAtItsLimitToo() async throws {
    let clock = TestClock()
    let bench = try await bench(clock)
    try await start(1, in: bench)
    clock.advance(seconds: 0.9 * 86_400)
    #expect(try await bench.ledger.roomLevel().history == .historyPaused)
    clock.advance(seconds: 0.2 * 86_400)
    #expect(try await bench.ledger.roomLevel().history == .eventsHeld)
    try await finish(1, in: bench)
    #expect(try items(bench) == 2)
    clock.advance(seconds: -1.1 * 86_400)
    #expect(try await bench.ledger.roomLevel().history == .free)
    #expect(try await drain(bench).count == 4)
  }

  /// An item that its backend refuses for good waits for a person, and holds nothing up however old it is.
  @Test func whatIsParkedDoesNotAge() async throws {
    let clock = TestClock()
    let bench = try await bench(clock)
    try await start(1, in: bench)
    var report = Ledger.DeliveryReport()
    report.parked = try await bench.pending().map { .init(id: $0.id, reason: "no", status: 400, answer: nil) }
    try await bench.ledger.note(report, ofSink: try await bench.ledger.progress(ofSink: "lineage").id)
    clock.advance(seconds: 30 * 86_400)
    #expect(try await bench.ledger.roomLevel().history == .free)
  }

  @Test func aLedgerThatWasClosedAtALimitRemembersSinceWhen() async throws {
    let clock = TestClock()
    let bench = try await bench(clock)
    for number in 1...7 {
      clock.advance(seconds: 2)
      try await start(number, in: bench)
    }
    let since = try await bench.ledger.status().sinks[0].fullness?.since
    #expect(since != nil)
    await bench.ledger.close()
    clock.advance(seconds: 100)
    try await bench.ledger.register(sinks: [Self.small])
    _ = try await bench.ledger.roomLevel()
    #expect(try await bench.ledger.status().sinks[0].fullness?.since == since)
    #expect(try await level(bench) == .eventsHeld)
  }

  // MARK: The ledger

  @Test func aLedgerAtItsLimitIsNotReadIntoUntilThereIsRoom() async throws {
    let clock = TestClock()
    let bench = try await bench(clock, sinks: [events])
    try await start(1, in: bench)
    try await bench.ledger.requireRoom()
    await bench.ledger.limit(bytes: 10_000)
    clock.advance(seconds: 2)
    let error = await #expect(throws: LedgerError.self) { try await bench.ledger.requireRoom() }
    #expect(error?.isLimit == true && error?.isTransient == true)
    #expect(error?.description.contains("`max_ledger_bytes`") == true)
    #expect(try await bench.ledger.status().fullness?.level == .readingStopped)
    #expect(try await bench.ledger.roomChanges().map(\.level) == [.readingStopped])
    #expect(try await bench.ledger.roomChanges().isEmpty)
    // What waits is delivered all the same.
    #expect(try await drain(bench).count == 2)
    await bench.ledger.limit(bytes: 1_000_000_000)
    clock.advance(seconds: 2)
    try await bench.ledger.requireRoom()
    #expect(try await bench.ledger.roomChanges().map(\.level) == [.free])
  }
}
