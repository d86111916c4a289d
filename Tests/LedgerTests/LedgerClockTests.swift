import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerClockTests {
  private static let year = 365 * 86_400.0

  private func waiting(_ bench: Bench, until time: Int64) async throws {
    try await bench.apply(run("running"), [attempt("success", end: 30)])
    var report = Ledger.DeliveryReport()
    report.retried = try await bench.pending().map { ($0.id, time) }
    report.outage = SinkOutage(error: "away", retryAt: time)
    try await bench.ledger.note(report, ofSink: try await bench.ledger.progress(ofSink: "lineage").id)
  }

  /// As after years in the future, and back: nothing that was put off then waits for the clock to come there again.
  @Test func aClockThatIsSetBackLetsNothingWaitForIt() async throws {
    let clock = TestClock()
    let bench = try await Bench(sinks: [events], clock: { clock.now })
    clock.advance(seconds: 3 * Self.year)
    try await waiting(bench, until: clock.now + 300_000_000)
    #expect(try await bench.pending(now: clock.now).isEmpty)
    clock.advance(seconds: -3 * Self.year)
    _ = try await bench.ledger.roomLevel()
    #expect(
      try await bench.pending(now: clock.now).map(Bench.text) == [
        "run c0 START 10", "a.1 START 20", "a.1 COMPLETE 30",
      ])
    #expect(try await bench.ledger.progress(ofSink: "lineage").notBefore <= clock.now)
  }

  @Test func aLedgerThatWasClosedByAClockAheadOfItsTimeIsNotLateForYears() async throws {
    let clock = TestClock()
    let bench = try await Bench(sinks: [events], clock: { clock.now })
    try await waiting(bench, until: clock.now + Int64(Self.year * 1e6))
    await bench.ledger.close()
    try await bench.ledger.register(sinks: [events])
    #expect(try await bench.pending(now: clock.now).count == 3)
  }

  /// What a backend has asked for is kept.
  @Test func whatIsDueWithinTheHourWaitsForIt() async throws {
    let clock = TestClock()
    let bench = try await Bench(sinks: [events], clock: { clock.now })
    try await waiting(bench, until: clock.now + 3_600_000_000)
    await bench.ledger.close()
    try await bench.ledger.register(sinks: [events])
    #expect(try await bench.pending(now: clock.now).isEmpty)
  }

  /// A day without a backend, minute by minute: one run and one try to send at a time, as far as the waits allow.
  @Test func anOutageOfADayIsBoundedAndDrainsInOrder() async throws {
    let clock = TestClock()
    let sink = SinkRegistration(
      name: "lineage", type: "openlineage", kind: events.kind, history: true,
      limits: OutboxLimits(bytes: 100 * OutboxMeter.bytesOfItem + 10_000, age: 7 * 86_400))
    let bench = try await Bench(sinks: [sink], clock: { clock.now })
    let id = try await bench.ledger.progress(ofSink: "lineage").id
    var (tries, highest) = (0, 0)
    for minutes in stride(from: 10, through: 24 * 60, by: 10) {
      clock.advance(seconds: 600)
      let number = minutes / 10
      let running = run("r\(number)", "running", source: Int64(number), logical: number)
      try await bench.apply(running, [attempt("running")], readAt: 2000)
      try await bench.apply(
        run("r\(number)", "success", source: Int64(number), end: 40, logical: number), [attempt("success", end: 30)])
      let progress = try await bench.ledger.progress(ofSink: "lineage")
      if progress.notBefore <= clock.now, let item = try await bench.ledger.probingItem(ofSink: id, now: clock.now) {
        tries += 1
        if item.body == nil { try await bench.ledger.fix(bodies: [(item.id, [UInt8](repeating: 1, count: 2000))]) }
        var report = Ledger.DeliveryReport()
        report.outage = SinkOutage(error: "no connection", retryAt: clock.now + 60_000_000)
        try await bench.ledger.note(report, ofSink: id)
      }
      highest = max(highest, Int(try bench.query("SELECT count(*) FROM outbox")[0]) ?? 0)
    }
    #expect(tries == 144 && highest <= 154, "\(tries) tries, \(highest) items")
    let status = try await bench.ledger.status().sinks[0]
    #expect(status.pending == 144 * 4 && status.fullness?.level == .eventsHeld)
    var order: [Int64: [String]] = [:]
    while case let items = try await bench.pending(limit: 50), !items.isEmpty {
      for item in items { order[item.dagRun, default: []].append(Bench.text(item)) }
      try await bench.deliver(items, "lineage")
    }
    #expect(order.count == 144)
    for own in order.values {
      #expect(own == ["run c0 START 10", "a.1 START 20", "a.1 COMPLETE 30", "run c0 COMPLETE 40"])
    }
    clock.advance(seconds: 20)
    #expect(try await bench.ledger.roomLevel().history == .free)
  }
}
