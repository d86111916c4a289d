import HTTPClient

/// What a backend's answer means for the item that was sent.
public enum DeliveryOutcome: Hashable, Sendable {
  case delivered
  /// Try again; after this many seconds when the backend said so.
  case retry(after: Double?, reason: String)
  /// The backend refuses it for good.
  case parked(reason: String, status: Int, answer: String)

  /// Of an HTTP answer. 2xx is delivered. 408, 409, 425, 429 and 5xx are tried again. Every other 4xx is parked with the
  /// beginning of the answer. A redirect is never followed with a body, so it is a fault of the configured URL.
  /// - Parameter now: microseconds since 1970, for a Retry-After that names a date.
  public static func of(status: Int, retryAfter: String?, answer: [UInt8], now: Int64) -> DeliveryOutcome {
    switch status {
    case 200...299: .delivered
    case 408, 409, 425, 429, 500...599:
      .retry(
        after: retryAfter.flatMap { RetryAfter.seconds($0, now: now) },
        reason: "HTTP \(status)\(excerpt(answer, limit: 200))")
    case 300...399: .retry(after: nil, reason: "HTTP \(status), a redirect: set the sink's `url` to where it leads")
    default:
      .parked(reason: "HTTP \(status)", status: status, answer: String(decoding: answer.prefix(4096), as: UTF8.self))
    }
  }

  /// Whether the backend refuses the token rather than the item.
  public static func isRefusedToken(status: Int) -> Bool { status == 401 || status == 403 }

  private static func excerpt(_ answer: [UInt8], limit: Int) -> String {
    let text = String(decoding: answer.prefix(limit), as: UTF8.self).split(whereSeparator: \.isWhitespace).joined(
      separator: " ")
    return text.isEmpty ? "" : ": " + text
  }
}
