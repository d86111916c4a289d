import Ledger

/// One stretch of delivering to a backend that takes what it is sent: what is to be done next, given what has been done.
/// Events are read from the ledger while others are being sent, and what became of them is kept while more are sent; a
/// connection that hangs holds up none of the others. Pure: ``OpenLineageSink`` does what it says.
struct DeliverySession {
  enum Action {
    /// Read events that come after this number.
    case feed(after: Int64, limit: Int)
    case send([EventSender.Ready], lane: Int)
    /// Keep what became of these.
    case keep([TriedItem])
    /// Call ``wakeUp()`` in a moment: what has come meanwhile is to be looked for while a connection hangs.
    case rest
  }

  /// What to hold at once.
  struct Limits {
    var portion: SendingOrder.Portion
    /// Fewer events than that wait: more are read.
    var lowWater: Int
    /// Events that are read at once.
    var page: Int
    /// Bytes that are read at once, roughly.
    var pageBytes = 8 << 20
    /// Seconds after which no more events are read, unless a connection hangs.
    var seconds = 5.0
    /// Seconds after which a request counts as hanging.
    var patience = 1.0
  }

  private var order = SendingOrder()
  private var limits: Limits
  private let begin: Double
  private var cursor: Int64 = 0
  private var isFeeding = false
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
  private var bytesPerEvent = 2048.0

  /// - Parameter now: seconds that never go back.
  init(lanes: Int, limits: Limits, now: Double) {
    self.limits = limits
    begin = now
    mostFailures = 2 * lanes
    idleLanes = Array((0..<lanes).reversed())
  }

  /// Whether nothing is under way any more; after ``next(now:)`` gave nothing, the session is over.
  var isIdle: Bool { busyLanes.isEmpty && !isFeeding && !isKeeping }

  /// What is to be done now.
  mutating func next(now: Double) -> [Action] {
    var actions: [Action] = []
    let isHanging = busyLanes.values.contains { now - $0 > limits.patience }
    if !isEnding, !isFeeding, !isExhausted, order.waiting < limits.lowWater, now - begin < limits.seconds || isHanging {
      isFeeding = true
      let fitting = Int(Double(limits.pageBytes) / bytesPerEvent)
      actions.append(.feed(after: cursor, limit: max(16, min(limits.page, fitting))))
    }
    while !isEnding, let lane = idleLanes.last {
      let events = order.next(limits.portion)
      if events.isEmpty { break }
      idleLanes.removeLast()
      busyLanes[lane] = now
      actions.append(.send(events, lane: lane))
    }
    let isLast = busyLanes.isEmpty && !isFeeding
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

  /// More events were read.
  /// - Parameters:
  ///   - events: those that can be sent.
  ///   - last: the number of the last that was read; nil when there were none.
  mutating func feed(_ events: [EventSender.Ready], last: Int64?) {
    isFeeding = false
    guard let last else { return isExhausted = true }
    cursor = last
    if !events.isEmpty {
      let bytes = events.reduce(0) { $0 + $1.body.count }
      bytesPerEvent = max(256, Double(bytes) / Double(events.count))
    }
    if !isEnding { order.add(events) }
  }

  /// Nothing could be read.
  mutating func feedFailed() {
    isFeeding = false
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
    order.drop()
  }
}
