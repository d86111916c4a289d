import CCurl

/// A URL taken apart by libcurl, so that what is checked is what is used.
struct HTTPURL: Equatable {
  /// Scheme, host in small letters, port.
  struct Origin: Equatable {
    let scheme: String
    let host: String
    let port: String
  }

  /// As given, without fragment.
  let text: String
  let origin: Origin
  /// Without user name, password, query and fragment: fit to be printed.
  let printable: String

  /// nil when it is no URL, or neither `http` nor `https`.
  init?(_ text: String) {
    // libcurl drops or encodes some of these; a URL that has them was not built with care.
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }), let handle = curl_url() else { return nil }
    defer { curl_url_cleanup(handle) }
    guard curl_url_set(handle, CURLUPART_URL, text, 0) == CURLUE_OK else { return nil }
    func part(_ part: CURLUPart, _ flags: Int32 = 0) -> String? {
      var value: UnsafeMutablePointer<CChar>?
      guard curl_url_get(handle, part, &value, UInt32(flags)) == CURLUE_OK, let value else { return nil }
      defer { curl_free(value) }
      return String(cString: value)
    }
    guard let scheme = part(CURLUPART_SCHEME)?.lowercased(), scheme == "http" || scheme == "https",
      let host = part(CURLUPART_HOST)?.lowercased(), !host.isEmpty, let port = part(CURLUPART_PORT, CURLU_DEFAULT_PORT)
    else { return nil }
    origin = Origin(scheme: scheme, host: host, port: port)
    curl_url_set(handle, CURLUPART_FRAGMENT, nil, 0)
    guard let whole = part(CURLUPART_URL) else { return nil }
    self.text = whole
    for secret in [CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_QUERY] {
      curl_url_set(handle, secret, nil, 0)
    }
    guard let printable = part(CURLUPART_URL) else { return nil }
    self.printable = printable
  }

  /// The machine itself: such requests never go through a proxy.
  var isLoopback: Bool {
    origin.host == "localhost" || origin.host.hasSuffix(".localhost") || origin.host == "[::1]"
      || (origin.host.hasPrefix("127.") && origin.host.allSatisfy { $0.isNumber || $0 == "." })
  }

  static func == (left: HTTPURL, right: HTTPURL) -> Bool { left.text == right.text }
}

extension HTTPURL.Origin: CustomStringConvertible {
  var description: String { "\(scheme)://\(host):\(port)" }
}
