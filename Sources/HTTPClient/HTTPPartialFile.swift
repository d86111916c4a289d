/// The first bytes of a file whose download was cut, and what is needed to ask for the rest of the same version of it.
public struct HTTPPartialFile: Hashable, Sendable {
  /// Where the bytes are. Whoever does not go on removes it.
  public var path: String
  /// How many there are; 0 where nothing of what came can be gone on with.
  public var bytes: Int
  /// The strong `ETag` of the version that they are of.
  public var validator: String

  public init(path: String, bytes: Int, validator: String) {
    self.path = path
    self.bytes = bytes
    self.validator = validator
  }
}

/// `Content-Range: bytes FIRST-LAST/WHOLE` (RFC 9110, section 14.4).
struct ContentRange: Equatable {
  var first: Int
  var last: Int
  /// How long the whole is; nil when the server does not say.
  var whole: Int?

  init?(_ text: String) {
    let words = text.split(separator: " ", maxSplits: 1)
    guard words.count == 2, words[0].lowercased() == "bytes" else { return nil }
    let parts = words[1].split(separator: "/", omittingEmptySubsequences: false)
    let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1]),
      first <= last
    else { return nil }
    if parts[1] != "*" {
      guard let whole = Self.number(parts[1]), last < whole else { return nil }
      self.whole = whole
    }
    self.first = first
    self.last = last
  }

  /// Digits and nothing else.
  private static func number(_ text: Substring) -> Int? {
    text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(text) : nil
  }
}
