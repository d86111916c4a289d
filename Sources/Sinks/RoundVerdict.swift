import Ledger

/// An item that was tried, and what came of it.
struct TriedItem: Sendable {
  var item: OutboxItem
  var outcome: DeliveryOutcome
}

/// What the outcomes of one round mean: for each item, and for the backend as a whole. Pure.
///
/// Each item that failed waits for its own next try, so that one that fails for ever holds back its record only. The
/// backend as a whole waits when it asks for silence, refuses the token, cannot be reached, or took nothing at all.
struct RoundVerdict {
  /// How the backend is named in messages.
  struct Backend {
    var sink: String
    var url: String
    var hasToken: Bool
  }

  private(set) var report = Ledger.DeliveryReport()
  /// Why the backend as a whole is left alone for a while.
  private(set) var outage: DeliveryRound.Outage?

  private enum Trouble: Int, Comparable {
    case nothingTaken, unanswered, silence, tokenRefused
    static func < (left: Trouble, right: Trouble) -> Bool { left.rawValue < right.rawValue }
  }

  /// However long a backend asks for silence, it is asked again after an hour.
  static let longestWait = 3600.0
  /// Tries after which an event that is forbidden while others are taken is not tried any more. A token may be revoked
  /// amid a round.
  static let triesOfForbidden = 3
  static let ofItems = Backoff(first: 1, longest: 300)
  static let ofBackend = Backoff(first: 1, longest: 60)

  /// - Parameters:
  ///   - hasTaken: whether the backend took something in this round besides.
  ///   - failures: of the backend, in a row, before this round.
  ///   - now: microseconds since 1970.
  ///   - random: 0 ..< 1, spreads the waits.
  init(
    _ tried: [TriedItem], of backend: Backend, hasTaken: Bool = false, failures: Int, now: Int64, random: () -> Double
  ) {
    var worst: (trouble: Trouble, cause: String, detail: String)?
    var asked: Double = 0
    func time(after wait: Double, atLeast least: Double?) -> Int64 {
      now + Int64(min(max(wait, least ?? 0), Self.longestWait) * 1e6)
    }
    func note(_ trouble: Trouble, _ cause: String, _ detail: String) {
      if worst.map({ $0.trouble < trouble }) ?? true { worst = (trouble, cause, detail) }
    }
    func again(_ item: OutboxItem, _ after: Double?) {
      let wait = Self.ofItems.seconds(failures: item.tries + 1, random: random())
      report.retried.append((item.id, time(after: wait, atLeast: after)))
    }
    let othersWereTaken = hasTaken || tried.contains { $0.outcome == .delivered }
    var hasTaken = hasTaken
    for (item, outcome) in tried.map({ ($0.item, $0.outcome) }) {
      switch outcome {
      case .delivered:
        hasTaken = true
        report.delivered.append(item.id)
      case .parked(let reason, let status, let answer):
        hasTaken = true
        report.parked.append(.init(id: item.id, reason: reason, status: status, answer: answer))
      case .retry(let after, let reason):
        again(item, after)
        note(.nothingTaken, "answer", "\(backend.url): \(reason)")
      case .silence(let after, let reason):
        again(item, after)
        asked = max(asked, after ?? 0)
        note(.silence, "answer", "\(backend.url): \(reason)")
      case .unanswered(let cause, let detail, let mayBeItsOwn):
        if mayBeItsOwn { again(item, nil) }
        note(.unanswered, cause, detail)
      case .tokenRefused(let status, let answer):
        // Others are taken with the same token, and this one never: the event is what is forbidden.
        if status == 403, item.tries >= Self.triesOfForbidden, othersWereTaken {
          report.parked.append(.init(id: item.id, reason: "HTTP \(status)", status: status, answer: answer))
        } else {
          again(item, nil)
          note(.tokenRefused, "token-refused", backend.refusal(status: status, answer: answer))
        }
      }
    }
    guard let worst, worst.trouble > .nothingTaken || !hasTaken else {
      if hasTaken { report.outage = .some(nil) }
      return
    }
    let wait = Self.ofBackend.seconds(failures: failures + 1, random: random())
    let retryAt = time(after: wait, atLeast: asked)
    outage = .init(cause: worst.cause, detail: worst.detail, retryAt: retryAt)
    report.outage = SinkOutage(error: worst.detail, retryAt: retryAt)
  }
}

extension RoundVerdict.Backend {
  fileprivate func refusal(status: Int, answer: String) -> String {
    let excerpt = AnswerText.line(Array(answer.utf8), limit: 200, hiding: [])
    return
      (hasToken
      ? "\(url) refuses the token (HTTP \(status)): check `sinks[].token_file` of `\(sink)`; it is read again at every try"
      : "\(url) wants a token (HTTP \(status)): set `sinks[].token_file` of `\(sink)`")
      + (excerpt.isEmpty ? "" : ". It says: \(excerpt)")
  }
}
