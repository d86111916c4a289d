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

  /// What was asked for is read and prepared, and more is not asked for in between.
  private func feed(_ events: [EventSender.Ready], to session: inout DeliverySession) {
    session.read(.init(items: events.map(\.item)))
    _ = session.next(now: 0)
    session.feed(events)
  }

  private func names(_ actions: [DeliverySession.Action]) -> [String] {
    actions.map {
      switch $0 {
      case .read(let after, let limit): "read \(after) \(limit)"
      case .prepare(let page): "prepare \(page.items.map(\.id))"
      case .send(let events, let lane): "send \(events.map(\.item.id)) \(lane)"
      case .keep(let tried): "keep \(tried.map(\.item.id))"
      case .rest: "rest"
      }
    }
  }

  @Test func itReadsWhileItSendsAndKeepsWhatCame() {
    var session = session()
    #expect(names(session.next(now: 0)) == ["read 0 16"])
    feed((1...3).map(event), to: &session)
    #expect(names(session.next(now: 0)) == ["read 3 16", "send [1] 0", "send [2] 1", "rest"])
    session.finish([event(1)], sent([event(1)]), lane: 0)
    #expect(names(session.next(now: 0)) == ["send [3] 0"])
    session.read(.init())
    session.finish([event(2)], sent([event(2)]), lane: 1)
    #expect(session.next(now: 0).isEmpty && !session.isIdle)
    session.finish([event(3)], sent([event(3)]), lane: 0)
    #expect(names(session.next(now: 0)) == ["keep [1, 2, 3]"])
    session.kept()
    #expect(session.next(now: 0).isEmpty && session.isIdle)
  }

  @Test func itReadsWhileItPreparesWhatWasReadBefore() {
    var session = session()
    _ = session.next(now: 0)
    session.read(.init(items: [event(1).item]))
    // The size of events is not known yet: the next page might be huge.
    #expect(names(session.next(now: 0)) == ["prepare [1]"])
    session.feed([event(1)])
    #expect(names(session.next(now: 0)).contains("read 1 16"))
    session.read(.init(items: [event(2).item]))
    #expect(names(session.next(now: 0)) == ["prepare [2]", "read 2 16"])
    session.read(.init(items: [event(3).item]))
    // One page after the other, so that events stay in order; and no more than one ahead.
    #expect(session.next(now: 0).isEmpty)
    session.feed([event(2)])
    #expect(names(session.next(now: 0)) == ["prepare [3]", "read 3 16", "send [2] 1"])
  }

  @Test func itReadsNoMoreThanItCanSend() {
    var session = session(lowWater: 2)
    _ = session.next(now: 0)
    feed((1...2).map(event), to: &session)
    _ = session.next(now: 0)
    session.read(.init(items: (3...6).map { event($0).item }))
    _ = session.next(now: 0)
    session.feed((3...6).map(event))
    session.read(.init(items: (7...8).map { event($0).item }))
    // Both connections are busy with 1 and 2; 3 to 6 wait.
    #expect(names(session.next(now: 0)) == ["prepare [7, 8]"])
    session.feed((7...8).map(event))
    #expect(session.next(now: 0).isEmpty)
  }

  @Test func whatWasReadAheadIsDroppedAtTheEnd() {
    var session = session()
    _ = session.next(now: 0)
    feed([event(1)], to: &session)
    _ = session.next(now: 0)
    session.read(.init(items: [event(2).item]))
    session.end()
    #expect(session.next(now: 0).isEmpty && !session.isIdle)
    session.finish([event(1)], sent([event(1)]), lane: 0)
    #expect(names(session.next(now: 0)) == ["keep [1]"])
    session.kept()
    #expect(session.next(now: 0).isEmpty && session.isIdle)
  }

  @Test func aConnectionThatHangsHoldsUpNeitherTheOthersNorWhatIsKept() {
    var session = session()
    _ = session.next(now: 0)
    feed((1...2).map(event), to: &session)
    _ = session.next(now: 0)
    session.read(.init())
    session.finish([event(1)], sent([event(1)]), lane: 0)
    // Long after the session should have ended, 2 is still under way.
    #expect(names(session.next(now: 20)) == ["keep [1]"])
    session.kept()
    session.wakeUp()
    #expect(names(session.next(now: 20)) == ["read 2 16", "rest"])
    feed([event(3)], to: &session)
    #expect(names(session.next(now: 20)).contains("send [3] 0"))
  }

  @Test func itEndsAfterAWhileWhenNothingHangs() {
    var session = session()
    _ = session.next(now: 0)
    feed([event(1)], to: &session)
    _ = session.next(now: 4.9)
    feed([event(2)], to: &session)
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
    feed((1...9).map(event), to: &session)
    _ = session.next(now: 0)
    session.finish([event(1)], sent([event(1)], outcome), lane: 0)
    #expect(session.next(now: 0).isEmpty)
    session.finish([event(2)], sent([event(2)]), lane: 1)
    #expect(names(session.next(now: 0)) == ["keep [1, 2]"])
  }

  @Test func notEveryEventOfTheOutboxFailsOnce() {
    var session = session(lowWater: 100)
    _ = session.next(now: 0)
    feed((1...50).map(event), to: &session)
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
    feed((1...9).map(event), to: &session)
    #expect(names(session.next(now: 0)).filter { $0.hasPrefix("send") } == ["send [1, 2] 0", "send [3, 4] 1"])
    var answer = sent([event(1), event(2)])
    answer.takesBatches = false
    session.finish([event(1), event(2)], answer, lane: 0)
    #expect(names(session.next(now: 0)).contains("send [5] 0"))
  }

  @Test func aBatchThatIsTooLargeMakesTheNextSmaller() {
    var session = session(.batch(events: 100, bytes: 1000), lowWater: 1000)
    _ = session.next(now: 0)
    feed((1...300).map(event), to: &session)
    _ = session.next(now: 0)
    var answer = sent((1...100).map(event))
    answer.tooManyBytes = 40
    session.finish((1...100).map(event), answer, lane: 0)
    // Each has one byte and a comma, and there are the brackets.
    #expect(names(session.next(now: 0)).contains("send [201, 202, 203, 204, 205, 206, 207, 208, 209] 0"))
  }
}
