import HTTPClient

// Several events in one request: a JSON array, each event with the very bytes that it has alone.
extension EventSender {
  /// Sends one event as an array of one, to find out whether the backend takes arrays; and alone when that says that it
  /// does not, or does not say.
  func probe(_ event: Ready, over lane: Int) async -> Sent {
    switch await postBatch([event], over: lane) {
    case .cancelled: return Sent()
    case .nothing(let outcome): return Sent(tried: [TriedItem(item: event.item, outcome: outcome)])
    case .response(let response, let secrets):
      switch response.status {
      case 200...299:
        return Sent(tried: outcomes(of: [event], response, secrets), takesBatches: true)
      case 408, 425, 429, 503:
        // It asks for another time, which may be true of the event alone as well.
        let outcome = DeliveryOutcome.of(response, now: clock(), hiding: secrets)
        return Sent(tried: [TriedItem(item: event.item, outcome: outcome)])
      default:
        var sent = await sendSingly([event], over: lane)
        let isTakenAlone = sent.tried.first?.outcome == .delivered
        if isTakenAlone || Self.meansNoBatches(response.status) { sent.takesBatches = false }
        return sent
      }
    }
  }

  /// Sends events in one request. One that is refused as a whole is halved, so that only an event that is refused by
  /// itself is parked.
  func sendBatch(_ events: [Ready], over lane: Int) async -> Sent {
    switch await postBatch(events, over: lane) {
    case .cancelled: return Sent()
    case .nothing(let outcome): return Sent(tried: all(events, outcome))
    case .response(let response, let secrets):
      if (200...299).contains(response.status) { return Sent(tried: outcomes(of: events, response, secrets)) }
      if Self.meansNoBatches(response.status) {
        var sent = await sendInTurn(events) { await sendSingly([$0], over: lane) }
        sent.takesBatches = false
        return sent
      }
      let outcome = DeliveryOutcome.of(response, now: clock(), hiding: secrets)
      guard events.count > 1, outcome.mayBeOfOneEvent else { return Sent(tried: all(events, outcome)) }
      let middle = events.count / 2
      var sent = await sendInTurn([Array(events[..<middle]), Array(events[middle...])]) {
        await sendBatch($0, over: lane)
      }
      if response.status == 413 { sent.tooManyBytes = min(sent.tooManyBytes ?? .max, Self.size(of: events)) }
      return sent
    }
  }

  /// 404, 405 and 501; or a page elsewhere, where a login is asked for.
  private static func meansNoBatches(_ status: Int) -> Bool {
    [404, 405, 501].contains(status) || (300...399).contains(status)
  }

  private static func size(of events: [Ready]) -> Int { events.reduce(1) { $0 + $1.body.count + 1 } }

  private func postBatch(_ events: [Ready], over lane: Int) async -> Answer {
    var body: [UInt8] = []
    body.reserveCapacity(Self.size(of: events))
    body.append(UInt8(ascii: "["))
    for event in events {
      if body.count > 1 { body.append(UInt8(ascii: ",")) }
      body += event.body
    }
    body.append(UInt8(ascii: "]"))
    return await post(body, to: endpoint.batchURL, over: lane, answer: .memory)
  }

  /// What a successful answer says of each event; all of them are delivered when it says nothing of single ones.
  private func outcomes(of events: [Ready], _ response: HTTPResponse, _ secrets: [String]) -> [TriedItem] {
    let answer = BatchAnswer(response.body, events: events.count)
    return events.enumerated().map { index, event in
      guard let failure = answer?.failures[index] else { return TriedItem(item: event.item, outcome: .delivered) }
      let reason = "refused in a batch: " + AnswerText.line(Array(failure.reason.utf8), limit: 200, hiding: secrets)
      return TriedItem(
        item: event.item,
        outcome: failure.isRetriable
          ? .retry(after: nil, reason: reason)
          : .parked(
            reason: reason, status: response.status,
            answer: AnswerText.beginning(Array(failure.reason.utf8), limit: 4096, hiding: secrets)))
    }
  }

  /// The same outcome for all; but a token is refused, or nobody there, once.
  private func all(_ events: [Ready], _ outcome: DeliveryOutcome) -> [TriedItem] {
    switch outcome {
    case .tokenRefused, .unanswered(_, _, mayBeItsOwn: false):
      events.prefix(1).map { TriedItem(item: $0.item, outcome: outcome) }
    default: events.map { TriedItem(item: $0.item, outcome: outcome) }
    }
  }

  private func sendInTurn(_ events: [Ready], _ send: (Ready) async -> Sent) async -> Sent {
    await sendInTurn(events.map { [$0] }) { await send($0[0]) }
  }

  /// One part after the other. Of records in which something was not delivered nothing more is sent, and nothing at all
  /// once the backend should be left alone.
  private func sendInTurn(_ parts: [[Ready]], _ send: ([Ready]) async -> Sent) async -> Sent {
    var sent = Sent()
    var held: Set<Int64> = []
    for part in parts {
      let part = held.isEmpty ? part : part.filter { !held.contains($0.item.recordNumber) }
      if part.isEmpty { continue }
      let next = await send(part)
      sent.tried += next.tried
      sent.takesBatches = next.takesBatches ?? sent.takesBatches
      if let bytes = next.tooManyBytes { sent.tooManyBytes = min(sent.tooManyBytes ?? .max, bytes) }
      if next.tried.count < part.count || next.tried.contains(where: \.outcome.stopsTheSink) {
        let tried = Set(next.tried.map(\.item.id))
        held.formUnion(part.filter { !tried.contains($0.item.id) }.map(\.item.recordNumber))
      }
      held.formUnion(next.tried.filter { !$0.outcome.letsTheNextGo }.map(\.item.recordNumber))
      if Task.isCancelled || next.tried.contains(where: \.outcome.stopsTheSink) { break }
    }
    return sent
  }
}

extension DeliveryOutcome {
  /// Whether a batch is refused for good, perhaps for one of its events. A token that is refused with 403 is so for the
  /// first event alone, too.
  fileprivate var mayBeOfOneEvent: Bool {
    switch self {
    case .parked, .tokenRefused(status: 403, _): true
    case .delivered, .retry, .silence, .tokenRefused, .unanswered: false
    }
  }
}
