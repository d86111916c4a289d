import ExecutionModel

/// The addresses under which dbt Cloud shows a run.
///
/// Three forms are read, each with or without a trailing slash, query or further path:
/// - `https://<host>[:port]/[next/]deploy/<account>/projects/<project>/runs/<run>/`, what today's API gives as `href`
/// - `https://<host>/#/accounts/<account>/projects/<project>/runs/<run>/`, what it gave until 2022
/// - `https://<host>/api/v2/accounts/<account>/[projects/<project>/]runs/<run>/`, the API's own address
public enum RunURL {
  /// The run that `text` names, or nil when it is anything else. Ids have 64 bits; the host comes in lower case,
  /// without port and without user information.
  public static func parse(_ text: some StringProtocol) -> DbtRunReference? {
    guard text.utf8.count <= 2048 else { return nil }
    // Addresses are ASCII where they matter; looking at bytes is many times faster than at characters.
    let text = Array(text.trimmingSpace.utf8)[...]
    guard let colon = text.firstIndex(of: UInt8(ascii: ":")), text[colon...].starts(with: "://".utf8) else {
      return nil
    }
    let scheme = text[..<colon]
    guard scheme.isWord("https") || scheme.isWord("http") else { return nil }
    let rest = text[(colon + 3)...]
    let authorityEnd = rest.firstIndex { "/?#".utf8.contains($0) } ?? rest.endIndex
    guard let host = host(of: rest[..<authorityEnd]) else { return nil }
    let address = rest[authorityEnd...].split(
      separator: UInt8(ascii: "#"), maxSplits: 1, omittingEmptySubsequences: false)
    if address.count == 2, var run = run(in: segments(address[1]), after: [["accounts"]]) {
      run.host = host
      return run
    }
    guard let path = address.first, var run = run(in: segments(path), after: forms) else { return nil }
    run.host = host
    return run
  }

  private typealias Bytes = ArraySlice<UInt8>

  private static let forms = [["deploy"], ["next", "deploy"], ["api", "v2", "accounts"], ["api", "v3", "accounts"]]

  private static func host(of authority: Bytes) -> String? {
    let afterUser = authority.lastIndex(of: UInt8(ascii: "@")).map { authority[($0 + 1)...] } ?? authority
    let host: Bytes
    if afterUser.first == UInt8(ascii: "[") {
      guard let end = afterUser.firstIndex(of: UInt8(ascii: "]")) else { return nil }
      host = afterUser[...end]
    } else {
      host = afterUser.prefix { $0 != UInt8(ascii: ":") }
    }
    let port = afterUser[host.endIndex...]
    let hasPort = port.first == UInt8(ascii: ":") && port.dropFirst().allSatisfy(\.isDigit)
    guard !host.isEmpty, port.isEmpty || hasPort else { return nil }
    let allowed = host.allSatisfy { $0.isDigit || $0.isLetter || "-._:[]".utf8.contains($0) }
    return allowed ? String(decoding: host.map(\.lowercased), as: UTF8.self) : nil
  }

  private static func segments(_ path: Bytes) -> [Bytes] {
    path.prefix { $0 != UInt8(ascii: "?") }.split(separator: UInt8(ascii: "/"))
  }

  /// Reads `<account>/[projects/<project>/]runs/<run>` behind one of the beginnings.
  private static func run(in segments: [Bytes], after beginnings: [[String]]) -> DbtRunReference? {
    let beginning = beginnings.first { words in
      segments.count >= words.count && zip(segments, words).allSatisfy { $0.elementsEqual($1.utf8) }
    }
    guard let beginning else { return nil }
    var rest = segments.dropFirst(beginning.count)
    guard let account = rest.popFirst().flatMap(positiveInteger) else { return nil }
    var project: Int64?
    if rest.first?.elementsEqual("projects".utf8) ?? false {
      guard let id = rest.dropFirst().first.flatMap(positiveInteger) else { return nil }
      project = id
      rest = rest.dropFirst(2)
    } else if beginning.first != "api" {
      return nil
    }
    guard rest.popFirst()?.elementsEqual("runs".utf8) ?? false, let id = rest.popFirst().flatMap(positiveInteger) else {
      return nil
    }
    return DbtRunReference(accountID: account, projectID: project, runID: id)
  }
}

/// The number that ASCII digits alone spell; nil for zero, signs, other digits and what 64 bits cannot hold.
func positiveInteger(_ text: some StringProtocol) -> Int64? { positiveInteger(text.utf8) }

private func positiveInteger(_ digits: some Sequence<UInt8>) -> Int64? {
  var value: Int64 = 0
  for digit in digits {
    guard digit.isDigit else { return nil }
    let (product, overflows) = value.multipliedReportingOverflow(by: 10)
    let (sum, exceeds) = product.addingReportingOverflow(Int64(digit - UInt8(ascii: "0")))
    guard !overflows, !exceeds else { return nil }
    value = sum
  }
  return value > 0 ? value : nil
}

extension UInt8 {
  fileprivate var isDigit: Bool { (0x30...0x39).contains(self) }
  fileprivate var isLetter: Bool { (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self) }
  fileprivate var lowercased: UInt8 { (0x41...0x5A).contains(self) ? self | 0x20 : self }
  /// Printable ASCII but space: nothing of it belongs to white space.
  fileprivate var isPlain: Bool { (0x21...0x7E).contains(self) }
}

extension ArraySlice<UInt8> {
  /// Whether these are the letters of `word`, which is in lower case, in either case.
  fileprivate func isWord(_ word: String) -> Bool {
    count == word.utf8.count && zip(self, word.utf8).allSatisfy { $0.lowercased == $1 }
  }
}

extension StringProtocol {
  /// Without white space at both ends.
  var trimmingSpace: Substring {
    var slice = Substring(self)
    if let first = slice.utf8.first, let last = slice.utf8.last, first.isPlain, last.isPlain { return slice }
    while let first = slice.first, first.isWhitespace { slice.removeFirst() }
    while let last = slice.last, last.isWhitespace { slice.removeLast() }
    return slice
  }

  /// Where `needle`, which is ASCII, first occurs.
  func firstRange(of needle: String) -> Range<Index>? {
    guard let first = needle.utf8.first else { return nil }
    var rest = utf8[...]
    while let found = rest.firstIndex(of: first) {
      rest = rest[found...]
      if rest.starts(with: needle.utf8) { return found..<rest.index(found, offsetBy: needle.utf8.count) }
      rest = rest.dropFirst()
    }
    return nil
  }
}
