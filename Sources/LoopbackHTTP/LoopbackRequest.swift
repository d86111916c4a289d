import CZlib

/// A request as it came in, whole.
public struct LoopbackRequest: Sendable {
  /// The method, in capitals.
  public var method: String
  /// The path, percent escapes undone.
  public var path: String
  /// Path and query as the client wrote them.
  public var target: String
  /// The query's names and values in order, escapes undone; a name without `=` has an empty value.
  public var query: [(name: String, value: String)]
  /// In the order they came.
  public var headers: [(name: String, value: String)]
  /// The body as it came over the wire.
  public var body: [UInt8]
  /// How many requests the server had received before this one.
  public var receivedIndex: Int
  /// How many connections the server had accepted before the one of this request: equal for requests that share one.
  public var connectionIndex: Int

  /// The first header of that name, in whatever case.
  public func header(_ name: String) -> String? {
    let name = name.lowercased()
    return headers.first { $0.name.lowercased() == name }?.value
  }

  /// The first value of that name in the query.
  public func queryValue(_ name: String) -> String? { query.first { $0.name == name }?.value }

  /// The body with `Content-Encoding: gzip` undone; nil when it is said to be gzip and is not.
  public var decodedBody: [UInt8]? {
    guard header("content-encoding")?.lowercased() == "gzip" else { return body }
    var stream = z_stream()
    guard czlib_inflate_start(&stream) == Z_OK else { return nil }
    defer { inflateEnd(&stream) }
    var input = body
    var output: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    var result = Z_OK
    input.withUnsafeMutableBufferPointer { input in
      stream.next_in = input.baseAddress
      stream.avail_in = UInt32(input.count)
      while result == Z_OK {
        let capacity = piece.count
        let made = piece.withUnsafeMutableBufferPointer { piece in
          stream.next_out = piece.baseAddress
          stream.avail_out = UInt32(capacity)
          result = inflate(&stream, Z_NO_FLUSH)
          return capacity - Int(stream.avail_out)
        }
        output += piece[..<made]
      }
    }
    return result == Z_STREAM_END ? output : nil
  }
}
