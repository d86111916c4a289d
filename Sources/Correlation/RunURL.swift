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
    let text = text.trimmingSpace
    guard let schemeEnd = text.firstRange(of: "://") else { return nil }
    let scheme = text[..<schemeEnd.lowerBound].lowercased()
    guard scheme == "https" || scheme == "http" else { return nil }
    let rest = text[schemeEnd.upperBound...]
    let authorityEnd = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
    guard let host = host(of: rest[..<authorityEnd]) else { return nil }
    let address = rest[authorityEnd...].split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
    if address.count == 2, var run = run(in: segments(address[1]), after: [["accounts"]]) {
      run.host = host
      return run
    }
    let forms: [[Substring]] = [
      ["deploy"], ["next", "deploy"], ["api", "v2", "accounts"], ["api", "v3", "accounts"],
    ]
    guard let path = address.first, var run = run(in: segments(path), after: forms) else { return nil }
    run.host = host
    return run
  }

  private static func host(of authority: Substring) -> String? {
    let afterUser = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
    let host: Substring
    if afterUser.first == "[" {
      guard let end = afterUser.firstIndex(of: "]") else { return nil }
      host = afterUser[...end]
    } else {
      host = afterUser.prefix { $0 != ":" }
    }
    let port = afterUser[host.endIndex...]
    guard !host.isEmpty, port.isEmpty || (port.first == ":" && port.dropFirst().utf8.allSatisfy(\.isDigit)) else {
      return nil
    }
    let allowed = host.utf8.allSatisfy { $0.isDigit || $0.isLetter || "-._:[]".utf8.contains($0) }
    return allowed ? host.lowercased() : nil
  }

  private static func segments(_ path: Substring) -> [Substring] {
    path.prefix { $0 != "?" }.split(separator: "/")
  }

  /// Reads `<account>/[projects/<project>/]runs/<run>` behind one of the beginnings.
  private static func run(in segments: [Substring], after beginnings: [[Substring]]) -> DbtRunReference? {
    guard let beginning = beginnings.first(where: { segments.starts(with: $0) }) else { return nil }
    var rest = segments.dropFirst(beginning.count)
    guard let account = rest.popFirst().flatMap(positiveInteger) else { return nil }
    var project: Int64?
    if rest.first == "projects" {
      guard let id = rest.dropFirst().first.flatMap(positiveInteger) else { return nil }
      project = id
      rest = rest.dropFirst(2)
    } else if beginning.first != "api" {
      return nil
    }
    guard rest.popFirst() == "runs", let id = rest.popFirst().flatMap(positiveInteger) else { return nil }
    return DbtRunReference(accountID: account, projectID: project, runID: id)
  }
}

/// The number that ASCII digits alone spell; nil for zero, signs, other digits and what 64 bits cannot hold.
func positiveInteger(_ text: some StringProtocol) -> Int64? {
  guard !text.isEmpty, text.utf8.allSatisfy(\.isDigit), let value = Int64(text), value > 0 else { return nil }
  return value
}

extension UInt8 {
  fileprivate var isDigit: Bool { (0x30...0x39).contains(self) }
  fileprivate var isLetter: Bool { (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self) }
}

extension StringProtocol {
  /// Without white space at both ends.
  var trimmingSpace: Substring {
    var slice = Substring(self)
    while let first = slice.first, first.isWhitespace { slice.removeFirst() }
    while let last = slice.last, last.isWhitespace { slice.removeLast() }
    return slice
  }

  /// Where `needle` first occurs.
  func firstRange(of needle: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(needle) { return start..<index(start, offsetBy: needle.count) }
      start = index(after: start)
    }
    return nil
  }
}
