import HTTPClient

/// What a backend's answer, or the lack of one, means for the item that was sent and for the backend as a whole. Pure.
public enum DeliveryOutcome: Hashable, Sendable {
  case delivered
  /// Try this item again; not before that many seconds when the backend said so. Others may fare better.
  case retry(after: Double?, reason: String)
  /// The backend asks for silence; this item and all others are tried again.
  case silence(after: Double?, reason: String)
  /// The backend refuses it for good.
  case parked(reason: String, status: Int, answer: String)
  /// The backend refuses the token, and most likely would with any item.
  case tokenRefused(status: Int, answer: String)
  /// Nobody knows whether it came through. The fault is the backend's, or `mayBeItsOwn`: an item that makes a server
  /// break off looks the same.
  case unanswered(cause: String, detail: String, mayBeItsOwn: Bool)

  /// Of an HTTP answer. 2xx is delivered; 408, 409, 425, 429 and 5xx are tried again; every other 4xx is parked with the
  /// first 4 KiB of the answer.
  /// - Parameters:
  ///   - now: microseconds since 1970, for a Retry-After that names a date.
  ///   - secrets: what must not be kept of the answer.
  public static func of(
    status: Int, retryAfter: String?, answer: [UInt8], now: Int64, hiding secrets: [String] = []
  ) -> DeliveryOutcome {
    let after = retryAfter.flatMap { RetryAfter.seconds($0, now: now) }
    let excerpt = AnswerText.line(answer, limit: 200, hiding: secrets)
    let reason = "HTTP \(status)" + (excerpt.isEmpty ? "" : ": " + excerpt)
    let kept = AnswerText.beginning(answer, limit: 4096, hiding: secrets)
    return switch status {
    case 200...299: .delivered
    case 429, 503: .silence(after: after, reason: reason)
    case 408, 409, 425, 500...599: .retry(after: after, reason: reason)
    case 401, 403: .tokenRefused(status: status, answer: kept)
    case 300...399:
      .unanswered(
        cause: "http-redirect", detail: "HTTP \(status), a redirect: set the sink's `url` to where it leads",
        mayBeItsOwn: false)
    default: .parked(reason: "HTTP \(status)", status: status, answer: kept)
    }
  }

  /// Of a request that got no answer.
  public static func of(_ error: HTTPError) -> DeliveryOutcome {
    let mayBeItsOwn =
      switch error.kind {
      case .timeout, .truncated, .protocolError, .tooLarge, .other: true
      // Nothing was sent, or nothing that depends on the item.
      case .resolve, .connect, .tls, .cancelled, .write, .redirect, .invalidRequest: false
      }
    return .unanswered(cause: "http-\(error.kind.rawValue)", detail: error.description, mayBeItsOwn: mayBeItsOwn)
  }
}
