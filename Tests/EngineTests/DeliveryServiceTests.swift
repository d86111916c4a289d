import ExecutionModel
import JSONText
import Ledger
import LoopbackHTTP
import SQLite
import Sinks
import Synchronization
import Telemetry
import TestServers
import Testing

@testable import Engine

/// Delivery as the daemon does it, over real connections, by a clock that goes as fast as the test.
@Suite struct DeliveryServiceTests {
  @Test(arguments: [nil, 60_000] as [Int64?])
  func aDayWithoutABackendLosesNothingAndAsksLittle(_ bytes: Int64?) async throws {
    let calm = try await Day(OutboxLimits())
    try await calm.pass { _ in .takes }
    let expected = try calm.eventsByDag()
    #expect(calm.backend.bodies.count == 4 * Day.runs && calm.outages.isEmpty)

    let day = try await Day(OutboxLimits(bytes: bytes))
    try await day.pass { hour in
      switch hour {
      case 1..<9, 21..<25: .isClosed
      case 9..<13: .answers(LoopbackResponse(status: 503))
      case 13..<16: .answers(LoopbackResponse(status: 503, headers: [("Retry-After", "600")]))
      case 16..<18: .answers(LoopbackResponse(status: 429))
      case 18..<20: .answers(LoopbackResponse(status: 500))
      case 20: .answers(LoopbackResponse(status: 503, fault: .closeWithoutAnswer))
      default: .takes
      }
    }
    let status = try await day.ledger.status().sinks[0]
    #expect(status.pending == 0 && status.parked == 0 && status.delivered == 4 * Int64(Day.runs), "\(status)")
    #expect(day.backend.bodies.count == 4 * Day.runs, "nothing twice: none of it had been taken")
    #expect(try day.eventsByDag() == expected)
    // Half a minute is the shortest wait; it goes on trying, all day long.
    for hour in 1..<25 {
      let tries = day.outages[hour] ?? 0
      let asked = (13..<16).contains(hour)
      #expect(asked ? (3...16).contains(tries) : (50...130).contains(tries), "\(tries) tries in hour \(hour)")
      // A request for each, and where connections break one more on a fresh one.
      let requests = day.requests[hour] ?? 0
      switch hour {
      case 1..<9, 21..<25: #expect(requests == 0)
      default: #expect((tries - 1...2 * tries + 2).contains(requests), "\(requests) requests in hour \(hour)")
      }
    }
    // An item takes 200 bytes before it is tried, and each tick of the clock makes at most four.
    #expect(bytes.map { day.mostItems <= $0 / 200 + 4 } ?? (day.mostItems > 450), "\(day.mostItems) items waited")
  }
}

/// A day of a running syncer: every ten minutes one DAG run begins and the one before the last ends. It goes by as fast as
/// the deliverer can be made to wait.
private final class Day: Sendable {
  enum Weather {
    case takes, isClosed
    case answers(LoopbackResponse)
  }

  private struct State {
    var now = Day.start
    var ticks = 0
    var hour = -1
    var requests: [Int: Int] = [:]
    var outages: [Int: Int] = [:]
    var mostItems: Int64 = 0
    var failure: (any Error)?

    var elapsedHours: Int { Int((now - Day.start) / 3_600_000_000) }
  }

  private static let start: Int64 = 1_795_132_800_000_000
  private static let interval: Int64 = 600_000_000
  /// Of 24 hours, less the last, which are still running.
  static let runs = 140

  let ledger: Ledger
  let backend: EventBackend
  private let folder: TemporaryFolder
  private let state = Box(State())
  private let stop = StopSign()

  init(_ limits: OutboxLimits) async throws {
    folder = try TemporaryFolder()
    backend = try EventBackend()
    let state = state
    ledger = Ledger(path: folder.file("ledger.db"), purpose: .syncing, clock: { state.value.now })
    try await ledger.open()
    try await ledger.register(sinks: [
      SinkRegistration(
        name: "lineage", type: "openlineage", kind: .events([.dagRuns, .attempts]), history: true, limits: limits)
    ])
    _ = try await ledger.progress(of: "prod")
  }

  var outages: [Int: Int] { state.value.outages }
  var requests: [Int: Int] { state.value.requests }
  var mostItems: Int64 { state.value.mostItems }

  /// What each DAG's events were, in the order in which they came.
  func eventsByDag() throws -> [String: [String]] {
    var events: [String: [String]] = [:]
    for body in backend.bodies {
      let name = try #require(try JSONValue(parsing: body)["job"]?["name"]?.stringValue)
      events[String(name.prefix { $0 != "." }), default: []].append(String(decoding: body, as: UTF8.self))
    }
    return events
  }

  /// Lets 25 hours go by, and then what it takes to deliver the rest.
  func pass(_ weather: @escaping @Sendable (_ hour: Int) -> Weather) async throws {
    let naming = LineageNaming(
      producer: "https://example.com", version: "1.0.0",
      airflow: ["prod": .init(namespace: "default", scheme: .since2)], dbtNamespaces: [:])
    let state = state
    let sink = OpenLineageSink(
      name: "lineage", endpoint: .init(url: backend.url, token: nil), naming: naming, ledger: ledger,
      clock: { state.value.now }, random: { 0 })
    let telemetry = Telemetry.silent
    let around = ServiceSurroundings(
      ledger: ledger, telemetry: telemetry, outages: OutageLog(telemetry), bells: Bells(), longestWait: 60)
    let service = DeliveryService(
      Counted(sink: sink, note: { state.change { $0.outages[$0.elapsedHours, default: 0] += 1 } }), around,
      clock: { state.value.now }, waiting: { _, seconds in await self.advance(seconds, weather) })
    try await tick(weather)
    await service.run(until: stop)
    if let failure = state.value.failure { throw failure }
  }

  private func advance(_ seconds: Double, _ weather: (Int) -> Weather) async {
    state.change { $0.now += Int64(seconds * 1e6) }
    do {
      try await tick(weather)
      let isOver = state.value.elapsedHours >= 25
      if isOver, try await ledger.pendingCount(ofSink: "lineage") == 0 { stop.set(seconds: 0) }
      if state.value.elapsedHours > 48 { throw TestServerError("it does not come to an end") }
    } catch {
      state.change { $0.failure = error }
      stop.set(seconds: 0)
    }
  }

  /// Does what is due by now.
  private func tick(_ weather: (Int) -> Weather) async throws {
    let now = state.value
    if now.elapsedHours != now.hour {
      state.change { $0.hour = $0.elapsedHours }
      try set(weather(now.elapsedHours), now.elapsedHours)
    }
    while case let due = state.value, due.now >= Self.start + Int64(due.ticks) * Self.interval {
      if due.ticks < Self.runs { try await keep(due.ticks, "running") }
      if due.ticks >= 2, due.ticks < Self.runs + 2 { try await keep(due.ticks - 2, "success") }
      state.change { $0.ticks += 1 }
      let items = try SQLiteDatabase(path: ledger.path, mode: .readOnly).integer("SELECT count(*) FROM outbox") ?? 0
      state.change { $0.mostItems = max($0.mostItems, items) }
    }
  }

  private func set(_ weather: Weather, _ hour: Int) throws {
    let state = state
    backend.close()
    var answer: LoopbackResponse?
    switch weather {
    case .takes: break
    case .isClosed: return
    case .answers(let response): answer = response
    }
    backend.answer(by: { [answer] _ in
      state.change { $0.requests[hour, default: 0] += 1 }
      return answer
    })
    try backend.open()
  }

  private func keep(_ number: Int, _ word: String) async throws {
    let begin = Self.start + Int64(number) * Self.interval
    var run = DagRun(key: DagRunKey(instance: "prod", dagID: "d\(number)", runID: "r"), sourceID: Int64(number + 1))
    (run.state, run.clearNumber) = (word, 0)
    run.logicalDate = Instant(microseconds: begin)
    run.startDate = Instant(microseconds: begin)
    var attempt = TaskAttempt(key: AttemptKey(taskID: "t", mapIndex: -1, tryNumber: 1), isCurrent: true)
    attempt.state = word
    attempt.startDate = Instant(microseconds: begin + 1)
    if word == "success" {
      attempt.endDate = Instant(microseconds: begin + Self.interval)
      run.endDate = Instant(microseconds: begin + 2 * Self.interval)
    }
    var batch = CaptureBatch(instance: "prod", readAt: Instant(microseconds: state.value.now))
    batch.snapshots = [DagRunSnapshot(run: run, attempts: [attempt])]
    _ = try await ledger.apply(batch) { _, _ in [] }
  }
}

/// Tells of each try that found the backend away.
private struct Counted: Sink {
  let sink: any Sink
  let note: @Sendable () -> Void
  var name: String { sink.name }

  func deliver() async throws -> DeliveryRound {
    let round = try await sink.deliver()
    if round.outage != nil { note() }
    return round
  }

  func close() async { await sink.close() }
}

private final class Box<Value: Sendable>: Sendable {
  private let state: Mutex<Value>
  init(_ value: Value) { state = Mutex(value) }
  var value: Value { state.withLock { $0 } }
  func change(_ body: (inout Value) -> Void) { state.withLock { body(&$0) } }
}
