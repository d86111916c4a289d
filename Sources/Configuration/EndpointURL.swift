/// An http or https address that requests are sent to. Printing one never shows user, password or query.
public struct EndpointURL: Hashable, Sendable {
  /// The address as it was written.
  public let text: String
  /// `https` or `http`.
  public let scheme: String
  /// In lower case; an IPv6 address without its brackets.
  public let host: String
  /// The port that is written there, or nil for the scheme's own.
  public let port: Int?
  /// The path, with its leading slash; empty when none is written.
  public let path: String
  let hasUserInformation: Bool
  /// Whether a `?…` part is written there; it may hold a credential.
  public let hasQuery: Bool

  /// What is wrong with an address. Its text never quotes the address: it may hold a password.
  struct Problem: Error {
    var message: String
    init(_ message: String) { self.message = message }
  }

  init(parsing text: String) throws(Problem) {
    guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else {
      throw Problem("expected a URL such as https://host/path")
    }
    scheme = text[..<colon].lowercased()
    guard scheme == "https" || scheme == "http" else { throw Problem("expected a URL that begins with https://") }
    guard text.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value < 0x7F && $0 != "\\" && $0 != "\"" }) else {
      throw Problem("expected a URL without spaces and with other than ASCII letters %-escaped")
    }
    var rest = text[text.index(colon, offsetBy: 3)...]
    let authority = rest.prefix { !"/?#".contains($0) }
    rest = rest[authority.endIndex...]
    var location = authority
    hasUserInformation = authority.contains("@")
    if let at = authority.lastIndex(of: "@") { location = authority[authority.index(after: at)...] }
    var portText: Substring?
    if location.first == "[" {
      guard let end = location.firstIndex(of: "]") else { throw Problem("expected `]` after an IPv6 address") }
      host = location[location.index(after: location.startIndex)..<end].lowercased()
      guard host.contains(":"), host.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else {
        throw Problem("expected an IPv6 address between [ and ]")
      }
      let tail = location[location.index(after: end)...]
      guard tail.isEmpty || tail.first == ":" else { throw Problem("expected `:port` or `/` after an IPv6 address") }
      if !tail.isEmpty { portText = tail.dropFirst() }
    } else {
      let parts = location.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      host = (parts.first ?? "").lowercased()
      guard !host.isEmpty, host.allSatisfy({ $0.isLetter || $0.isNumber || "-._".contains($0) }) else {
        throw Problem("expected a host's name in the URL")
      }
      if parts.count == 2 { portText = parts[1] }
    }
    if let portText {
      guard portText.allSatisfy(\.isNumber), let number = Int(portText), (1...65_535).contains(number) else {
        throw Problem("expected a port from 1 to 65535 in the URL")
      }
      port = number
    } else {
      port = nil
    }
    guard !rest.contains("#") else { throw Problem("expected a URL without `#…`") }
    path = String(rest.prefix { $0 != "?" })
    hasQuery = rest.contains("?")
    self.text = text
  }

  /// Whether the host is this machine.
  public var isLoopback: Bool { isLoopbackHost(host) }
}

extension EndpointURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return "\(scheme)://\(name)\(port.map { ":\($0)" } ?? "")\(path)\(hasQuery ? "?***" : "")"
  }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
