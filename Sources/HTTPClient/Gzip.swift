import CZlib

/// gzip (RFC 1952) through zlib.
public enum Gzip {
  /// Compresses. The same bytes give the same bytes (with the same zlib): no time and no name are written.
  public static func compress(_ bytes: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    precondition(czlib_deflate_start(&stream) == Z_OK, "zlib has no memory left")
    defer { deflateEnd(&stream) }
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count / 3 + 64)
    _ = bytes.withUnsafeBufferPointer { input in
      pump(&stream, input) {
        deflate(&$0, $1 ? Z_FINISH : Z_NO_FLUSH)
      } take: {
        output += $0
        return true
      }
    }
    return output
  }

  /// Undoes ``compress(_:)`` or anybody's gzip, several members after each other included.
  ///
  /// Throws ``HTTPError`` of kind `tooLarge` when more than `maximumBytes` would come out, `truncated` when the end is
  /// missing, `protocolError` when it is not gzip.
  public static func decompress(_ bytes: [UInt8], maximumBytes: Int) throws -> [UInt8] {
    var stream = z_stream()
    precondition(czlib_inflate_start(&stream) == Z_OK, "zlib has no memory left")
    defer { inflateEnd(&stream) }
    var output: [UInt8] = []
    var isTooLarge = false
    let result = bytes.withUnsafeBufferPointer { input in
      pump(&stream, input) { stream, _ in
        let result = inflate(&stream, Z_NO_FLUSH)
        // Another member may follow.
        return result == Z_STREAM_END && stream.avail_in > 0 ? inflateReset(&stream) : result
      } take: { piece in
        isTooLarge = piece.count > maximumBytes - output.count
        if !isTooLarge { output += piece }
        return !isTooLarge
      }
    }
    if isTooLarge { throw HTTPError(.tooLarge, "gzip data has more than \(maximumBytes) bytes inside") }
    switch result {
    case Z_STREAM_END: return output
    case Z_OK, Z_BUF_ERROR: throw HTTPError(.truncated, "gzip data ends before it is complete")
    default: throw HTTPError(.protocolError, "not valid gzip data")
    }
  }

  /// Runs a stream over the whole input, a gigabyte at a time, until it ends or wants more; gives its last result.
  private static func pump(
    _ stream: inout z_stream, _ input: UnsafeBufferPointer<UInt8>, _ step: (inout z_stream, _ isLast: Bool) -> Int32,
    take: (UnsafeBufferPointer<UInt8>) -> Bool
  ) -> Int32 {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1 << 15) { buffer in
      var given = 0
      while true {
        if stream.avail_in == 0, given < input.count {
          let count = min(input.count - given, 1 << 30)
          // zlib's interface is not const-correct: it only reads.
          stream.next_in = input.baseAddress.map { UnsafeMutablePointer(mutating: $0 + given) }
          stream.avail_in = UInt32(count)
          given += count
        }
        stream.next_out = buffer.baseAddress
        stream.avail_out = UInt32(buffer.count)
        let result = step(&stream, given == input.count)
        let made = buffer.count - Int(stream.avail_out)
        guard take(UnsafeBufferPointer(rebasing: UnsafeBufferPointer(buffer)[..<made])) else { return result }
        guard result == Z_OK else { return result }
        // No more input and room left in the output: nothing more will come of it.
        if stream.avail_in == 0, given == input.count, stream.avail_out > 0, made == 0 { return result }
      }
    }
  }
}
