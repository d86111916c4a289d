import ExecutionModel
import LoopbackHTTP
import TestServers
import Testing

@testable import Ledger
@testable import Sinks

struct EventSenderTests {
  private func event(_ id: Int64, dagRun: Int64, dbtRun: Int64? = nil) -> EventSender.Ready {
    EventSender.Ready(
      item: OutboxItem(
        id: id, kind: dbtRun == nil ? .dagRun : .dbtRun, dagRun: dagRun, dbtRun: dbtRun, attempt: nil, clearNumber: 0,
        transition: .start, eventTime: at(0), tries: 0, body: nil), body: Array(#"{"id":\#(id)}"#.utf8))
  }

  private func sender(
    _ url: String, lanes: Int = 4, timeout: Double = 60, gzip: Bool = true,
    token: (@Sendable () throws -> String)? = nil
  ) -> EventSender {
    EventSender(
      .init(url: url, token: token, gzip: gzip, timeout: timeout, concurrency: lanes, batches: .off),
      userAgent: "airflow-syncer/1.0.0", clock: { 0 })
  }

  private func outcomes(_ tried: [TriedItem]) -> [Int64: DeliveryOutcome] {
    Dictionary(uniqueKeysWithValues: tried.map { ($0.item.id, $0.outcome) })
  }

  // MARK: Side by side

  /// An event of a node of dbt run 1, which has no DAG run.
  private func nodeEvent(_ id: Int64, _ node: String) -> EventSender.Ready {
    var ready = event(id, dagRun: 0, dbtRun: 1)
    ready.item.kind = .dbtNode
    ready.item.node = OutboxItem.Node(step: 1, uniqueID: node, part: .run)
    return ready
  }

  @Test func nodesOfOneDbtRunDoNotWaitForEachOther() async throws {
    let backend = try RecordingBackend { LoopbackResponse(status: $0.text == #"{"id":1}"# ? 500 : 201) }
    let tried = outcomes(
      await sender(backend.url).send([nodeEvent(1, "a"), nodeEvent(2, "a"), nodeEvent(3, "b"), nodeEvent(4, "b")]))
    #expect(Set(tried.keys) == [1, 3, 4], "2 comes after 1, which was not delivered")
    #expect(tried[3] == .delivered && tried[4] == .delivered)
  }

  @Test func nodesComeBetweenTheStartAndTheEndOfTheirRun() async throws {
    let backend = try RecordingBackend()
    _ = await sender(backend.url).send([
      event(1, dagRun: 0, dbtRun: 1), nodeEvent(2, "a"), nodeEvent(3, "a"), nodeEvent(4, "b"), nodeEvent(5, "b"),
      event(6, dagRun: 0, dbtRun: 1),
    ])
    let order = backend.received.compactMap { Int($0.text.filter(\.isNumber)) }
    #expect(order.first == 1 && order.last == 6 && order.count == 6)
    #expect(order.filter([2, 3].contains) == [2, 3] && order.filter([4, 5].contains) == [4, 5])
  }

  // MARK: On the wire

  @Test(arguments: [true, false])
  func anEventIsOnePostOfJSON(_ gzip: Bool) async throws {
    let backend = try RecordingBackend()
    let tried = await sender(backend.url, gzip: gzip, token: { "s3cr3t" }).send([event(1, dagRun: 1)])
    #expect(tried.map(\.outcome) == [.delivered])
    let seen = try #require(backend.received.first)
    #expect(seen.request.method == "POST")
    #expect(seen.request.target == "/api/v1/lineage")
    #expect(seen.header("Content-Type") == "application/json")
    #expect(seen.header("Authorization") == "Bearer s3cr3t")
    #expect(seen.header("User-Agent") == "airflow-syncer/1.0.0")
    #expect(seen.header("Content-Encoding") == (gzip ? "gzip" : nil))
    #expect(seen.request.body.starts(with: [0x1F, 0x8B]) == gzip)
    #expect(seen.text == #"{"id":1}"#)
  }

  @Test func withoutATokenNoneIsSent() async throws {
    let backend = try RecordingBackend()
    _ = await sender(backend.url).send([event(1, dagRun: 1)])
    #expect(backend.received.map { $0.header("Authorization") } == [nil])
  }

  @Test func aTokenThatCannotBeReadIsTheReasonAndNothingIsSent() async throws {
    let backend = try RecordingBackend()
    let tried = await sender(backend.url, token: { throw TestServerError("token_file: no such file") })
      .send([event(1, dagRun: 1), event(2, dagRun: 1)])
    #expect(
      tried.map(\.outcome) == [.unanswered(cause: "token", detail: "token_file: no such file", mayBeItsOwn: false)])
    #expect(backend.received.isEmpty)
  }

  // MARK: Order

  @Test func recordsGoSideBySideAndWhatIsInOneGoesInOrder() async throws {
    let backend = try RecordingBackend()
    let events = (0..<60).map { event($0, dagRun: $0 % 7 + 1) }
    let tried = await sender(backend.url).send(events)
    #expect(tried.count == 60 && tried.allSatisfy { $0.outcome == .delivered })
    let order = backend.received.compactMap { Int64($0.text.filter(\.isNumber)) }
    for record in Int64(0)..<7 {
      let mine = order.filter { $0 % 7 == record }
      #expect(mine == mine.sorted())
    }
    #expect(Set(backend.received.map(\.request.connectionIndex)).count == 4)
  }

  @Test func oneEventThatFailsHoldsBackItsRecordOnly() async throws {
    let backend = try RecordingBackend { $0.text == #"{"id":1}"# ? LoopbackResponse(status: 500) : nil }
    let tried = outcomes(
      await sender(backend.url, lanes: 1).send([event(1, dagRun: 1), event(2, dagRun: 1), event(3, dagRun: 2)]))
    #expect(tried == [1: .retry(after: nil, reason: "HTTP 500"), 3: .delivered])
  }

  @Test func oneEventThatIsRefusedHoldsBackNothing() async throws {
    let backend = try RecordingBackend { $0.text == #"{"id":1}"# ? LoopbackResponse(status: 422) : nil }
    let tried = outcomes(await sender(backend.url).send([event(1, dagRun: 1), event(2, dagRun: 1)]))
    #expect(tried[2] == .delivered)
  }

  @Test func dbtRunsWithoutADagRunHoldBackEachOtherOnlyIfTheyAreTheSame() async throws {
    let backend = try RecordingBackend { $0.text == #"{"id":1}"# ? LoopbackResponse(status: 500) : nil }
    let tried = outcomes(
      await sender(backend.url, lanes: 1).send([
        event(1, dagRun: 0, dbtRun: 5), event(2, dagRun: 0, dbtRun: 5), event(3, dagRun: 0, dbtRun: 6),
      ]))
    #expect(Set(tried.keys) == [1, 3])
  }

  @Test(arguments: [
    LoopbackResponse(status: 429), LoopbackResponse(status: 503), LoopbackResponse(status: 401),
    LoopbackResponse(fault: .closeWithoutAnswer), LoopbackResponse(status: 307, headers: [("Location", "/elsewhere")]),
  ])
  func aConnectionThatMeetsABackendsOwnFaultTriesNothingMore(_ answer: LoopbackResponse) async throws {
    let backend = try RecordingBackend { _ in answer }
    let tried = await sender(backend.url, lanes: 1).send((1...5).map { event($0, dagRun: $0) })
    #expect(tried.map(\.item.id) == [1])
    #expect(backend.received.count == 1)
  }

  // MARK: What a backend may do

  @Test(arguments: [301, 302, 303, 307, 308])
  func aRedirectIsNotFollowed(_ status: Int) async throws {
    let other = try RecordingBackend()
    let answer = LoopbackResponse(status: status, headers: [("Location", other.url)])
    let backend = try RecordingBackend { _ in answer }
    let tried = await sender(backend.url, token: { "s3cr3t" }).send([event(1, dagRun: 1)])
    guard case .unanswered("http-redirect", let detail, mayBeItsOwn: false)? = tried.first?.outcome else {
      Issue.record("\(tried)")
      return
    }
    #expect(!detail.contains("s3cr3t"))
    #expect(other.received.isEmpty)
  }

  @Test func aBackendThatDoesNotAnswerInTimeIsAway() async throws {
    let backend = try RecordingBackend { _ in LoopbackResponse(delaySeconds: 600) }
    let tried = await sender(backend.url, timeout: 0.2).send([event(1, dagRun: 1)])
    guard case .unanswered("http-timeout", _, mayBeItsOwn: true)? = tried.first?.outcome else {
      Issue.record("\(tried)")
      return
    }
  }

  @Test func anAnswerThatStallsIsGivenUp() async throws {
    let backend = try RecordingBackend { _ in
      LoopbackResponse(
        status: 400, body: .bytes([UInt8](repeating: 0x78, count: 2000)), fault: .stall(afterBytes: 10, seconds: 600))
    }
    let tried = await sender(backend.url, timeout: 0.2).send([event(1, dagRun: 1)])
    guard case .unanswered("http-timeout", _, mayBeItsOwn: true)? = tried.first?.outcome else {
      Issue.record("\(tried)")
      return
    }
  }

  @Test func aPortThatNobodyListensOnIsAway() async throws {
    let tried = await sender("http://127.0.0.1:\(try freePort())/").send((1...9).map { event($0, dagRun: $0) })
    // One per connection.
    #expect(tried.count == 4)
    for item in tried {
      guard case .unanswered("http-connect", _, mayBeItsOwn: false) = item.outcome else {
        Issue.record("\(item.outcome)")
        continue
      }
    }
  }

  @Test func aLongAnswerToWhatWasTakenIsNoFault() async throws {
    let backend = try RecordingBackend { _ in
      LoopbackResponse(status: 201, body: .bytes([UInt8](repeating: 0x20, count: 5 << 20)))
    }
    let tried = await sender(backend.url).send([event(1, dagRun: 1), event(2, dagRun: 1)])
    #expect(tried.map(\.outcome) == [.delivered, .delivered])
  }

  @Test func ofALongRefusalTheBeginningIsKept() async throws {
    let backend = try RecordingBackend { _ in
      LoopbackResponse(status: 413, body: .bytes([UInt8](repeating: 0x78, count: 5 << 20)))
    }
    let tried = await sender(backend.url).send([event(1, dagRun: 1)])
    #expect(
      tried.map(\.outcome) == [
        .parked(reason: "HTTP 413", status: 413, answer: String(repeating: "x", count: 4096))
      ])
  }

  @Test func aWebPageIsAsGoodAnAnswerAsAny() async throws {
    let backend = try RecordingBackend { _ in LoopbackResponse(text: "<html>", contentType: "text/html") }
    #expect(await sender(backend.url).send([event(1, dagRun: 1)]).map(\.outcome) == [.delivered])
  }

  @Test func whoeverIsCancelledBlamesNobody() async throws {
    let backend = try RecordingBackend { _ in LoopbackResponse(delaySeconds: 600) }
    let sender = sender(backend.url)
    let events = (1...8).map { event($0, dagRun: $0) }
    let task = Task { await sender.send(events) }
    try await eventually("requests come") { backend.received.count == 4 }
    task.cancel()
    #expect(await task.value.isEmpty)
  }
}
