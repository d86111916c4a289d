/// Why a request got no answer.
public struct HTTPError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What sort of fault it is.
  public enum Kind: String, Hashable, Sendable {
    /// The host's name has no address, or the proxy's.
    case resolve
    /// No connection: refused or unreachable.
    case connect
    /// TLS failed: a certificate that is not trusted, the wrong host name, no common cipher.
    case tls
    /// The request was not done in time: no connection, no answer, or a stall.
    case timeout
    /// The body, its content encoding undone, or the headers have more bytes than allowed.
    case tooLarge
    /// The connection broke before the answer was whole.
    case truncated
    /// The task that waited was cancelled.
    case cancelled
    /// The other side does not speak HTTP as it should.
    case protocolError
    /// The body could not be written to its file.
    case write
    /// The server sends the request elsewhere, and it was not followed.
    case redirect
    /// The request was refused before anything was sent: its URL, method or a header is not valid.
    case invalidRequest
    /// Anything else libcurl reports.
    case other
  }

  /// What sort of fault it is.
  public let kind: Kind
  /// What happened and what to do about it. Without secrets.
  public let message: String
  /// The request's URL without user name, password, query and fragment; empty when there is none.
  public let url: String
  /// What has come of the file, where the request wanted it kept and the server's version of it can be told from others.
  public let partialFile: HTTPPartialFile?

  public init(_ kind: Kind, _ message: String, url: String = "", partialFile: HTTPPartialFile? = nil) {
    self.kind = kind
    self.message = message
    self.url = url
    self.partialFile = partialFile
  }

  /// The same request may succeed later although nobody changes it, and repeating it does no harm: every request of
  /// this program may be repeated (it reads, or sends items with a stable key). False for a request that is refused as
  /// such: too large, redirected, invalid, cancelled.
  public var isSafeToRetry: Bool {
    switch kind {
    case .resolve, .connect, .tls, .timeout, .truncated, .protocolError, .write, .other: true
    case .tooLarge, .redirect, .invalidRequest, .cancelled: false
    }
  }

  public var description: String { url.isEmpty ? message : "\(url): \(message)" }
}
