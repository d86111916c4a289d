/// A libpq connection string in either of its forms, `host=… dbname=…` or `postgresql://…`, taken apart without
/// connecting and without libpq, so that mistakes show before the daemon starts.
///
/// Printing one never shows a password.
public struct DataSourceName: Hashable, Sendable {
  /// One keyword with its value, as libpq understands it.
  public struct Parameter: Hashable, Sendable {
    public var keyword: String
    public var value: String
  }

  /// In the order given; a keyword that was given twice has its last value, as in libpq.
  public private(set) var parameters: [Parameter] = []

  /// What is wrong with a connection string. Its text never quotes a value.
  struct Problem: Error {
    var message: String
    init(_ message: String) { self.message = message }
  }

  init(parsing text: String) throws(Problem) {
    // libpq would read up to there.
    if text.utf8.contains(0) { throw Problem("expected a libpq connection string, found a NUL character in it") }
    if let end = text.range(ofScheme: "://") {
      let scheme = text[..<end.lowerBound].lowercased()
      guard scheme == "postgresql" || scheme == "postgres" else {
        throw Problem(
          scheme.hasPrefix("postgres") || scheme.hasPrefix("jdbc:postgres")
            ? "expected a libpq connection string; write postgresql:// without a driver's name"
            : "expected a libpq connection string for Postgres, such as `host=db dbname=airflow` or postgresql://…")
      }
      try parseURI(text[end.upperBound...])
    } else {
      try parseKeywords(text)
    }
  }

  /// The value of a keyword; nil when absent or empty, which libpq treats alike.
  public subscript(keyword: String) -> String? {
    parameters.first { $0.keyword == keyword && !$0.value.isEmpty }?.value
  }

  /// The hosts (or addresses, or socket directories) that libpq would try, in order; empty for its default socket.
  public var hosts: [String] {
    (self["hostaddr"] ?? self["host"] ?? "").split(separator: ",", omittingEmptySubsequences: false)
      .map(String.init).filter { !$0.isEmpty }
  }

  /// The first host that is not this machine: neither a socket directory nor a loopback name or address.
  public var firstRemoteHost: String? {
    hosts.first { !($0.hasPrefix("/") || $0.hasPrefix("@") || isLoopbackHost($0)) }
  }

  /// Whether the host and everything else may come from a service file, which is not read here.
  public var namesService: Bool { self["service"] != nil }

  /// The connection string for libpq in its keyword form, every value quoted, without the password.
  public var conninfo: String {
    parameters.filter { $0.keyword != "password" }.map { parameter in
      // By scalars: as characters, a quote and a mark after it are no quote.
      var value = String.UnicodeScalarView()
      for scalar in parameter.value.unicodeScalars {
        if scalar == "'" || scalar == "\\" { value.append("\\") }
        value.append(scalar)
      }
      return "\(parameter.keyword)='\(String(value))'"
    }.joined(separator: " ")
  }

  static let secretKeywords = ["password", "sslpassword"]

  mutating func set(_ keyword: String, _ value: String) {
    if let index = parameters.firstIndex(where: { $0.keyword == keyword }) {
      parameters[index].value = value
    } else {
      parameters.append(Parameter(keyword: keyword, value: value))
    }
  }

  mutating func remove(_ keyword: String) { parameters.removeAll { $0.keyword == keyword } }
}

extension DataSourceName: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// `host=db dbname=airflow password=***`
  public var description: String {
    parameters.map { "\($0.keyword)=\(Self.secretKeywords.contains($0.keyword) ? "***" : $0.value)" }
      .joined(separator: " ")
  }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}

extension DataSourceName {
  /// libpq is handed keywords as they are: white space or `=` in one would make several, and `://` a URI of it all.
  private func checked(_ keyword: String) throws(Problem) -> String {
    let isPlain = keyword.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "-"): true
      default: false
      }
    }
    guard isPlain else { throw Problem("expected a keyword of letters and `_` before `=`, found another character") }
    return keyword
  }
}

// MARK: - host=… dbname=…

extension DataSourceName {
  // As conninfo_parse in libpq's fe-connect.c: white space around `=`, values in '…' or up to white space, `\` escapes.
  private mutating func parseKeywords(_ text: String) throws(Problem) {
    var rest = Array(text.unicodeScalars)[...]
    func skipSpace() { rest = rest.drop { $0.properties.isWhitespace } }
    skipSpace()
    guard !rest.isEmpty else { throw Problem("expected a libpq connection string, found nothing") }
    while !rest.isEmpty {
      let keyword = rest.prefix { $0 != "=" && !$0.properties.isWhitespace }
      rest = rest[keyword.endIndex...]
      skipSpace()
      guard !keyword.isEmpty, rest.first == "=" else {
        throw Problem(
          "expected keyword=value pairs such as `host=db dbname=airflow`, found a word without `=`; "
            + "a value with spaces must stand in single quotes")
      }
      rest = rest.dropFirst()
      skipSpace()
      var value = String.UnicodeScalarView()
      let isQuoted = rest.first == "'"
      if isQuoted { rest = rest.dropFirst() }
      var isClosed = !isQuoted
      while let scalar = rest.first {
        if isQuoted ? scalar == "'" : scalar.properties.isWhitespace {
          if isQuoted { rest = rest.dropFirst() }
          isClosed = true
          break
        }
        rest = rest.dropFirst()
        if scalar != "\\" {
          value.append(scalar)
        } else if let escaped = rest.popFirst() {
          value.append(escaped)
        }
      }
      guard isClosed else { throw Problem("a single quote is opened and never closed") }
      set(try checked(String(String.UnicodeScalarView(keyword))), String(value))
      skipSpace()
    }
  }
}

// MARK: - postgresql://…

extension DataSourceName {
  // As conninfo_uri_parse_options in libpq's fe-connect.c: several hosts, [IPv6], %-escapes, parameters after `?`.
  private mutating func parseURI(_ text: Substring) throws(Problem) {
    var rest = text
    if let end = rest.firstIndex(where: { $0 == "@" || $0 == "/" }), rest[end] == "@" {
      let user = rest[..<end]
      rest = rest[rest.index(after: end)...]
      let parts = user.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      if let name = parts.first, !name.isEmpty { set("user", try decoded(name)) }
      if parts.count == 2 { set("password", try decoded(parts[1])) }
    }
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    rest = rest[authority.endIndex...]
    try parseHosts(authority)
    if rest.first == "/" {
      let database = rest.dropFirst().prefix { $0 != "?" }
      rest = rest[database.endIndex...]
      if !database.isEmpty { set("dbname", try decoded(database)) }
    }
    guard rest.first == "?" else { return }
    for pair in rest.dropFirst().split(separator: "&", omittingEmptySubsequences: false) {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty else {
        throw Problem("expected name=value after `?` in the URI, found a part without a name or `=`")
      }
      let keyword = try checked(try decoded(parts[0]))
      let value = try decoded(parts[1])
      if keyword == "ssl", value == "true" { set("sslmode", "require") } else { set(keyword, value) }
    }
  }

  private mutating func parseHosts(_ authority: Substring) throws(Problem) {
    guard !authority.isEmpty else { return }
    var hosts: [String] = []
    var ports: [String] = []
    for part in authority.split(separator: ",", omittingEmptySubsequences: false) {
      var host = part
      var port: Substring = ""
      if part.first == "[" {
        guard let end = part.firstIndex(of: "]") else { throw Problem("expected `]` after an IPv6 address in the URI") }
        host = part[part.index(after: part.startIndex)..<end]
        let tail = part[part.index(after: end)...]
        guard tail.isEmpty || tail.first == ":" else {
          throw Problem("expected `:port`, `,` or `/` after an IPv6 address in the URI")
        }
        port = tail.dropFirst()
      } else if let colon = part.firstIndex(of: ":") {
        host = part[..<colon]
        port = part[part.index(after: colon)...]
      }
      hosts.append(try decoded(host))
      ports.append(try decoded(port))
    }
    if hosts.contains(where: { !$0.isEmpty }) { set("host", hosts.joined(separator: ",")) }
    if ports.contains(where: { !$0.isEmpty }) { set("port", ports.joined(separator: ",")) }
  }

  private func decoded(_ text: Substring) throws(Problem) -> String {
    guard let decoded = percentDecoded(text) else {
      throw Problem("a %-escape in the URI is no UTF-8 text; a `%` itself is written %25")
    }
    return decoded
  }
}

/// The text with every `%41` replaced; nil when an escape is broken, is NUL, or the outcome is no UTF-8.
func percentDecoded(_ text: Substring) -> String? {
  var bytes: [UInt8] = []
  var rest = text.utf8[...]
  while let byte = rest.popFirst() {
    guard byte == UInt8(ascii: "%") else {
      bytes.append(byte)
      continue
    }
    let digits = rest.prefix(2)
    guard digits.count == 2, digits.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }),
      let value = UInt8(Substring(digits), radix: 16), value != 0
    else { return nil }
    bytes.append(value)
    rest = rest.dropFirst(2)
  }
  return String(validating: bytes, as: UTF8.self)
}

/// Whether a host's name or address means this machine: localhost, 127.0.0.0/8 or ::1.
func isLoopbackHost(_ host: String) -> Bool {
  let host = host.lowercased()
  if host == "localhost" || host == "::1" || host == "0:0:0:0:0:0:0:1" { return true }
  let parts = host.split(separator: ".", omittingEmptySubsequences: false)
  return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
}

extension String {
  /// Where the first `://` stands, if only letters that a scheme may have come before it.
  fileprivate func range(ofScheme separator: String) -> Range<String.Index>? {
    let scheme = prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.:".contains($0)) }
    // The run of scheme letters takes the colon of `://` with it.
    guard scheme.last == ":", self[scheme.endIndex...].hasPrefix("//") else { return nil }
    let start = index(before: scheme.endIndex)
    return start..<index(start, offsetBy: separator.count)
  }
}
