/// The text of a JSON number, judged without being turned into a number.
enum JSONNumber {
  /// Whether the bytes are a number by RFC 8259 section 6, or one of the three that Python's `json` writes and JSON
  /// does not have: `NaN`, `Infinity`, `-Infinity`.
  static func isValid(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    var next = 0
    func digits() -> Bool {
      let start = next
      while next < text.count, (0x30...0x39).contains(text[next]) { next += 1 }
      return next > start
    }
    if next < text.count, text[next] == UInt8(ascii: "-") { next += 1 }
    guard next < text.count else { return false }
    if text[next] == UInt8(ascii: "0") {
      next += 1
    } else if !digits() {
      return isNotFinite(text)
    }
    if next < text.count, text[next] == UInt8(ascii: ".") {
      next += 1
      guard digits() else { return false }
    }
    if next < text.count, text[next] | 0x20 == UInt8(ascii: "e") {
      next += 1
      if next < text.count, text[next] == UInt8(ascii: "+") || text[next] == UInt8(ascii: "-") { next += 1 }
      guard digits() else { return false }
    }
    return next == text.count
  }

  /// `NaN`, `Infinity` or `-Infinity`.
  static func isNotFinite(_ text: some Collection<UInt8>) -> Bool {
    text.elementsEqual("NaN".utf8) || text.elementsEqual("Infinity".utf8) || text.elementsEqual("-Infinity".utf8)
  }

  /// A whole number of 64 bits, also where its source wrote it with a fraction of zero or an exponent (`120.0`, and no
  /// larger than a double tells exactly); nil for any other.
  static func integer(_ text: String) -> Int64? {
    if let value = Int64(text) { return value }
    guard let double = Double(text), abs(double) <= 0x1p53 else { return nil }
    return Int64(exactly: double)
  }

  /// A finite double; nil when the number is none or too large for one.
  static func double(_ text: String) -> Double? {
    guard let value = Double(text), value.isFinite else { return nil }
    return value
  }
}
