import ExecutionModel
import Ledger
import LoopbackHTTP
import SQLite
import TestServers
import Testing

@testable import Sinks

struct OpenLineageSinkTests {
  private static let dags = (0..<12).map { "d\($0)" }

  // MARK: All is well

  @Test func everythingIsSentOnceInItsOrder() async throws {
    let bench = try await Bench(Bench.events)
    try await bench.keep(dags: Self.dags, tasks: 3)
    let backend = try RecordingBackend()
    let sink = bench.lineage(backend.url)
    try await bench.drain(sink)
    let events = try backend.events
    #expect(events.count == Self.dags.count * 8)
    #expect(Set(events).count == events.count)
    try expectOrder(events)
    let status = try await bench.status()
    #expect(status.delivered == 96 && status.pending == 0 && status.parked == 0 && status.error == nil)
    #expect(try await sink.deliver().wasIdle)
    #expect(backend.received.count == 96)
  }

  @Test func aDbtRunComesAfterTheAttemptThatTriggeredIt() async throws {
    let bench = try await Bench(Bench.events)
    try await bench.keep([Bench.snapshot("daily", state: "running", tasks: 1)]) { snapshot, _ in
      [
        LinkProposal(
          attempt: snapshot.attempts[0].key, target: DbtRunReference(host: "h.example", accountID: 42, runID: 7),
          relation: .triggered, confidence: .exact, evidence: [Evidence(kind: "xcom_job_run_id", value: "7")])
      ]
    }
    let due = try #require(try await bench.ledger.dueDbtRuns(of: "analytics", now: .max, limit: 9).first)
    var dbt = DbtRun(key: due.key, status: "success", isComplete: true)
    (dbt.account, dbt.accountID, dbt.runID) = ("analytics", 42, 7)
    (dbt.createdAt, dbt.startedAt, dbt.finishedAt) = (at(5), at(6), at(30))
    _ = try await bench.ledger.keepHead(dbt, id: due.id, nextFetchAt: 0)
    try await bench.ledger.keepComplete(dbt, id: due.id)
    try await bench.keep([Bench.snapshot("daily", state: "success", tasks: 1)])
    let backend = try RecordingBackend()
    try await bench.drain(bench.lineage(backend.url))
    let events = try backend.events
    #expect(events.map(\.type) == ["START", "START", "START", "COMPLETE", "COMPLETE", "COMPLETE"])
    let (run, attempt, dbtRun) = (events[0], events[1], events[2])
    #expect(attempt.parent == run.runID)
    #expect(dbtRun.parent == attempt.runID)
    #expect(events[3].runID == dbtRun.runID)
  }

  // MARK: The token

  @Test func aRotatedTokenIsTakenUpAndEverythingIsDelivered() async throws {
    let bench = try await Bench(Bench.events)
    try await bench.keep(dags: Self.dags, tasks: 10)
    let token = Box("old-token")
    let valid = Box("old-token")
    let backend = try RecordingBackend { received in
      received.header("Authorization") == "Bearer \(valid.value)" ? nil : LoopbackResponse(status: 401)
    }
    let sink = bench.lineage(backend.url, token: { token.value })
    _ = try await sink.deliver()
    #expect(backend.received.map { $0.header("Authorization") } == ["Bearer old-token"])
    (token.value, valid.value) = ("new-token", "new-token")
    try await bench.drain(sink)
    let status = try await bench.status()
    #expect(status.delivered == 12 * 22 && status.parked == 0)
    // Each connection may meet the change once; nobody goes on with what is known to be refused.
    #expect(backend.received.count <= 12 * 22 + 4)
  }

  @Test(arguments: [401, 403])
  func aTokenRefusedForLongHoldsEverythingBackUntilTheRightOneComes(_ refusal: Int) async throws {
    let bench = try await Bench(Bench.events)
    try await bench.keep(dags: Self.dags)
    let token = Box("s3cr3t-token-1")
    let backend = try RecordingBackend { received in
      let sent = received.header("Authorization") ?? ""
      return sent == "Bearer good" ? nil : LoopbackResponse(status: refusal, text: #"{"refused":"\#(sent)"}"#)
    }
    let sink = bench.lineage(backend.url, token: { token.value })
    for attempt in 1...3 {
      let round = try await sink.deliver()
      #expect(round.outage?.cause == "token-refused")
      #expect(backend.received.count == attempt)
      #expect(try await bench.status().parked == 0)
      #expect(try await bench.status().pending == 48)
      #expect(try await bench.silence() == [0.5, 1, 2][attempt - 1])
      bench.wait(seconds: 60)
    }
    let error = try #require(try await bench.status().error)
    #expect(error.contains("token_file") && error.hasSuffix(#"It says: {"refused":"Bearer ***"}"#))
    // The right token comes: everything flows without a restart, and without anybody's help.
    token.value = "good"
    try await bench.drain(sink)
    #expect(try await bench.status().delivered == 48)
    #expect(try await bench.status().error == nil)
    let kept = String(decoding: try await bench.ledgerBytes(), as: UTF8.self)
    #expect(!kept.contains("s3cr3t-token"))
  }

  @Test func aTokenRevokedAmidARoundParksNothing() async throws {
    let bench = try await Bench(Bench.events)
    try await bench.keep(dags: Self.dags)
    let isRevoked = Box(false)
    let backend = try RecordingBackend { _ in isRevoked.value ? LoopbackResponse(status: 403) : nil }
    let sink = bench.lineage(backend.url, token: { "t" })
    _ = try await sink.deliver()
    isRevoked.value = true
    let round = try await sink.deliver()
    #expect(round.parked == 0)
    #expect(backend.received.count <= 1 + 4)
    #expect(try await bench.status().pending == 48 - 1)
  }

  @Test func noSecretOfTheURLIsShown() async throws {
    let bench = try await Bench(Bench.events)
    try await bench.keep(dags: ["d"])
    let backend = try RecordingBackend { _ in LoopbackResponse(status: 500) }
    let sink = bench.lineage(backend.url.replacing("http://", with: "http://u:hunter2@") + "?key=hunter2")
    let round = try await sink.deliver()
    #expect(round.outage?.detail == "\(backend.url): HTTP 500")
    #expect(backend.received.first?.request.queryValue("key") == "hunter2")
  }

  // MARK: Refusals

  @Test(arguments: [400, 404, 413, 422])
  func whatABackendRefusesIsParkedWithItsAnswerAndTheRestFlows(_ refusal: Int) async throws {
    let bench = try await Bench(Bench.events)
    try await bench.keep(dags: Self.dags)
    let answer = String(repeating: "no! ", count: 2500)
    let backend = try RecordingBackend { received in
      guard let event = try? SeenEvent(received), event.type == "START", event.dag == "d3" else { return nil }
      return LoopbackResponse(status: refusal, text: answer)
    }
    try await bench.drain(bench.lineage(backend.url))
    let parked = Bench.Parked(reason: "HTTP \(refusal)", status: Int64(refusal), answer: String(answer.prefix(4096)))
    #expect(try bench.parked() == [parked, parked])
    let status = try await bench.status()
    #expect(status.delivered == 46 && status.pending == 0 && status.parked == 2 && status.error == nil)
    // Each was tried once, and a parked START does not hold back its end.
    let events = try backend.events
    #expect(events.count == 48)
    #expect(Set(events.filter { $0.dag == "d3" && $0.isTerminal }.map(\.job)) == ["d3", "d3.t0"])
  }

  // MARK: Faults that pass

  @Test(arguments: [408, 409, 425, 429, 500, 502, 503, 504])
  func whatMayPassIsTriedAgainWithTheSameBytes(_ status: Int) async throws {
    let bench = try await Bench(Bench.events)
    try await bench.keep(dags: ["d"], tasks: 0)
    let backend = try RecordingBackend()
    backend.answerNext(status, status)
    let sink = bench.lineage(backend.url)
    try await bench.drain(sink)
    #expect(try await bench.status().delivered == 2)
    #expect(try bench.parked() == [])
    let bodies = backend.received.map(\.body)
    #expect(bodies.count == 4)
    #expect(bodies[0] == bodies[1] && bodies[1] == bodies[2] && bodies[2] != bodies[3])
  }

  static let wishes: [(String, Double)] = [
    ("120", 120), ("0", 0.5), ("Sat, 21 Nov 2026 03:46:45 GMT", 5), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.5),
    ("86400", 3600), ("99999999999999999999999999", 3600), (String(repeating: "9", count: 400), 3600), ("-5", 0.5),
    ("soon", 0.5), ("", 0.5), ("nan", 0.5),
  ]

  @Test(arguments: wishes)
  func aWishForSilenceIsHonouredUpToAnHour(_ header: String, _ seconds: Double) async throws {
    let bench = try await Bench(Bench.events)
    try await bench.keep(dags: ["d"])
    let backend = try RecordingBackend { _ in LoopbackResponse(status: 429, headers: [("Retry-After", header)]) }
    let round = try await bench.lineage(backend.url).deliver()
    #expect(round.outage.map { Double($0.retryAt - bench.now) / 1e6 } == seconds)
    #expect(try await bench.silence() == seconds)
    #expect(try await bench.itemDelay() == seconds)
  }

  @Test func theSilenceGrowsWhileABackendIsAwayAndEndsWithIt() async throws {
    let bench = try await Bench(Bench.events)
    try await bench.keep(dags: Self.dags)
    let port = try freePort()
    let sink = bench.lineage("http://127.0.0.1:\(port)/api/v1/lineage", random: 0.5)
    var waits: [Double] = []
    for _ in 0..<8 {
      let round = try await sink.deliver()
      #expect(round.outage?.cause == "http-connect")
      waits.append(try await bench.silence())
      bench.wait(seconds: waits.last ?? 0)
    }
    #expect(waits == [0.75, 1.5, 3, 6, 12, 24, 45, 45])
    #expect(try await bench.status().error?.contains("127.0.0.1:\(port)") == true)
    let backend = try RecordingBackend(port: port)
    try await bench.drain(sink)
    // Nothing was sent in vain, so nothing comes twice.
    #expect(backend.received.count == 48)
    #expect(try await bench.silence() <= 0)
    let status = try await bench.status()
    #expect(status.delivered == 48 && status.error == nil && status.errorSince == nil)
  }

  @Test func aBackendThatStallsIsAnOutage() async throws {
    let bench = try await Bench(Bench.events)
    try await bench.keep(dags: Self.dags)
    let backend = try RecordingBackend { _ in LoopbackResponse(delaySeconds: 600) }
    let round = try await bench.lineage(backend.url, timeout: 0.2).deliver()
    #expect(round.outage?.cause == "http-timeout")
    #expect(backend.received.count == 1)
    #expect(try await bench.status().pending == 48)
  }

  @Test func anOutageIsProbedWithOneEventAtATime() async throws {
    let bench = try await Bench(Bench.events)
    try await bench.keep(dags: Self.dags)
    let backend = try RecordingBackend { _ in LoopbackResponse(status: 503) }
    let sink = bench.lineage(backend.url)
    for attempt in 1...5 {
      _ = try await sink.deliver()
      #expect(backend.received.count == attempt)
      bench.wait(seconds: 60)
    }
  }

  /// Faults that one event brings about every time it is sent.
  static let poisons = [
    LoopbackResponse(status: 500), LoopbackResponse(status: 503), LoopbackResponse(status: 429),
    LoopbackResponse(status: 409), LoopbackResponse(fault: .closeWithoutAnswer),
    LoopbackResponse(body: .bytes([0x61, 0x62]), fault: .truncate(afterBytes: 1)),
  ]

  @Test(arguments: poisons)
  func aRunThatAlwaysFailsHoldsBackNoOther(_ poison: LoopbackResponse) async throws {
    let bench = try await Bench(Bench.events)
    let backend = try RecordingBackend { received in
      (try? SeenEvent(received))?.dag == "poison" ? poison : nil
    }
    // It is the oldest, and for a while the only one.
    try await bench.keep([Bench.snapshot("poison", id: 1, state: "success", tasks: 2)])
    let sink = bench.lineage(backend.url)
    for _ in 0..<5 {
      _ = try await sink.deliver()
      bench.wait(seconds: 400)
    }
    try await bench.keep(
      (2..<30).map { Bench.snapshot("fine\($0)", id: Int64($0), state: "success", tasks: 1) })
    for _ in 0..<40 {
      _ = try await sink.deliver()
      bench.wait(seconds: 61)
    }
    let status = try await bench.status()
    #expect(status.delivered == 28 * 4)
    #expect(status.pending == 6 && status.parked == 0)
    // Of its record nothing came before its first event.
    #expect(Set(try backend.events.filter { $0.dag == "poison" }).count == 1)
    // Whoever starts anew meets it first, and gets past it as well.
    let again = try await bench.restarted()
    try await again.keep([Bench.snapshot("late", id: 99, state: "success", tasks: 1)])
    let restarted = again.lineage(backend.url)
    for _ in 0..<10 {
      _ = try await restarted.deliver()
      again.wait(seconds: 61)
    }
    #expect(try await again.status().delivered == 28 * 4 + 4)
  }

  /// Time goes on while much is delivered: what was passed by because it was not due yet may become so, and what comes
  /// after it in its run still waits for it.
  @Test(arguments: [OpenLineageSink.Batches.off, .on])
  func whatBecomesDueAmidADeliveryIsNotOvertaken(_ batches: OpenLineageSink.Batches) async throws {
    let bench = try await Bench(Bench.events)
    let taken = Box<[String]>([])
    let refuses = Box(true)
    let backend = try RecordingBackend { received in
      bench.wait(seconds: 0.2)
      if refuses.value, received.text.contains("\"name\":\"late\"") { return LoopbackResponse(status: 500) }
      taken.value += received.elements
      return nil
    }
    let sink = bench.lineage(backend.url, batches: batches, batchEvents: 20)
    try await bench.keep([Bench.snapshot("first", id: 1, state: "success", tasks: 0)])
    try await bench.drain(sink)
    try await bench.keep([Bench.snapshot("late", id: 2, state: "running", tasks: 0)])
    _ = try await sink.deliver()
    refuses.value = false
    try await bench.keep(
      (0..<400).map { Bench.snapshot("other\($0)", id: 10 + Int64($0), state: "success", tasks: 0) })
    try await bench.keep([Bench.snapshot("late", id: 2, state: "success", tasks: 0)])
    try await bench.drain(sink)
    let late = try taken.value.map { try SeenEvent($0) }.filter { $0.dag == "late" }
    #expect(late.map(\.isTerminal) == [false, true])
    #expect(taken.value.count == 2 + 2 + 800)
  }

  @Test func aDbtRunWithoutADagRunHoldsBackNoOther() async throws {
    let bench = try await Bench(Bench.events)
    await bench.ledger.close()
    let database = try SQLiteDatabase(path: bench.ledger.path, mode: .readWrite)
    for (dbtRun, text) in [(5, "5 START"), (5, "5 COMPLETE"), (6, "6 START"), (6, "6 COMPLETE")] {
      try database.execute(
        """
        INSERT INTO outbox (sink, kind, dag_run, dbt_run, transition, event_time, made_at, body)
        VALUES (1, 'dbt_run', 0, \(dbtRun), 'START', 1, 1, CAST('\(text)' AS BLOB))
        """)
    }
    let again = try await bench.restarted()
    let backend = try RecordingBackend { $0.text.hasPrefix("5") ? LoopbackResponse(status: 500) : nil }
    let sink = again.lineage(backend.url)
    for _ in 0..<6 {
      _ = try await sink.deliver()
      again.wait(seconds: 1)
    }
    let seen = backend.received.map(\.text)
    #expect(seen.filter { $0.hasPrefix("6") } == ["6 START", "6 COMPLETE"])
    #expect(!seen.contains("5 COMPLETE"))
    #expect(try await again.status().pending == 2)
  }

  // MARK: The same bytes

  @Test func aRetrySendsWhatWasFixedWhateverHasChangedSince() async throws {
    let twin = SinkRegistration(name: "twin", type: "openlineage", kind: .events([.dagRuns]), history: true)
    let bench = try await Bench(Bench.events, twin)
    func dag(_ owner: String) -> [Dag] { [Dag(dagID: "d", owners: [owner], tags: ["x"])] }
    try await bench.keep([Bench.snapshot("d", state: "running", tasks: 0)], dags: dag("ann"))
    let backend = try RecordingBackend()
    backend.answerNext(500)
    _ = try await bench.lineage(backend.url).deliver()
    let first = try #require(backend.received.first)
    // The rows change, the syncer is started anew, in another release.
    try await bench.keep([Bench.snapshot("d", state: "success", tasks: 0)], dags: dag("bob"))
    let again = try await bench.restarted()
    again.wait(seconds: 60)
    var naming = Bench.naming
    naming.version = "2.0.0"
    try await again.drain(again.lineage(backend.url, naming: naming))
    #expect(backend.received.count == 3)
    #expect(backend.received[1].body == first.body)
    #expect(try backend.events.map(\.type) == ["START", "START", "COMPLETE"])
    // Made now, the same event would have other bytes.
    let other = try RecordingBackend()
    try await again.drain(again.lineage(other.url, name: "twin", naming: naming))
    #expect(try other.events.first == backend.events.first)
    #expect(other.received.first?.body != first.body)
  }

  @Test func onlyALostAnswerMakesADuplicate() async throws {
    let bench = try await Bench(Bench.events)
    try await bench.keep(dags: ["d"], tasks: 0)
    let backend = try RecordingBackend()
    backend.answerNext(LoopbackResponse(fault: .closeWithoutAnswer))
    try await bench.drain(bench.lineage(backend.url))
    let bodies = backend.received.map(\.body)
    #expect(bodies.count == 3)
    #expect(bodies[0] == bodies[1])
    #expect(try await bench.status().delivered == 2)
  }

  /// Whatever a backend does, what it takes it takes once, in order, and everything comes in the end.
  @Test(arguments: [UInt64](1...4), [OpenLineageSink.Batches.off, .on])
  func everyEventIsTakenOnceInOrderWhateverHappens(_ seed: UInt64, _ batches: OpenLineageSink.Batches) async throws {
    let bench = try await Bench(Bench.events)
    // More than are read at once, and the ends of runs far behind their beginnings.
    for state in ["running", "success"] {
      try await bench.keep(dags: (1...120).map { "d\($0)" }, state: state, tasks: 2)
    }
    struct State {
      var random: SeededGenerator
      var taken: [String] = []
      var trouble = 400
    }
    let state = Box(State(random: SeededGenerator(seed: seed)))
    let backend = try RecordingBackend { received in
      // The backend calls this with a lock held.
      bench.wait(seconds: 0.1)
      var now = state.value
      defer { state.value = now }
      if now.trouble > 0, Int.random(in: 0..<3, using: &now.random) == 0 {
        now.trouble -= 1
        // Most concern the event alone: others go on.
        switch Int.random(in: 0..<40, using: &now.random) {
        case 0: return LoopbackResponse(fault: .closeWithoutAnswer)
        case 1: return LoopbackResponse(status: 429, headers: [("Retry-After", "3")])
        case 2: return LoopbackResponse(status: 503)
        case 3: return LoopbackResponse(status: 408)
        default: return LoopbackResponse(status: 500)
        }
      }
      now.taken += received.elements
      return nil
    }
    let sink = bench.lineage(backend.url, random: 0.3, batches: batches, batchEvents: 40)
    // So little goes by between two deliveries that much is not due yet.
    for _ in 0..<20_000 where try await bench.status().pending > 0 {
      _ = try await sink.deliver()
      bench.wait(seconds: 0.2)
    }
    let taken = state.value.taken
    #expect(taken.count == 720, "seed \(seed)")
    #expect(Set(taken).count == taken.count, "seed \(seed)")
    #expect(Set(backend.received.flatMap(\.elements)).count == taken.count, "seed \(seed)")
    try expectOrder(try taken.map { try SeenEvent($0) })
    #expect(try await bench.status().delivered == 720, "seed \(seed)")
  }

  // MARK: The end

  @Test func beingStoppedAmidADeliveryIsNoOutage() async throws {
    let bench = try await Bench(Bench.events)
    try await bench.keep(dags: Self.dags)
    let isStalling = Box(false)
    let backend = try RecordingBackend { _ in isStalling.value ? LoopbackResponse(delaySeconds: 600) : nil }
    let sink = bench.lineage(backend.url)
    _ = try await sink.deliver()
    isStalling.value = true
    let task = Task { try await sink.deliver() }
    try await eventually("requests come") { backend.received.count == 5 }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    let status = try await bench.status()
    #expect(status.error == nil && status.pending == 47 && status.delivered == 1)
    #expect(try await bench.itemDelay() == nil)
  }

  @Test func anEventThatCannotBeMadeIsParkedAndTheRestFlows() async throws {
    let bench = try await Bench(Bench.events)
    try await bench.keep(dags: ["d"])
    let backend = try RecordingBackend()
    var naming = Bench.naming
    naming.airflow = [:]
    try await bench.drain(bench.lineage(backend.url, naming: naming))
    #expect(backend.received.isEmpty)
    #expect(try bench.parked().count == 4)
    #expect(try bench.parked().allSatisfy { $0.reason.contains("`prod` has no `namespace`") })
  }

  /// START before its end, the DAG run's START before its attempts', within each DAG run.
  private func expectOrder(_ events: [SeenEvent]) throws {
    for (dag, mine) in Dictionary(grouping: events, by: \.dag) {
      #expect(mine.first?.job == dag && mine.first?.type == "START", "\(dag)")
      #expect(mine.last?.job == dag && mine.last?.isTerminal == true, "\(dag)")
      for (job, run) in Dictionary(grouping: mine, by: \.job) {
        #expect(run.map(\.isTerminal) == [false, true], "\(job)")
      }
    }
  }
}
