import ExecutionModel
import Testing

@testable import Ledger
@testable import Sinks

struct DeliverySessionTests {
  private func event(_ id: Int64) -> EventSender.Ready {
    EventSender.Ready(
      item: OutboxItem(
        id: id, kind: .dagRun, dagRun: id, dbtRun: nil, attempt: nil, clearNumber: 0, node: nil, transition: .start,
        eventTime: at(0), tries: 0, body: nil), body: [0x20])
  }

  private func session(_ portion: SendingOrder.Portion = .single, lowWater: Int = 4) -> DeliverySession {
    DeliverySession(lanes: 2, limits: .init(portion: portion, lowWater: lowWater, page: 8), now: 0)
  }

  private func sent(_ events: [EventSender.Ready], _ outcome: DeliveryOutcome = .delivered) -> EventSender.Sent {
    EventSender.Sent(tried: events.map { TriedItem(item: $0.item, outcome: outcome) })
  }

  private func names(_ actions: [DeliverySession.Action]) -> [String] {
    actions.map {
      switch $0 {
      case .feed(let after, let limit): "feed \(after) \(limit)"
      case .send(let events, let lane): "send \(events.map(\.item.id)) \(lane)"
      case .keep(let tried): "keep \(tried.map(\.item.id))"
      case .rest: "rest"
      }
    }
  }

  @Test func itReadsWhileItSendsAndKeepsWhatCame() {
    var session = session()
    #expect(names(session.next(now: 0)) == ["feed 0 16"])
    session.feed((1...3).map(event), last: 3)
    #expect(names(session.next(now: 0)) == ["feed 3 16", "send [1] 0", "send [2] 1", "rest"])
    session.finish([event(1)], sent([event(1)]), lane: 0)
    #expect(names(session.next(now: 0)) == ["send [3] 0"])
    session.feed([], last: nil)
    session.finish([event(2)], sent([event(2)]), lane: 1)
    #expect(session.next(now: 0).isEmpty && !session.isIdle)
    session.finish([event(3)], sent([event(3)]), lane: 0)
    #expect(names(session.next(now: 0)) == ["keep [1, 2, 3]"])
    session.kept()
    #expect(session.next(now: 0).isEmpty && session.isIdle)
  }

  @Test func aConnectionThatHangsHoldsUpNeitherTheOthersNorWhatIsKept() {
    var session = session()
    _ = session.next(now: 0)
    session.feed((1...2).map(event), last: 2)
    _ = session.next(now: 0)
    session.feed([], last: nil)
    session.finish([event(1)], sent([event(1)]), lane: 0)
    // Long after the session should have ended, 2 is still under way.
    #expect(names(session.next(now: 20)) == ["keep [1]"])
    session.kept()
    session.wakeUp()
    #expect(names(session.next(now: 20)) == ["feed 2 16", "rest"])
    session.feed([event(3)], last: 3)
    #expect(names(session.next(now: 20)).contains("send [3] 0"))
  }

  @Test func itEndsAfterAWhileWhenNothingHangs() {
    var session = session()
    _ = session.next(now: 0)
    session.feed([event(1)], last: 1)
    _ = session.next(now: 4.9)
    session.feed([event(2)], last: 2)
    session.finish([event(1)], sent([event(1)]), lane: 0)
    #expect(names(session.next(now: 5)) == ["send [2] 0"])
  }

  @Test(arguments: [
    DeliveryOutcome.silence(after: nil, reason: "429"), .tokenRefused(status: 401, answer: ""),
    .unanswered(cause: "http-timeout", detail: "", mayBeItsOwn: true),
  ])
  func nothingMoreIsSentToABackendThatIsToBeLeftAlone(_ outcome: DeliveryOutcome) {
    var session = session()
    _ = session.next(now: 0)
    session.feed((1...9).map(event), last: 9)
    _ = session.next(now: 0)
    session.finish([event(1)], sent([event(1)], outcome), lane: 0)
    #expect(session.next(now: 0).isEmpty)
    session.finish([event(2)], sent([event(2)]), lane: 1)
    #expect(names(session.next(now: 0)) == ["keep [1, 2]"])
  }

  @Test func notEveryEventOfTheOutboxFailsOnce() {
    var session = session(lowWater: 100)
    _ = session.next(now: 0)
    session.feed((1...50).map(event), last: 50)
    var failed = 0
    while true {
      let loads = session.next(now: 0).compactMap { action -> ([EventSender.Ready], Int)? in
        if case .send(let events, let lane) = action { (events, lane) } else { nil }
      }
      if loads.isEmpty { break }
      for (events, lane) in loads {
        failed += 1
        session.finish(events, sent(events, .retry(after: nil, reason: "500")), lane: lane)
      }
    }
    #expect(failed == 4)
  }

  @Test func abackendThatTakesNoBatchesAnyMoreGetsSingleEvents() {
    var session = session(.batch(events: 2, bytes: 1000))
    _ = session.next(now: 0)
    session.feed((1...9).map(event), last: 9)
    #expect(names(session.next(now: 0)).filter { $0.hasPrefix("send") } == ["send [1, 2] 0", "send [3, 4] 1"])
    var answer = sent([event(1), event(2)])
    answer.takesBatches = false
    session.finish([event(1), event(2)], answer, lane: 0)
    #expect(names(session.next(now: 0)).contains("send [5] 0"))
  }

  @Test func aBatchThatIsTooLargeMakesTheNextSmaller() {
    var session = session(.batch(events: 100, bytes: 1000), lowWater: 1000)
    _ = session.next(now: 0)
    session.feed((1...300).map(event), last: 300)
    _ = session.next(now: 0)
    var answer = sent((1...100).map(event))
    answer.tooManyBytes = 40
    session.finish((1...100).map(event), answer, lane: 0)
    // Each has one byte and a comma, and there are the brackets.
    #expect(names(session.next(now: 0)).contains("send [201, 202, 203, 204, 205, 206, 207, 208, 209] 0"))
  }
}
