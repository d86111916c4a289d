/// Whether an answer sends the request on, and whether that is followed.
enum RedirectRules {
  static let most = 3

  /// The URL to ask next; nil when the answer is no redirect.
  ///
  /// A GET or HEAD stays within its scheme, host and port, so that its headers (a token, mostly) reach nobody else.
  /// - Parameters:
  ///   - location: the answer's `Location`, made absolute; nil when it has none
  ///   - followed: how many redirects the request has followed already
  static func next(
    status: Int, location: String?, method: String, from url: HTTPURL, followed: Int
  ) throws(HTTPError) -> HTTPURL? {
    guard [301, 302, 303, 307, 308].contains(status), let location else { return nil }
    guard let target = HTTPURL(location) else {
      throw HTTPError(
        .redirect, "answered \(status) with a Location that is not an http or https URL", url: url.printable)
    }
    guard target.origin == url.origin else {
      throw HTTPError(
        .redirect,
        """
        answered \(status), which leads from \(url.origin) to \(target.origin); a request is never sent to another \
        host, port or scheme. If that is right, configure the new address
        """, url: url.printable)
    }
    guard method == "GET" || method == "HEAD" else {
      throw HTTPError(
        .redirect, "answered \(status) to a \(method), which leads to \(target.printable); configure that address",
        url: url.printable)
    }
    guard followed < most else {
      throw HTTPError(.redirect, "redirected more than \(most) times", url: url.printable)
    }
    return target
  }
}
