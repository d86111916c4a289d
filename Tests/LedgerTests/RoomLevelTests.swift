import Testing

@testable import Ledger

@Suite struct RoomLevelTests {
  @Test(arguments: [
    (0.0, RoomLevel.free), (0.79, .free), (0.8, .historyPaused), (0.99, .historyPaused), (1, .eventsHeld),
  ])
  func anOutboxThatFillsPutsOffHistoryAndThenEvents(share: Double, level: RoomLevel) {
    #expect(RoomRules.outbox.level(share: share, before: .free) == level)
  }

  @Test func theLedgerPutsOffReadingLast() {
    let levels = [0.5, 0.8, 0.9, 1].map { RoomRules.ledger.level(share: $0, before: .free) }
    #expect(levels == [.free, .historyPaused, .eventsHeld, .readingStopped])
  }

  /// Whatever the shares are, a level ends lower than it begins, so that a share that trembles changes nothing.
  @Test func whatIsPutOffGoesOnLowerThanItStopped() {
    for rules in [RoomRules.outbox, .ledger] {
      for step in rules.steps {
        let below = step.begins - 0.01
        #expect(rules.level(share: below, before: .free) < step.level)
        #expect(rules.level(share: below, before: step.level) == step.level)
        #expect(rules.level(share: step.ends - 0.001, before: step.level) < step.level)
      }
    }
  }

  @Test func whatEmptiesAtOnceIsFreeAtOnce() {
    #expect(RoomRules.ledger.level(share: 0.1, before: .readingStopped) == .free)
  }
}
