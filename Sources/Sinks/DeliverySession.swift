import Ledger

/// One stretch of delivering to a backend that takes what it is sent: what is to be done next, given what has been done.
/// Items are read from the ledger while events are made of those before, and others are being sent, and what became of
/// them is kept while more are sent; a connection that hangs holds up none of the others. Pure: ``OpenLineageSink`` does what it says.
struct DeliverySession {
  enum Action {
    /// Read items that come after this number.
    case read(after: Int64, limit: Int)
    /// Make events of these, and fix their bytes.
    case prepare(Page)
    case send([EventSender.Ready], lane: Int)
    /// Keep what became of these.
    case keep([TriedItem])
    /// Call ``wakeUp()`` in a moment: what has come meanwhile is to be looked for while a connection hangs.
    case rest
  }

  /// Items, and what the events of those without usable bytes are made of.
  struct Page: Sendable {
    var items: [OutboxItem] = []
    var facts: [Int64: EventFacts] = [:]
  }

  /// What to hold at once.
  struct Limits {
    var portion: SendingOrder.Portion
    /// Fewer events than that wait: more items are read.
    var lowWater: Int
    /// Items that are read at once.
    var page: Int
    /// Items that are read at first, while their size is not known.
    var firstPage = 128
    /// Bytes that are read at once, roughly.
    var pageBytes = 8 << 20
    /// Seconds after which no more items are read, unless a connection hangs.
    var seconds = 5.0
    /// Seconds after which a request counts as hanging.
    var patience = 1.0
  }

  private var order = SendingOrder()
  private var limits: Limits
  private let begin: Double
  private var cursor: Int64 = 0
  private var isReading = false
  /// What was read while the page before it was being prepared.
  private var page: Page?
  private var isPreparing = false
  private var isExhausted = false
  private var isKeeping = false
  private var isResting = false
  private var isEnding = false
  private var idleLanes: [Int]
  /// When each busy lane began.
  private var busyLanes: [Int: Double] = [:]
  private var tried: [TriedItem] = []
  /// The backend took something since the session began.
  private(set) var hasTaken = false
  /// Requests in a row of which nothing was taken.
  private var failures = 0
  private let mostFailures: Int
  /// nil while that is not known.
  private var bytesPerEvent: Double?

  /// - Parameter now: seconds that never go back.
  init(lanes: Int, limits: Limits, now: Double) {
    self.limits = limits
    begin = now
    mostFailures = 2 * lanes
    idleLanes = Array((0..<lanes).reversed())
  }

  /// Whether nothing is under way any more; after ``next(now:)`` gave nothing, the session is over.
  var isIdle: Bool { busyLanes.isEmpty && !isReading && !isPreparing && !isKeeping }

  /// What is to be done now.
  mutating func next(now: Double) -> [Action] {
    var actions: [Action] = []
    let isHanging = busyLanes.values.contains { now - $0 > limits.patience }
    if !isPreparing, let next = page {
      isPreparing = true
      page = nil
      actions.append(.prepare(next))
    }
    // Beside preparing only when it is known how large events are.
    if !isEnding, !isReading, !isExhausted, page == nil, !isPreparing || bytesPerEvent != nil,
      order.waiting < limits.lowWater, now - begin < limits.seconds || isHanging
    {
      isReading = true
      actions.append(.read(after: cursor, limit: limit))
    }
    while !isEnding, let lane = idleLanes.last {
      let events = order.next(limits.portion)
      if events.isEmpty { break }
      idleLanes.removeLast()
      busyLanes[lane] = now
      actions.append(.send(events, lane: lane))
    }
    let isLast = busyLanes.isEmpty && !isReading && !isPreparing
    if !isKeeping, !tried.isEmpty, isLast || (hasTaken && !isEnding && (isHanging || tried.count >= limits.lowWater)) {
      isKeeping = true
      actions.append(.keep(tried))
      tried = []
    }
    if !isEnding, !isResting, !busyLanes.isEmpty {
      isResting = true
      actions.append(.rest)
    }
    return actions
  }

  /// How many items to read.
  private var limit: Int {
    guard let bytesPerEvent else { return max(16, min(limits.page, limits.firstPage)) }
    return max(16, min(limits.page, Int(Double(limits.pageBytes) / bytesPerEvent)))
  }

  /// Items were read; none when there are no more.
  mutating func read(_ items: Page) {
    isReading = false
    guard let last = items.items.last else { return isExhausted = true }
    cursor = last.id
    if !isEnding { page = items }
  }

  /// Events were made of the last page: of all its items of which that is possible.
  mutating func feed(_ events: [EventSender.Ready]) {
    isPreparing = false
    if !events.isEmpty {
      let bytes = events.reduce(0) { $0 + $1.body.count }
      bytesPerEvent = max(256, Double(bytes) / Double(events.count))
    }
    if !isEnding { order.add(events) }
  }

  /// Nothing could be read.
  mutating func readFailed() {
    isReading = false
    end()
  }

  /// No bytes could be fixed.
  mutating func feedFailed() {
    isPreparing = false
    end()
  }

  mutating func finish(_ events: [EventSender.Ready], _ sent: EventSender.Sent, lane: Int) {
    busyLanes[lane] = nil
    idleLanes.append(lane)
    order.finish(events, sent.tried)
    tried += sent.tried
    if case .batch(let count, let bytes) = limits.portion {
      if sent.takesBatches == false { limits.portion = .single }
      if let tooMany = sent.tooManyBytes { limits.portion = .batch(events: count, bytes: min(bytes, tooMany / 2)) }
    }
    failures += 1
    for item in sent.tried {
      switch item.outcome {
      case .delivered, .parked: (hasTaken, failures) = (true, 0)
      case .retry: break
      case .silence, .tokenRefused, .unanswered: end()
      }
    }
    // Else every event of the outbox would fail once.
    if failures >= mostFailures { end() }
  }

  mutating func kept() { isKeeping = false }

  mutating func wakeUp() {
    isResting = false
    isExhausted = false
  }

  /// Nothing more is begun.
  mutating func end() {
    isEnding = true
    page = nil
    order.drop()
  }
}
