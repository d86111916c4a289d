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
  private let keepsPartialFile: Bool
  /// What the request goes on with; nil when it asks for the whole.
  private(set) var rest: HTTPPartialFile?
  private let url: HTTPURL
  private var file: PartialFile?
  private var headerBytes = 0
  private var hasBodyBegun = false

  init(_ request: HTTPRequest, url: HTTPURL) throws(HTTPError) {
    maximumBytes = request.maximumBytes
    isDiscarded = request.destination == .discarded
    self.url = url
    keepsPartialFile = request.keepsPartialFile
    guard case .file(let path) = request.destination else { return }
    do {
      if let rest = request.goesOnWith, let file = PartialFile(goingOnWith: rest, path: path) {
        self.file = consume file
        self.rest = rest
      } else {
        file = try PartialFile(path: path)
      }
    } catch {
      throw Self.error(error, url)
    }
  }

  private var isSuccess: Bool { (200..<300).contains(response.status) }

  /// Ends the transfer well: a successful answer's file appears under its path.
  func finish() throws(HTTPError) {
    guard isSuccess else {
      // The server may have the file later. Where it says that there is none, or no such part, nothing is gone on with.
      if rest != nil, ![404, 410, 412, 416].contains(response.status) { _ = file?.keep() }
      return
    }
    guard file != nil else { return }
    guard hasBodyBegun || beginBody() else { throw fault ?? HTTPError(.other, "no body", url: url.printable) }
    if let whole = range?.whole, whole != response.bytesReceived {
      throw HTTPError(
        .truncated, "the server sent \(response.bytesReceived) bytes of \(whole)", url: url.printable)
    }
    if response.status == 206 { response.status = 200 }
    do {
      try file?.putInPlace()
    } catch {
      throw Self.error(error, url)
    }
  }

  /// The error of a transfer that broke, with what can be gone on with.
  func keepingFile(_ error: HTTPError) -> HTTPError {
    guard keepsPartialFile, error.isSafeToRetry, error.kind != .write else { return error }
    guard hasBodyBegun, isSuccess else {
      // Nothing new has come: what there was is as good as before.
      guard let rest else { return error }
      _ = file?.keep()
      return HTTPError(error.kind, error.message, url: error.url, partialFile: rest)
    }
    // Only a strong validator tells one version from another (RFC 9110, section 13.1.5).
    guard let validator = response.header("ETag"), validator.hasPrefix("\""), validator.utf8.count <= 1024,
      validator.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }), let path = file?.keep()
    else { return error }
    // Of a compressed body the file has something else than what the server counts.
    let bytes = isEncoded ? 0 : response.bytesReceived
    return HTTPError(
      error.kind, error.message, url: error.url,
      partialFile: HTTPPartialFile(path: path, bytes: bytes, validator: validator))
  }

  private var isEncoded: Bool { response.header("Content-Encoding").map { $0.lowercased() != "identity" } ?? false }

  /// The part of the file that the server sends; nil for the whole.
  private var range: ContentRange? {
    response.status == 206 ? response.header("Content-Range").flatMap { ContentRange($0) } : nil
  }

  /// Before the first byte of a file: whether it is the part that was asked for, and not too large.
  private func beginBody() -> Bool {
    if response.status == 206 {
      let validator = response.header("ETag")
      guard let rest, range?.first == rest.bytes, !isEncoded, validator == nil || validator == rest.validator else {
        fault = HTTPError(
          .protocolError, "the server sent another part of the file than that asked for", url: url.printable)
        return false
      }
      response.bytesReceived = rest.bytes
    } else if rest != nil {
      do { try file?.startAnew() } catch {
        fault = Self.error(error, url)
        return false
      }
    }
    let length = isEncoded ? nil : response.header("Content-Length").flatMap { Int($0) }
    if let length, length > maximumBytes - response.bytesReceived { return refuse(limit: maximumBytes) }
    return true
  }

  private func refuse(limit: Int) -> Bool {
    fault = HTTPError(.tooLarge, "the answer's body has more than the \(limit) bytes allowed", url: url.printable)
    return false
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
    if !hasBodyBegun {
      hasBodyBegun = true
      if isSuccess, file != nil, !beginBody() { return false }
    }
    let limit = isSuccess ? maximumBytes : min(maximumBytes, Self.maximumOtherBytes)
    guard bytes.count <= limit - response.bytesReceived else {
      if isSuccess, isDiscarded {
        response.isBodyCut = true
      } else if isSuccess {
        return refuse(limit: limit)
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
