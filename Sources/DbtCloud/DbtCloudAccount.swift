/// One account of dbt Cloud as the configuration names it (`dbt_cloud[]`).
public struct DbtCloudAccount: Sendable {
  /// `dbt_cloud[].name`
  public let name: String
  /// `dbt_cloud[].account_id`
  public let accountID: Int64
  /// Scheme, host in lower case and port: `https://ab123.us1.dbt.com`. Never derived from the account: accounts live in
  /// regions and cells with hosts of their own.
  public let url: String
  /// Host without port.
  public let host: String
  /// Reads the token anew: asked once, and again after a 401.
  public let token: @Sendable () throws -> String
  /// PEM file of certificate authorities to trust instead of the system's.
  public let caFile: String?
  /// Calls per second in the long run. dbt Cloud allows 5,000 a minute to all users of the account together.
  public let requestsPerSecond: Double
  /// Calls that may be made at once after a pause.
  public let burst: Int

  /// - Parameters:
  ///   - url: the account's access URL: https, or http to this machine (or anywhere with `allowsPlainHTTP`).
  ///   - requestsPerSecond: 2 when nil.
  /// - Throws: ``DbtCloudError`` of kind `invalidURL`.
  public init(
    name: String, accountID: Int64, url: String, token: @escaping @Sendable () throws -> String, caFile: String? = nil,
    requestsPerSecond: Double? = nil, burst: Int = 10, allowsPlainHTTP: Bool = false
  ) throws(DbtCloudError) {
    guard let origin = Origin(url) else {
      throw DbtCloudError(
        kind: .invalidURL, account: name, url: Origin.shown(url),
        message: "expected https://HOST[:PORT] without user, path or query")
    }
    guard origin.scheme == "https" || origin.isLoopback || allowsPlainHTTP else {
      throw DbtCloudError(
        kind: .invalidURL, account: name, url: origin.text, message: "plain http would send the token in the clear")
    }
    self.name = name
    self.accountID = accountID
    self.url = origin.text
    host = origin.host
    self.token = token
    self.caFile = caFile
    let rate = requestsPerSecond ?? 2
    self.requestsPerSecond = rate.isFinite && rate > 0 ? rate : 2
    self.burst = min(max(1, burst), 10_000)
  }
}

/// Scheme, host and port of a URL that has nothing else.
struct Origin: Equatable {
  var scheme: String
  var host: String
  var port: Int?

  init?(_ text: String) {
    var rest = Substring(text)
    if rest.lowercased().hasPrefix("https://") {
      scheme = "https"
      rest = rest.dropFirst(8)
    } else if rest.lowercased().hasPrefix("http://") {
      scheme = "http"
      rest = rest.dropFirst(7)
    } else {
      return nil
    }
    while rest.last == "/" { rest = rest.dropLast() }
    let authority = rest.lowercased()
    let portText: Substring
    if authority.first == "[", let bracket = authority.firstIndex(of: "]") {
      host = String(authority[...bracket])
      portText = authority[authority.index(after: bracket)...]
      guard host.dropFirst().dropLast().allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else { return nil }
    } else {
      host = String(authority.prefix { $0 != ":" })
      portText = authority.dropFirst(host.count)
      guard !host.isEmpty, host.utf8.allSatisfy(Self.isHostByte) else { return nil }
    }
    if !portText.isEmpty {
      guard portText.first == ":", let number = Int(portText.dropFirst()), (1...65_535).contains(number) else {
        return nil
      }
      port = number
    }
  }

  var text: String { "\(scheme)://\(host)" + (port.map { ":\($0)" } ?? "") }

  var isLoopback: Bool { host == "localhost" || host == "[::1]" || isLoopbackAddress }

  private var isLoopbackAddress: Bool {
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }

  private static func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
      UInt8(ascii: "."), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// A URL that was refused, for an error: without user, password and query.
  static func shown(_ text: String) -> String {
    let plain = text.prefix { $0 != "?" && $0 != "#" }
    guard let at = plain.lastIndex(of: "@") else { return printable(plain.utf8, limit: 120, hiding: "") }
    let scheme = plain.range(of: "://").map { plain[..<$0.upperBound] } ?? ""
    return printable("\(scheme)\(plain[plain.index(after: at)...])".utf8, limit: 120, hiding: "")
  }
}

extension Substring {
  fileprivate func range(of text: String) -> Range<Index>? {
    var index = startIndex
    while index < endIndex {
      if self[index...].hasPrefix(text) { return index..<self.index(index, offsetBy: text.count) }
      index = self.index(after: index)
    }
    return nil
  }
}
