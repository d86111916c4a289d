import JSONText
import LoopbackHTTP
import OpenLineage
import TestServers
import Testing

@testable import Ledger
@testable import Sinks

struct EventSenderBatchesTests {
  private static let dags = (0..<12).map { "d\($0)" }

  private func bench(tasks: Int = 2) async throws -> Bench {
    let bench = try await Bench(Bench.events)
    try await bench.keep(dags: Self.dags, tasks: tasks)
    return bench
  }

  /// A backend that answers arrays as told, and takes single events.
  private func backend(_ answer: @escaping @Sendable ([String]) -> LoopbackResponse?) throws -> RecordingBackend {
    try RecordingBackend { $0.isBatch ? answer($0.elements) ?? LoopbackResponse(status: 204) : nil }
  }

  private func accepted(_ backend: RecordingBackend) -> [String] { backend.received.flatMap(\.elements) }

  // MARK: Whether a backend takes them

  @Test(arguments: [404, 405, 501, 302, 400, 401, 403, 500])
  func whoeverTakesNoArraysIsAskedOnce(_ status: Int) async throws {
    let bench = try await bench()
    let backend = try RecordingBackend { $0.isBatch ? LoopbackResponse(status: status) : nil }
    try await bench.drain(bench.lineage(backend.url, batches: .auto))
    #expect(backend.received.filter(\.isBatch).count == 1)
    #expect(backend.received.count == 1 + 72)
    let state = try await bench.status()
    #expect(state.delivered == 72 && state.parked == 0)
    // Asked again after a restart.
    let again = try await bench.restarted()
    try await again.keep([Bench.snapshot("late", id: 99, state: "success", tasks: 0)])
    try await again.drain(again.lineage(backend.url, batches: .auto))
    #expect(backend.received.filter(\.isBatch).count == 2)
  }

  @Test func whoeverTakesThemGetsThemInOrder() async throws {
    let bench = try await bench()
    let backend = try backend { _ in nil }
    try await bench.drain(bench.lineage(backend.url, batches: .auto, batchEvents: 20))
    #expect(backend.received.allSatisfy(\.isBatch) && backend.received.count < 10)
    #expect(backend.received.allSatisfy { $0.elements.count <= 20 })
    let events = try accepted(backend).map { try SeenEvent($0) }
    #expect(events.count == 72 && Set(events).count == 72)
    for (_, mine) in Dictionary(grouping: events, by: \.dag) {
      #expect(mine.first?.type == "START" && mine.last?.isTerminal == true)
      for (_, run) in Dictionary(grouping: mine, by: \.job) { #expect(run.map(\.isTerminal) == [false, true]) }
    }
    #expect(try await bench.status().delivered == 72)
  }

  @Test func anEventHasTheSameBytesInAnArrayAndAlone() async throws {
    let bench = try await bench()
    let twin = try await self.bench()
    let (arrays, singles) = (try backend { _ in nil }, try RecordingBackend())
    try await bench.drain(bench.lineage(arrays.url, batches: .on))
    try await twin.drain(twin.lineage(singles.url, batches: .off))
    #expect(Set(accepted(arrays)) == Set(singles.received.map(\.text)))
    for request in arrays.received + singles.received {
      #expect(try request.header("Idempotency-Key") == EventKey.of(request.body))
    }
  }

  @Test func aBackendThatStopsTakingThemGetsSingleEvents() async throws {
    let bench = try await bench()
    let asked = Box(0)
    let backend = try backend { _ in
      asked.value += 1
      return asked.value > 2 ? LoopbackResponse(status: 404) : nil
    }
    try await bench.drain(bench.lineage(backend.url, batches: .auto, batchEvents: 5))
    let state = try await bench.status()
    #expect(state.delivered == 72 && state.parked == 0)
    let taken = accepted(backend).count - backend.received.filter(\.isBatch).dropFirst(2).flatMap(\.elements).count
    #expect(taken == 72)
  }

  // MARK: What it says of each

  @Test func eachEventHasItsOwnOutcome() async throws {
    let bench = try await bench()
    let isBusy = Box(true)
    let backend = try backend { elements in
      var failed: [String] = []
      for (index, element) in elements.enumerated() {
        guard let event = try? SeenEvent(element), event.type == "START" else { continue }
        if event.job == "d3" { failed.append(#"{"index":\#(index),"reason":"never","retriable":false}"#) }
        if event.job == "d5", isBusy.value { failed.append(#"{"index":\#(index),"reason":"busy","retriable":true}"#) }
      }
      isBusy.value = failed.isEmpty && isBusy.value
      return LoopbackResponse(
        text: #"{"status":"partial_success","failed_events":[\#(failed.joined(separator: ","))]}"#)
    }
    try await bench.drain(bench.lineage(backend.url, batches: .auto))
    let state = try await bench.status()
    #expect(state.delivered == 71 && state.parked == 1 && state.pending == 0 && state.error == nil)
    #expect(try bench.parked() == [.init(reason: "refused in a batch: never", status: 200, answer: "never")])
    // What is tried again has the same bytes.
    let starts = accepted(backend).filter { (try? SeenEvent($0)).map { $0.job == "d5" && $0.type == "START" } ?? false }
    #expect(starts.count == 2 && Set(starts).count == 1)
  }

  @Test(arguments: ["", "not JSON", #"{"status":"partial_success"}"#, #"{"failed_events":[{"index":500}]}"#])
  func anAnswerThatSaysNothingOfSingleEventsCountsForAll(_ text: String) async throws {
    let bench = try await bench()
    let backend = try backend { _ in LoopbackResponse(text: text) }
    try await bench.drain(bench.lineage(backend.url, batches: .auto))
    let state = try await bench.status()
    #expect(state.delivered == 72 && state.parked == 0)
    #expect(accepted(backend).count == 72)
  }

  @Test func aTokenRefusedAmidBatchesParksNothing() async throws {
    let bench = try await bench()
    let asked = Box(0)
    let backend = try backend { _ in
      asked.value += 1
      return asked.value > 1 ? LoopbackResponse(status: 401) : nil
    }
    let sink = bench.lineage(backend.url, batches: .auto)
    _ = try await sink.deliver()
    let round = try await sink.deliver()
    #expect(round.outage?.cause == "token-refused" && round.parked == 0)
    #expect(try await bench.status().pending == 71)
  }

  /// A firewall between us and the backend does that.
  @Test func anEventThatIsForbiddenInABatchIsFoundAndNoOtherIsParked() async throws {
    let bench = try await bench()
    let taken = Box<[String]>([])
    let backend = try RecordingBackend { received in
      let isBad = received.elements.contains {
        (try? SeenEvent($0)).map { $0.job == "d3.t1" && $0.isTerminal } ?? false
      }
      if isBad { return LoopbackResponse(status: 403, text: "no") }
      taken.value += received.elements
      return nil
    }
    let sink = bench.lineage(backend.url, batches: .auto)
    try await bench.drain(sink, rounds: 20)
    // Known only by others that are taken beside it.
    for number in 1...20 where try await bench.status().parked == 0 {
      try await bench.keep([Bench.snapshot("late\(number)", id: 99 + Int64(number), state: "success", tasks: 0)])
      try await bench.drain(sink, rounds: 6)
    }
    #expect(try bench.parked() == [.init(reason: "HTTP 403", status: 403, answer: "no")])
    try await bench.drain(sink)
    #expect(try await bench.status().pending == 0)
    let ofHistory = try taken.value.map { try SeenEvent($0) }.filter { !$0.dag.hasPrefix("late") }
    #expect(ofHistory.count == 71 && !ofHistory.contains { $0.job == "d3.t1" && $0.isTerminal })
  }

  // MARK: Refusals of the whole

  @Test(arguments: [400, 413, 422])
  func onlyAnEventThatIsRefusedByItselfIsParked(_ refusal: Int) async throws {
    let bench = try await bench()
    let backend = try RecordingBackend { received in
      let isBad = received.elements.contains {
        (try? SeenEvent($0)).map { $0.job == "d3.t1" && $0.isTerminal } ?? false
      }
      return isBad ? LoopbackResponse(status: refusal, text: "no") : nil
    }
    try await bench.drain(bench.lineage(backend.url, batches: .auto))
    let state = try await bench.status()
    #expect(state.delivered == 71 && state.pending == 0)
    #expect(try bench.parked() == [.init(reason: "HTTP \(refusal)", status: Int64(refusal), answer: "no")])
  }

  @Test func aBackendWithALimitOfBytesIsSentLessFromThenOn() async throws {
    let bench = try await bench(tasks: 20)
    let backend = try backend { elements in
      elements.reduce(0, { $0 + $1.utf8.count }) > 40_000 ? LoopbackResponse(status: 413) : nil
    }
    let sink = bench.lineage(backend.url, batches: .auto)
    try await bench.drain(sink)
    #expect(try await bench.status().delivered == 12 * 42)
    #expect(try bench.parked().isEmpty)
    backend.forget()
    try await bench.keep(
      (100..<140).map { Bench.snapshot("e\($0)", id: Int64($0), state: "success", tasks: 20) })
    try await bench.drain(sink)
    #expect(backend.received.filter { $0.body.count > 40_100 }.isEmpty)
  }

  /// An event that a server breaks down of fails with whatever goes with it.
  @Test(arguments: [LoopbackResponse(status: 500), LoopbackResponse(fault: .closeWithoutAnswer)])
  func anEventThatBreaksTheServerIsFoundAndTheRestFlows(_ fault: LoopbackResponse) async throws {
    let bench = try await bench()
    let backend = try RecordingBackend { received in
      received.elements.contains { (try? SeenEvent($0)).map { $0.job == "d3" } ?? false } ? fault : nil
    }
    let sink = bench.lineage(backend.url, batches: .auto)
    for _ in 0..<60 {
      _ = try await sink.deliver()
      bench.wait(seconds: 61)
    }
    let state = try await bench.status()
    #expect(state.delivered == 66 && state.pending == 6 && state.parked == 0)
  }

  // MARK: The same bytes

  /// An answer that is lost, a syncer that is killed before it has kept the answer: the event comes again, the same.
  @Test(arguments: [OpenLineageSink.Batches.auto, .off])
  func whateverComesTwiceHasTheSameBytesAndTheSameKey(_ batches: OpenLineageSink.Batches) async throws {
    var bench = try await bench()
    let backend = try RecordingBackend { received in
      received.request.receivedIndex % 5 == 3 ? LoopbackResponse(fault: .closeWithoutAnswer) : nil
    }
    for round in 0..<40 {
      // Every sink is a new one: nothing is remembered but by the ledger.
      let sink = bench.lineage(backend.url, batches: batches, batchEvents: 7)
      let work = Task { try await sink.deliver() }
      if round.isMultiple(of: 3) { work.cancel() }
      _ = try? await work.value
      _ = try? await sink.deliver()
      bench.wait(seconds: 400)
      if round.isMultiple(of: 10) { bench = try await bench.restarted() }
    }
    try await bench.drain(bench.lineage(backend.url, batches: .off), rounds: 2000)
    #expect(try await bench.status().delivered == 72)
    let seen = accepted(backend)
    #expect(seen.count > 72)
    #expect(Set(seen).count == 72, "a duplicate differs")
    var bodies: [String: [UInt8]] = [:]
    for request in backend.received {
      let key = try #require(request.header("Idempotency-Key"))
      #expect(bodies[key, default: request.body] == request.body, "one key, two bodies")
      bodies[key] = request.body
    }
    #expect(Set(bodies.values).count == bodies.count, "one body, two keys")
  }
}

extension RecordingBackend.Received {
  var isBatch: Bool { request.target.hasSuffix("/batch") }

  /// The events of the array, or the one event.
  var elements: [String] {
    guard isBatch else { return [text] }
    let mark = #"{"eventType":"#
    return text.dropFirst().dropLast().split(separator: ",\(mark)").enumerated().map { index, part in
      index == 0 ? String(part) : mark + part
    }
  }
}
