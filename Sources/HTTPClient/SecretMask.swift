/// Hides secrets in what a server says: some repeat the token that they refuse, whole, in part, or escaped.
public struct SecretMask: Sendable {
  /// What stands in a secret's place.
  private static let mask = Array("***".utf8)
  /// So many of its first bytes give a secret away.
  private static let telling = 12

  private let spellings: [[UInt8]]

  public init(_ secrets: [String]) {
    spellings = secrets.filter { !$0.isEmpty }.flatMap { secret -> [[UInt8]] in
      let plain = Array(secret.utf8)
      return [plain, Self.withEscapedSlashes(plain), Self.percentEncoded(plain)]
    }
    .reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// The longest spelling of a secret: how much more than is kept must be looked at.
  public var longest: Int { spellings.map(\.count).max() ?? 0 }

  /// `text` without the secrets, and without what begins like one.
  public func masked(_ text: some Collection<UInt8>) -> [UInt8] {
    guard !spellings.isEmpty else { return Array(text) }
    let bytes = Array(text)
    let first = Set(spellings.compactMap(\.first))
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      guard first.contains(bytes[index]), let length = secretLength(at: index, in: bytes) else {
        result.append(bytes[index])
        index += 1
        continue
      }
      result += Self.mask
      index += length
    }
    return result
  }

  private func secretLength(at index: Int, in bytes: [UInt8]) -> Int? {
    var longest: Int?
    for spelling in spellings {
      let length = zip(bytes[index...], spelling).prefix { $0 == $1 }.count
      if length >= min(spelling.count, Self.telling) { longest = max(longest ?? 0, length) }
    }
    return longest
  }

  /// As some writers of JSON do.
  private static func withEscapedSlashes(_ bytes: [UInt8]) -> [UInt8] {
    bytes.flatMap { $0 == UInt8(ascii: "/") ? [UInt8(ascii: "\\"), $0] : [$0] }
  }

  private static func percentEncoded(_ bytes: [UInt8]) -> [UInt8] {
    let digits = Array("0123456789ABCDEF".utf8)
    return bytes.flatMap { byte -> [UInt8] in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"):
        [byte]
      default:
        "-._~".utf8.contains(byte) ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
  }
}
