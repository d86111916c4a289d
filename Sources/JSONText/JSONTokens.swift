import CSimdjson

/// A document with its structural index: what a cursor walks over. The pointers belong to whoever reads; valid for the
/// time of one ``read(_:source:isStrict:_:)``.
struct JSONTokens {
  let bytes: UnsafePointer<UInt8>
  let byteCount: Int
  let offsets: UnsafePointer<UInt32>
  let count: Int
  /// Bytes before `bytes` that belong to the source (a byte order mark).
  let skippedBytes: Int
  /// No byte of the document is outside a UTF-8 sequence.
  let isUTF8: Bool
  /// Half a surrogate pair is an error; else it is kept reversibly.
  let isStrict: Bool
  let source: String

  /// How deep brackets may be nested in a value that is skipped.
  static let maximumDepth = 1024

  /// Reads one document from `bytes` with a cursor that stands at its root, then checks that nothing follows.
  static func read<R>(
    _ whole: UnsafeBufferPointer<UInt8>, source: String, isStrict: Bool, skippedBytes: Int = 0,
    _ body: (inout JSONCursor) throws -> R
  ) throws -> R {
    let byteOrderMark = whole.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    let text = UnsafeBufferPointer(rebasing: whole[byteOrderMark...])
    let mark = skippedBytes + byteOrderMark
    return try StructuralIndex.withIndex(of: text, source: source) { structure in
      guard structure.outcome == CSIMDJSON_OK, let offsets = structure.offsets, let bytes = text.baseAddress else {
        throw JSONFault.explain(structure, text, source: source, skippedBytes: mark)
      }
      if isStrict, !structure.is_utf8 {
        throw JSONFault.invalidUTF8(in: text, source: source, skippedBytes: mark)
      }
      let tokens = JSONTokens(
        bytes: bytes, byteCount: text.count, offsets: offsets, count: structure.count, skippedBytes: mark,
        isUTF8: structure.is_utf8, isStrict: isStrict, source: source)
      var cursor = try JSONCursor(atRootOf: tokens)
      let result = try body(&cursor)
      try cursor.finish()
      return result
    }
  }

  /// The first byte of a token. `position` must be below ``count``.
  @inline(__always)
  func byte(at position: Int) -> UInt8 { bytes[Int(offsets[position])] }

  /// The bytes of a scalar from its first byte to its last, white space after it left out.
  @inline(__always)
  func scalar(at position: Int) -> UnsafeBufferPointer<UInt8> {
    let start = Int(offsets[position])
    var end = position + 1 < count ? Int(offsets[position + 1]) : byteCount
    while end > start + 1, bytes[end - 1].isJSONWhiteSpace { end -= 1 }
    return UnsafeBufferPointer(start: bytes + start, count: end - start)
  }

  /// The bytes between the quotes of the string that starts at `position`.
  ///
  /// simdjson puts no token inside a string, and one at whatever but white space follows it: so the closing quote is
  /// found from the next token, without a look at the string.
  @inline(__always)
  func stringContents(at position: Int) throws -> UnsafeBufferPointer<UInt8> {
    let token = scalar(at: position)
    guard token.count >= 2, token[token.count - 1] == UInt8(ascii: "\"") else {
      throw error(.malformed, "a string is not closed where it should be", at: position)
    }
    return UnsafeBufferPointer(rebasing: token[1..<token.count - 1])
  }

  /// The position after the value that starts at `position`. Brackets are checked to match; nothing else is.
  func positionAfterValue(at position: Int) throws -> Int {
    switch byte(at: position) {
    case UInt8(ascii: "{"), UInt8(ascii: "["): break
    default: return position + 1
    }
    // One bit for each open bracket, 1 for a brace; full words are put aside.
    var open: UInt64 = 0
    var putAside: [UInt64] = []
    var depth = 0
    var next = position
    while next < count {
      let byte = byte(at: next)
      next += 1
      // `{` 7B, `}` 7D, `[` 5B, `]` 5D: bit 5 tells braces, bits 1 and 2 tell closing from opening.
      switch byte {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        guard depth < Self.maximumDepth else {
          throw error(.tooDeep, "brackets are nested more than \(Self.maximumDepth) deep", at: next - 1)
        }
        if depth > 0, depth % 64 == 0 { putAside.append(open) }
        open = open << 1 | UInt64(byte >> 5 & 1)
        depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        guard open & 1 == UInt64(byte >> 5 & 1) else {
          throw error(.malformed, "a bracket is closed by one of the other kind", at: next - 1)
        }
        open >>= 1
        depth -= 1
        if depth == 0 { return next }
        if depth % 64 == 0, let word = putAside.popLast() { open = word }
      default: break
      }
    }
    throw error(.truncated, "the document ends before this value does", at: position)
  }

  /// An error at a token, or at the end of the document.
  func error(_ kind: JSONError.Kind, _ message: String, at position: Int) -> JSONError {
    let offset = position < count ? Int(offsets[position]) : byteCount
    return JSONError(kind, message, source: source, byteOffset: offset + skippedBytes)
  }

  /// The error for a token that is not what the grammar of JSON allows there.
  func unexpectedToken(at position: Int, expected: String) -> JSONError {
    guard position < count else {
      return error(.truncated, "the document ends where \(expected) was expected", at: position)
    }
    return error(.malformed, "expected \(expected), found \(byte(at: position).shownInJSON)", at: position)
  }
}

extension UInt8 {
  @inline(__always)
  var isJSONWhiteSpace: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }

  var shownInJSON: String {
    if (0x21...0x7E).contains(self) { return "`\(Character(Unicode.Scalar(self)))`" }
    return "byte 0x" + (self < 16 ? "0" : "") + String(self, radix: 16, uppercase: true)
  }
}
