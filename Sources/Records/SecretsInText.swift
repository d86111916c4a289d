/// Finds secrets in text that has no structure of its own: log lines, messages, connection strings, JSON that was cut.
struct SecretsInText {
  var redaction: Redaction

  /// `text` with the password of every address in it masked, and with a long user name of a web address, which is a
  /// token (`https://ghp_…@github.com`).
  static func withoutPasswords(_ text: String) -> String {
    guard text.utf8.contains(UInt8(ascii: "@")), text.contains("://") else { return text }
    var masked: [UInt8] = []
    let bytes = Array(text.utf8)
    var index = 0
    while index < bytes.count {
      masked.append(bytes[index])
      index += 1
      guard masked.suffix(3).elementsEqual("://".utf8) else { continue }
      // The authority ends where the path, the query or the text around the address begins. An unescaped slash in a
      // password would end it too early, so the last @ before white space or a quote counts.
      let rest = bytes[index...]
      let end = rest.firstIndex { " \t\r\n\"'<>".utf8.contains($0) } ?? bytes.endIndex
      let slash = rest[..<end].firstIndex { "/?#".utf8.contains($0) } ?? end
      let at = rest[..<slash].lastIndex(of: UInt8(ascii: "@")) ?? rest[..<end].lastIndex(of: UInt8(ascii: "@"))
      guard let at else { continue }
      if let colon = rest[..<min(at, slash)].firstIndex(of: UInt8(ascii: ":")) {
        masked.append(contentsOf: bytes[index...colon])
      } else {
        let isWeb = ["http://", "https://"].contains { masked.suffix($0.utf8.count).elementsEqual($0.utf8) }
        guard isWeb, at < slash, at - index >= 16 else { continue }
      }
      masked.append(contentsOf: Redaction.mask.utf8)
      index = at
    }
    return String(decoding: masked, as: UTF8.self)
  }

  /// `text` with what stands after the name of a secret masked: `password=x`, `?token=x`, `"api_key": "x`,
  /// `Authorization: Basic x`, `Bearer x`.
  func masked(_ text: String) -> String {
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      if byte == UInt8(ascii: "=") || byte == UInt8(ascii: ":"), let value = value(after: index, in: bytes) {
        result += bytes[index..<value.lowerBound]
        result += Redaction.mask.utf8
        index = value.upperBound
      } else if Self.isNameByte(byte), index == 0 || !Self.isNameByte(bytes[index - 1]),
        let value = Self.bearer(at: index, in: bytes)
      {
        result += bytes[index..<value.lowerBound]
        result += Redaction.mask.utf8
        index = value.upperBound
      } else {
        result.append(byte)
        index += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// What the name before a `=` or `:` is given, when it is the name of a secret.
  private func value(after separator: Int, in bytes: [UInt8]) -> Range<Int>? {
    var end = separator
    while end > 0, bytes[end - 1] == 0x20 { end -= 1 }
    let isQuoted = end > 0 && Self.isQuote(bytes[end - 1])
    if isQuoted { end -= 1 }
    if isQuoted, end > 0, bytes[end - 1] == Self.backslash { end -= 1 }
    var begin = end
    while begin > 0, Self.isNameByte(bytes[begin - 1]) { begin -= 1 }
    guard begin < end else { return nil }
    var start = separator + 1
    while start < bytes.count, bytes[start] == 0x20 { start += 1 }
    // `secret:1.2` and `proxy://` are parts of names and addresses.
    if bytes[separator] == UInt8(ascii: ":"), !isQuoted, start == separator + 1 { return nil }
    guard redaction.isSensitive(String(decoding: bytes[begin..<end], as: UTF8.self)), start < bytes.count else {
      return nil
    }
    return Self.value(at: start, in: bytes)
  }

  /// The value that begins at `start`; nil when there is none, or nothing to hide.
  private static func value(at start: Int, in bytes: [UInt8]) -> Range<Int>? {
    var start = start
    let isEscaped = bytes[start] == backslash && start + 1 < bytes.count && isQuote(bytes[start + 1])
    if isEscaped { start += 1 }
    if isQuote(bytes[start]) {
      let quote = bytes[start]
      start += 1
      var end = start
      while end < bytes.count, bytes[end] != quote || !isEscaped && bytes[end - 1] == backslash { end += 1 }
      if isEscaped, end < bytes.count { end -= 1 }
      return start < end ? start..<end : nil
    }
    // The end of a list or mapping that was cut is not known.
    if bytes[start] == UInt8(ascii: "{") || bytes[start] == UInt8(ascii: "[") { return start..<bytes.count }
    let end = wordEnd(from: start, in: bytes)
    let word = String(decoding: bytes[start..<end], as: UTF8.self)
    if ["bearer", "basic", "token", "digest", "apikey"].contains(word.lowercased()), end + 1 < bytes.count,
      bytes[end] == 0x20
    {
      let next = wordEnd(from: end + 1, in: bytes)
      return end + 1 < next ? end + 1..<next : nil
    }
    return word.isEmpty || ["null", "none", Redaction.mask].contains(word.lowercased()) ? nil : start..<end
  }

  /// What follows the word `Bearer`, when it is long enough for a token.
  private static func bearer(at index: Int, in bytes: [UInt8]) -> Range<Int>? {
    let word = "bearer ".utf8
    guard index + word.count < bytes.count,
      zip(bytes[index...], word).allSatisfy({ $0 | 0x20 == $1 | 0x20 })
    else { return nil }
    let start = index + word.count
    let end = wordEnd(from: start, in: bytes)
    // A name with its secret masked already says enough.
    return end - start >= 8 && !bytes[..<end].suffix(3).elementsEqual(Redaction.mask.utf8) ? start..<end : nil
  }

  private static func wordEnd(from start: Int, in bytes: [UInt8]) -> Int {
    bytes[start...].firstIndex { $0 <= 0x20 || "\"'<>&;,)]}\\".utf8.contains($0) } ?? bytes.count
  }

  private static let backslash = UInt8(ascii: "\\")

  private static func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
      true
    default: byte >= 0x80
    }
  }
}
