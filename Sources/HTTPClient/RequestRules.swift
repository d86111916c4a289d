/// What a request must be before a byte of it is sent.
enum RequestRules {
  /// The parsed URL; throws ``HTTPError`` of kind `invalidRequest` when something would not reach the server as meant.
  static func check(_ request: HTTPRequest) throws(HTTPError) -> HTTPURL {
    guard let url = HTTPURL(request.url) else {
      throw HTTPError(.invalidRequest, "the URL of the request is not a valid http or https URL; nothing was sent")
    }
    func refuse(_ message: String) -> HTTPError {
      HTTPError(.invalidRequest, message + "; nothing was sent", url: url.printable)
    }
    guard isToken(request.method) else { throw refuse("the method is not a valid HTTP method") }
    for (name, value) in request.headers {
      guard isToken(name) else { throw refuse("the name of a header is not valid") }
      // Line breaks would end the header and begin another (RFC 9110, section 5.5).
      guard value.utf8.allSatisfy({ $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7F) }) else {
        throw refuse("the value of the header `\(name)` has a line break or another control character")
      }
    }
    guard request.timeout > 0, request.connectTimeout > 0, request.stallTimeout > 0, request.maximumBytes >= 0 else {
      throw refuse("a time or size limit of the request is not above zero")
    }
    return url
  }

  /// RFC 9110, section 5.6.2.
  private static func isToken(_ text: String) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
          UInt8(ascii: "A")...UInt8(ascii: "Z"):
          true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
      }
  }
}
