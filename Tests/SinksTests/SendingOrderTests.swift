import ExecutionModel
import Testing

@testable import Ledger
@testable import Sinks

struct SendingOrderTests {
  /// An event of a DAG run, or of a node of its dbt run.
  private func event(_ id: Int64, run: Int64 = 1, node: String? = nil, tries: Int = 0, bytes: Int = 10)
    -> EventSender.Ready
  {
    EventSender.Ready(
      item: OutboxItem(
        id: id, kind: node == nil ? .dagRun : .dbtNode, dagRun: run, dbtRun: nil, attempt: nil, clearNumber: 0,
        node: node.map { OutboxItem.Node(step: 1, uniqueID: $0, part: .run) }, transition: .start, eventTime: at(0),
        tries: tries, body: nil), body: [UInt8](repeating: 0x20, count: bytes))
  }

  private func order(_ events: EventSender.Ready...) -> SendingOrder {
    var order = SendingOrder()
    order.add(events)
    return order
  }

  private func tried(_ events: [EventSender.Ready], failing: Set<Int64> = []) -> [TriedItem] {
    events.map {
      TriedItem(item: $0.item, outcome: failing.contains($0.item.id) ? .retry(after: nil, reason: "500") : .delivered)
    }
  }

  private func ids(_ events: [EventSender.Ready]) -> [Int64] { events.map(\.item.id) }

  @Test func recordsGoSideBySideAndEachInOrder() {
    var order = order(event(1), event(2, run: 2), event(3))
    #expect(ids(order.next(.single)) == [1, 3])
    #expect(ids(order.next(.single)) == [2])
    order.add([event(4)])
    #expect(order.next(.single).isEmpty)
    order.finish([event(1), event(3)], tried([event(1), event(3)]))
    #expect(ids(order.next(.single)) == [4])
    #expect(order.waiting == 0)
  }

  @Test func whatFollowsAFailureIsLeftToTheLedger() {
    var order = order(event(1), event(2, run: 2))
    _ = order.next(.single)
    order.add([event(3)])
    order.finish([event(1)], tried([event(1)], failing: [1]))
    order.add([event(4)])
    #expect(ids(order.next(.single)) == [2])
    #expect(order.next(.single).isEmpty && order.waiting == 0)
  }

  @Test func nodesComeAfterWhatIsBeforeThemAndBeforeWhatIsAfter() {
    var order = order(event(1), event(2, node: "a"), event(3, node: "a"), event(4, node: "b"), event(5))
    let start = order.next(.single)
    #expect(ids(start) == [1] && order.next(.single).isEmpty)
    order.finish(start, tried(start))
    let (a, b) = (order.next(.single), order.next(.single))
    #expect(ids(a) == [2, 3] && ids(b) == [4] && order.next(.single).isEmpty)
    order.finish(a, tried(a))
    #expect(order.next(.single).isEmpty)
    order.finish(b, tried(b))
    #expect(ids(order.next(.single)) == [5])
  }

  @Test func aNodeThatFailsHoldsBackTheEndOfItsRunOnly() {
    var order = order(event(1, node: "a"), event(2, node: "b"), event(3, node: "c"), event(4))
    let a = order.next(.single)
    order.finish(a, tried(a, failing: [1]))
    for expected in [[2], [3]] as [[Int64]] {
      let node = order.next(.single)
      #expect(ids(node) == expected)
      order.finish(node, tried(node))
    }
    #expect(order.next(.single).isEmpty && order.waiting == 0)
  }

  @Test func aBatchTakesRecordsWholeAndKeepsTheirOrder() {
    var order = order(event(1), event(2, run: 2), event(3, node: "a"), event(4), event(5, run: 2))
    #expect(ids(order.next(.batch(events: 4, bytes: 1000))) == [1, 3, 4, 2])
    #expect(order.next(.batch(events: 4, bytes: 1000)).isEmpty, "2 is under way")
    order.finish([event(2, run: 2)], tried([event(2, run: 2)]))
    #expect(ids(order.next(.batch(events: 4, bytes: 1000))) == [5])
  }

  @Test func aBatchHasNoMoreBytesThanItMayUnlessOneEventHas() {
    var order = order(event(1, bytes: 40), event(2, run: 2, bytes: 40), event(3, run: 3, bytes: 400))
    #expect(ids(order.next(.batch(events: 9, bytes: 100))) == [1, 2])
    #expect(ids(order.next(.batch(events: 9, bytes: 100))) == [3])
  }

  @Test func whatHasFailedGoesWithFewerOthers() {
    var order = SendingOrder()
    order.add((1...600).map { event($0, run: $0, tries: $0 == 1 ? 1 : 0) })
    #expect(order.next(.batch(events: 500, bytes: 1 << 20)).count == 62)
    order.add([event(601, run: 601, tries: 3)])
    #expect(order.next(.batch(events: 500, bytes: 1 << 20)).count == 500)
    #expect(order.next(.batch(events: 500, bytes: 1 << 20)).count == 38)
    #expect(ids(order.next(.batch(events: 500, bytes: 1 << 20))) == [601])
  }

  @Test func whatIsDroppedIsNotGivenOut() {
    var order = order(event(1), event(2, run: 2))
    _ = order.next(.single)
    order.drop()
    #expect(order.next(.single).isEmpty && order.waiting == 0)
  }

  /// Whatever comes back in whatever order: nothing twice, each record in order, nothing after a failure.
  @Test(arguments: [UInt64](1...20))
  func orderIsKeptWhateverHappens(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var order = SendingOrder()
    var unread = (1...200).map { event($0, run: Int64.random(in: 1...12, using: &random)) }[...]
    var underWay: [[EventSender.Ready]] = []
    var sent: [Int64: [Int64]] = [:]
    var failed: [Int64: Int64] = [:]
    var isBusy: Set<Int64> = []
    while true {
      if !unread.isEmpty, Bool.random(using: &random) {
        order.add(Array(unread.prefix(20)))
        unread = unread.dropFirst(20)
      }
      let portion: SendingOrder.Portion = seed.isMultiple(of: 2) ? .single : .batch(events: 7, bytes: 1 << 20)
      let load = order.next(portion)
      if !load.isEmpty { underWay.append(load) }
      let runs = Set(load.map(\.item.dagRun))
      #expect(isBusy.isDisjoint(with: runs), "seed \(seed)")
      isBusy.formUnion(runs)
      for event in load {
        #expect(failed[event.item.dagRun] == nil, "seed \(seed)")
        #expect(sent[event.item.dagRun]?.last ?? 0 < event.item.id, "seed \(seed)")
        sent[event.item.dagRun, default: []].append(event.item.id)
      }
      if load.isEmpty, underWay.isEmpty, unread.isEmpty { break }
      guard !underWay.isEmpty, load.isEmpty || Bool.random(using: &random) else { continue }
      let back = underWay.remove(at: Int.random(in: 0..<underWay.count, using: &random))
      isBusy.subtract(back.map(\.item.dagRun))
      let failing = Set(back.map(\.item.id).filter { _ in Int.random(in: 0..<60, using: &random) == 0 })
      for event in back where failing.contains(event.item.id) { failed[event.item.dagRun] = event.item.id }
      order.finish(back, tried(back, failing: failing))
    }
    let lost = 200 - sent.values.reduce(0) { $0 + $1.count }
    #expect(lost == 0 || !failed.isEmpty, "seed \(seed)")
    #expect(order.waiting == 0, "seed \(seed)")
  }
}
