import CCurl

/// What libcurl's callbacks gather while one answer comes in. Used on the lane's thread only.
final class Transfer {
  /// Bytes of headers that an answer may have.
  static let maximumHeaderBytes = 256 << 10
  /// Bytes kept of the body of an answer that is no success.
  static let maximumOtherBytes = 64 << 10

  private(set) var response = HTTPResponse(status: 0)
  /// Why a callback stopped the transfer.
  private(set) var fault: HTTPError?
  private let maximumBytes: Int
  private let isDiscarded: Bool
  private let url: HTTPURL
  private var file: PartialFile?
  private var headerBytes = 0
  private var hasBodyBegun = false

  init(_ request: HTTPRequest, url: HTTPURL) throws(HTTPError) {
    maximumBytes = request.maximumBytes
    isDiscarded = request.destination == .discarded
    self.url = url
    guard case .file(let path) = request.destination else { return }
    do {
      file = try PartialFile(path: path)
    } catch {
      throw Self.error(error, url)
    }
  }

  private var isSuccess: Bool { (200..<300).contains(response.status) }

  /// Ends the transfer well: a successful answer's file appears under its path.
  func finish() throws(HTTPError) {
    guard isSuccess else { return }
    do {
      try file?.putInPlace()
    } catch {
      throw Self.error(error, url)
    }
  }

  /// Whether the transfer is to go on.
  fileprivate func take(header line: UnsafeRawBufferPointer) -> Bool {
    // Fields after the body (trailers) say nothing that is asked for.
    if hasBodyBegun { return true }
    headerBytes += line.count
    guard headerBytes <= Self.maximumHeaderBytes else {
      fault = HTTPError(
        .tooLarge, "the answer's headers have more than \(Self.maximumHeaderBytes) bytes", url: url.printable)
      return false
    }
    let text = String(decoding: line, as: UTF8.self)
    if text.hasPrefix("HTTP/") {
      // A new answer: after 100 Continue, or after a proxy's own.
      let fields = text.split(whereSeparator: \.isWhitespace)
      response = HTTPResponse(status: fields.count > 1 ? Int(fields[1]) ?? 0 : 0)
    } else if let colon = text.firstIndex(of: ":") {
      let value = text[text.index(after: colon)...].trimmed
      response.headers.append((name: String(text[..<colon]), value: String(value)))
    }
    return true
  }

  fileprivate func take(body bytes: UnsafeRawBufferPointer) -> Bool {
    hasBodyBegun = true
    let limit = isSuccess ? maximumBytes : min(maximumBytes, Self.maximumOtherBytes)
    guard bytes.count <= limit - response.bytesReceived else {
      if isSuccess, isDiscarded {
        response.isBodyCut = true
      } else if isSuccess {
        fault = HTTPError(
          .tooLarge, "the answer's body has more than the \(limit) bytes allowed", url: url.printable)
      } else {
        // The status says enough, with the start of what the server has to say about it.
        response.body += bytes.prefix(limit - response.bytesReceived)
        response.bytesReceived = limit
        response.isBodyCut = true
      }
      return false
    }
    response.bytesReceived += bytes.count
    if isSuccess, isDiscarded { return true }
    guard isSuccess, file != nil else {
      response.body += bytes
      return true
    }
    do {
      try file?.append(bytes)
      return true
    } catch {
      fault = Self.error(error, url)
      return false
    }
  }

  private static func error(_ fault: WriteFault, _ url: HTTPURL) -> HTTPError {
    HTTPError(.write, "the body could not be kept: \(fault.message)", url: url.printable)
  }
}

extension Substring {
  fileprivate var trimmed: Substring {
    var text = self
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return text.drop(while: \.isWhitespace)
  }
}

// C callbacks must be plain functions: a closure could inherit an actor's isolation and trap.

func takeHeader(
  _ bytes: UnsafeMutablePointer<CChar>, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
  guard let context else { return 0 }
  let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
  return transfer.take(header: UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
}

func takeBody(
  _ bytes: UnsafeMutablePointer<CChar>, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
  guard let context else { return 0 }
  let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
  // libcurl never calls with nothing; 0 would look like a refusal.
  return transfer.take(body: UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
}
