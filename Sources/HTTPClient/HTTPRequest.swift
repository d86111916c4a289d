/// One HTTP request, as it is to be sent.
public struct HTTPRequest: Sendable {
  /// The method, in capitals. A GET follows up to three redirects within its own origin; no other method follows any.
  public var method: String
  /// `http` or `https`. Never printed whole: errors leave out user name, password and query.
  public var url: String
  /// Sent in this order. A value with a line break or another control character is refused. Never printed.
  public var headers: [(name: String, value: String)]
  /// The body, sent as it is (compress it with ``Gzip`` and say so in a `Content-Encoding` header).
  public var body: [UInt8]?
  /// Seconds for the whole request, name resolution and redirects included, from when a lane takes it up.
  public var timeout: Double
  /// Seconds until a connection stands, TLS included.
  public var connectTimeout: Double
  /// Seconds in which not a hundred bytes a second come or go until the server is given up; waiting for an answer
  /// counts.
  public var stallTimeout: Double
  /// How many bytes the body of a successful answer may have once its content encoding is undone.
  public var maximumBytes: Int
  /// Where the body of a successful answer goes.
  public var destination: HTTPDestination
  /// Whether the server may compress the body on its way.
  public var acceptsCompression = true
  /// Whether what has come of a file when the connection breaks is kept, to be gone on with: see
  /// ``HTTPError/partialFile``.
  public var keepsPartialFile = false
  /// The file that this request goes on with. Only the rest is asked for, and only if the server still has the same
  /// version; else the whole file comes anew.
  public var goesOnWith: HTTPPartialFile?
  /// A PEM file of certification authorities to be trusted beside those of the system; nil: only those.
  public var caFile: String?

  public init(
    method: String = "GET", url: String, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil,
    timeout: Double = 60, connectTimeout: Double = 10, stallTimeout: Double = 60, maximumBytes: Int = 16 << 20,
    destination: HTTPDestination = .memory, caFile: String? = nil
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.timeout = timeout
    self.connectTimeout = connectTimeout
    self.stallTimeout = stallTimeout
    self.maximumBytes = maximumBytes
    self.destination = destination
    self.caFile = caFile
  }
}

extension HTTPRequest {
  /// The URL without user name, password, query and fragment: fit to be printed. Empty when it is no URL.
  public var printableURL: String { HTTPURL(url)?.printable ?? "" }
}

/// Where the body of a successful (2xx) answer goes. The body of any other answer is always kept in memory.
public enum HTTPDestination: Hashable, Sendable {
  /// Into ``HTTPResponse/body``.
  case memory
  /// Nowhere: only the status counts. What comes after ``HTTPRequest/maximumBytes`` is not waited for.
  case discarded
  /// Into a file, readable by its owner only. It appears under this path when the whole body has come, replacing what
  /// was there; until then, and when the request fails, nothing under this path changes.
  case file(path: String)
}
