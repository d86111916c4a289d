import CCurl

/// The `Retry-After` header (RFC 9110, section 10.2.3).
public enum RetryAfter {
  /// Seconds to wait: from a number of seconds, or from a date in any of HTTP's three forms (read by libcurl); never
  /// below zero; nil when it is neither.
  ///
  /// - Parameters:
  ///   - header: the header's value
  ///   - now: microseconds since 1970; only a date needs it
  public static func seconds(_ header: String, now: Int64) -> Double? {
    var text = header[...]
    while let last = text.last, last.isWhitespace { text.removeLast() }
    text = text.drop(while: \.isWhitespace)
    guard let first = text.utf8.first else { return nil }
    if (0x30...0x39).contains(first) {
      guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }) else { return nil }
      return Double(String(text))
    }
    // Every form of a date begins with the name of a day and is in GMT. -1 is libcurl's "no date".
    guard ("A"..."Z").contains(text[text.startIndex]), case let date = curl_getdate(String(text), nil), date != -1
    else {
      return nil
    }
    return max(0, Double(date) - Double(now) / 1e6)
  }
}
