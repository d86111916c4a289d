import _StringProcessing

/// Something that goes wrong on purpose.
public struct Fault: Hashable, Sendable {
  /// What goes wrong.
  public enum Kind: Hashable, Sendable {
    /// An error of the API, with `Retry-After` if given.
    case status(Int, retryAfter: String?)
    /// The right answer, that much later.
    case slow(milliseconds: Int)
    /// A page of a proxy, with status 200.
    case html
    /// The connection ends in the middle of the body.
    case truncate
    /// A complete answer whose body is only the first half of the right one.
    case cut
  }

  /// What goes wrong.
  public var kind: Kind
  /// Regular expression that the request's path must contain; nil for all.
  public var path: String?
  /// How many requests it still befalls; nil for all.
  public var count: Int?

  public init(_ kind: Kind, path: String? = nil, count: Int? = nil) {
    self.kind = kind
    self.path = path
    self.count = count
  }

  /// Reads `KIND[,count=N][,path=REGEX]`, where KIND is `429[:RETRY-AFTER]` or another status, `slow:MILLISECONDS`, `html`,
  /// `truncate` or `cut`. `path` comes last and may have commas.
  public init?(_ text: String) {
    var options = Substring(text)
    if let position = options.firstRange(of: ",path=") {
      path = String(options[position.upperBound...])
      options = options[..<position.lowerBound]
      guard (try? Regex(path ?? "")) != nil else { return nil }
    }
    let parts = options.split(separator: ",", omittingEmptySubsequences: false)
    guard let first = parts.first, parts.count <= 2 else { return nil }
    if parts.count == 2 {
      guard parts[1].hasPrefix("count="), let number = Int(parts[1].dropFirst(6)), number > 0 else { return nil }
      count = number
    }
    let words = first.split(separator: ":", maxSplits: 1).map(String.init)
    let argument = words.count == 2 ? words[1] : nil
    switch words.first {
    case "html" where argument == nil: kind = .html
    case "truncate" where argument == nil: kind = .truncate
    case "cut" where argument == nil: kind = .cut
    case "slow":
      guard let milliseconds = argument.flatMap({ Int($0) }), milliseconds >= 0 else { return nil }
      kind = .slow(milliseconds: milliseconds)
    case let word?:
      guard let status = Int(word), (400...599).contains(status) else { return nil }
      kind = .status(status, retryAfter: argument)
    case nil: return nil
    }
  }

  func befalls(path requested: String) -> Bool {
    guard count.map({ $0 > 0 }) ?? true else { return false }
    guard let path else { return true }
    guard let pattern = try? Regex(path) else { return false }
    return requested.firstMatch(of: pattern) != nil
  }
}
