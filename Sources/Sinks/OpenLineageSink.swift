import HTTPClient
import Ledger
import Platform

/// Sends events to an OpenLineage HTTP endpoint: START before its end and parents before children within a DAG run,
/// several DAG runs side by side; several events in one request where the backend takes that. The bytes are fixed in the
/// ledger before the first of them is sent, so that a retry sends the same.
public actor OpenLineageSink: Sink {
  public nonisolated let name: String
  private let naming: LineageNaming
  private let ledger: Ledger
  private let sender: EventSender
  private let backend: RoundVerdict.Backend
  private let clock: @Sendable () -> Int64
  private let random: @Sendable () -> Double
  /// Whether the backend takes events, as far as this sink knows; else one event alone probes it.
  private var isTaking = false
  /// Whether it takes several at once; nil while that is not known.
  private var takesBatches: Bool?
  /// Becomes smaller where the backend says that a batch is too large.
  private var batchBytes: Int

  /// - Parameters:
  ///   - clock: microseconds since 1970.
  public init(
    name: String, endpoint: Endpoint, naming: LineageNaming, ledger: Ledger,
    clock: @escaping @Sendable () -> Int64 = wallClockMicroseconds,
    random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
  ) {
    self.name = name
    self.naming = naming
    self.ledger = ledger
    self.clock = clock
    self.random = random
    sender = EventSender(endpoint, userAgent: "airflow-syncer/\(naming.version)", clock: clock)
    backend = RoundVerdict.Backend(
      sink: name, url: HTTPRequest(url: endpoint.url).printableURL, hasToken: endpoint.token != nil)
    batchBytes = endpoint.batchBytes
    switch endpoint.batches {
    case .auto: takesBatches = nil
    case .on: takesBatches = true
    case .off: takesBatches = false
    }
  }

  /// Connections end with the sink; nobody waits for them.
  public func close() {}

  public func deliver() async throws -> DeliveryRound {
    let progress = try await ledger.progress(ofSink: name)
    // What kind of requests the backend takes has to be known before many are sent.
    let round =
      isTaking && takesBatches != nil ? try await deliverMany(progress) : try await deliverOne(progress)
    try Task.checkCancellation()
    return round
  }

  // MARK: One event, to find out how the backend is

  private func deliverOne(_ progress: SinkProgress) async throws -> DeliveryRound {
    var round = DeliveryRound()
    guard let item = try await ledger.probingItem(ofSink: progress.id, now: clock()) else {
      round.wasIdle = true
      return round
    }
    let prepared = try await prepare(try await page(of: [item]))
    round.add(prepared.impossible)
    guard let event = prepared.ready.first else {
      try await ledger.note(prepared.impossible, ofSink: progress.id)
      return round
    }
    let sent: EventSender.Sent =
      switch takesBatches {
      case nil: await sender.probe(event, over: 0)
      case true?: await sender.sendBatch([event], over: 0)
      case false?: await sender.sendSingly([event], over: 0)
      }
    takesBatches = sent.takesBatches ?? takesBatches
    try await keep(sent.tried, hasTaken: false, progress, &round)
    return round
  }

  // MARK: Many events

  private enum Step: Sendable {
    case read(DeliverySession.Page)
    case fed(Prepared)
    case sent([EventSender.Ready], EventSender.Sent, lane: Int)
    case kept(DeliveryRound)
    case failed(any Error, Work)
    case rested
  }

  /// What failed.
  private enum Work { case reading, preparing, keeping }

  /// Delivers for some seconds, or until nothing is due or the backend has to be left alone.
  private func deliverMany(_ progress: SinkProgress) async throws -> DeliveryRound {
    var session = DeliverySession(lanes: sender.laneCount, limits: limits, now: monotonicSeconds())
    // What was passed by because it was not due then stays so to the end: what comes after it in its run waits for it.
    let due = clock()
    var round = DeliveryRound()
    var hasRead = false
    var failure: (any Error)?
    await withTaskGroup(of: Step.self) { group in
      while true {
        if Task.isCancelled { session.end() }
        let actions = session.next(now: monotonicSeconds())
        for action in actions { begin(action, progress, due: due, hasTaken: session.hasTaken, in: &group) }
        if actions.isEmpty, session.isIdle { break }
        switch await group.next() {
        case .read(let page)?:
          hasRead = hasRead || !page.items.isEmpty
          session.read(page)
        case .fed(let prepared)?:
          session.feed(prepared.ready)
          round.add(prepared.impossible)
        case .sent(let events, let sent, let lane)?:
          session.finish(events, sent, lane: lane)
          takesBatches = sent.takesBatches ?? takesBatches
          if let bytes = sent.tooManyBytes { batchBytes = min(batchBytes, bytes / 2) }
        case .kept(let part)?:
          session.kept()
          round.add(part)
        case .failed(let error, let work)?:
          failure = failure ?? error
          switch work {
          case .reading: session.readFailed()
          case .preparing: session.feedFailed()
          case .keeping: session.kept()
          }
          session.end()
        case .rested?: session.wakeUp()
        case nil: break
        }
      }
      group.cancelAll()
    }
    if let failure { throw failure }
    round.wasIdle = !hasRead
    return round
  }

  private var limits: DeliverySession.Limits {
    guard takesBatches == true else { return DeliverySession.Limits(portion: .single, lowWater: 256, page: 512) }
    let events = sender.endpoint.batchEvents
    return DeliverySession.Limits(
      portion: .batch(events: events, bytes: batchBytes), lowWater: min(2 * events, 1000), page: min(events, 500))
  }

  private func begin(
    _ action: DeliverySession.Action, _ progress: SinkProgress, due: Int64, hasTaken: Bool,
    in group: inout TaskGroup<Step>
  ) {
    switch action {
    case .read(let cursor, let limit):
      group.addTask {
        do {
          let items = try await self.ledger.pendingItems(ofSink: progress.id, now: due, limit: limit, after: cursor)
          return .read(try await self.page(of: items))
        } catch { return .failed(error, .reading) }
      }
    case .prepare(let page):
      group.addTask {
        do {
          let prepared = try await self.prepare(page)
          if !prepared.impossible.parked.isEmpty {
            try await self.ledger.note(prepared.impossible, ofSink: progress.id)
          }
          return .fed(prepared)
        } catch { return .failed(error, .preparing) }
      }
    case .send(let events, let lane):
      let sender = sender
      let inBatches = takesBatches == true
      group.addTask {
        let sent =
          inBatches ? await sender.sendBatch(events, over: lane) : await sender.sendSingly(events, over: lane)
        return .sent(events, sent, lane: lane)
      }
    case .keep(let tried):
      group.addTask {
        do {
          var round = DeliveryRound()
          try await self.keep(tried, hasTaken: hasTaken, progress, &round)
          return .kept(round)
        } catch { return .failed(error, .keeping) }
      }
    case .rest:
      group.addTask {
        try? await Task.sleep(for: .milliseconds(500))
        return .rested
      }
    }
  }

  /// Keeps what became of items, and tells the round.
  private func keep(
    _ tried: [TriedItem], hasTaken: Bool, _ progress: SinkProgress, _ round: inout DeliveryRound
  ) async throws {
    let verdict = RoundVerdict(
      tried, of: backend, hasTaken: hasTaken, failures: progress.failures, now: clock(), random: random)
    try await ledger.note(verdict.report, ofSink: progress.id)
    switch verdict.report.outage {
    case .none: break
    case .some(let outage): isTaking = outage == nil
    }
    round.add(verdict.report)
    round.outage = verdict.outage
  }

  // MARK: Bytes

  private struct Prepared: Sendable {
    var ready: [EventSender.Ready] = []
    var impossible = Ledger.DeliveryReport()
  }

  /// The items with what is needed for the bytes of those that have none.
  private nonisolated func page(of items: [OutboxItem]) async throws -> DeliverySession.Page {
    // Bytes that were fixed before a limit was set are made anew: the backend cannot have taken them.
    let bare = items.filter { item in item.body.map { !naming.fits($0) } ?? true }
    let facts = bare.isEmpty ? [] : try await ledger.facts(for: bare)
    return DeliverySession.Page(items: items, facts: Dictionary(zip(bare.map(\.id), facts)) { first, _ in first })
  }

  /// The items with the bytes that they have or now get, and those of which no event can be made. On no actor: making
  /// bytes takes time in which this one goes on.
  private nonisolated func prepare(_ page: DeliverySession.Page) async throws -> Prepared {
    var prepared = Prepared()
    var made: [(id: Int64, body: [UInt8])] = []
    for item in page.items {
      guard let facts = page.facts[item.id] else {
        if let body = item.body { prepared.ready.append(.init(item: item, body: body)) }
        continue
      }
      do {
        let body = try naming.encode(item, facts)
        made.append((item.id, body))
        prepared.ready.append(.init(item: item, body: body))
      } catch {
        prepared.impossible.parked.append(.init(id: item.id, reason: error.reason, status: nil, answer: nil))
      }
    }
    try await ledger.fix(bodies: made)
    return prepared
  }
}

extension DeliveryRound {
  fileprivate mutating func add(_ report: Ledger.DeliveryReport) {
    delivered += report.delivered.count
    parked += report.parked.count
    retried += report.retried.count
  }

  fileprivate mutating func add(_ part: DeliveryRound) {
    delivered += part.delivered
    parked += part.parked
    retried += part.retried
    outage = part.outage ?? outage
  }
}
