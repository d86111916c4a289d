import CSimdjson

/// A document with its structural index: what a cursor walks over. Everything belongs to whoever reads; valid for the
/// time of one ``read(_:source:isStrict:skippedBytes:windowSize:_:)``. There is nothing in it whose references
/// would be counted at each token.
///
/// Only a stretch of the document is indexed at a time. Whoever asks about a token has asked ``has(_:)`` before; what
/// is asked about then is the stretch with that token.
struct JSONTokens {
  let bytes: UnsafePointer<UInt8>
  let byteCount: Int
  /// Bytes before `bytes` that belong to the source (a byte order mark, what precedes a part).
  let skippedBytes: Int
  /// Half a surrogate pair is an error; else it is kept reversibly.
  let isStrict: Bool
  private let windows: Unmanaged<TokenWindows>
  private let window: UnsafeMutablePointer<TokenWindow>

  /// What the document is called in errors.
  var source: String { windows._withUnsafeGuaranteedRef { $0.source } }

  /// How deep brackets may be nested in a value that is skipped.
  static let maximumDepth = 1024

  /// Reads one document from `bytes` with a cursor that stands at its root, then checks that nothing follows.
  static func read<R>(
    _ whole: UnsafeBufferPointer<UInt8>, source: String, isStrict: Bool, skippedBytes: Int = 0,
    windowSize: Int = TokenWindows.usualSize, _ body: (inout JSONCursor) throws -> R
  ) throws -> R {
    let byteOrderMark = whole.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    let text = UnsafeBufferPointer(rebasing: whole[byteOrderMark...])
    let mark = skippedBytes + byteOrderMark
    guard let bytes = text.baseAddress, text.count > 0 else {
      throw JSONError(.truncated, "the text is empty where a JSON document was expected", source: source)
    }
    return try StructuralIndex.withIndex(source: source) { index in
      let windows = TokenWindows(of: text, source: source, index: index, size: windowSize) { structure, part, start in
        if structure.outcome != CSIMDJSON_OK || structure.offsets == nil {
          return JSONFault.explain(
            structure, part, source: source, skippedBytes: mark + start, isLast: start + part.count == text.count)
        }
        if isStrict, !structure.is_utf8 {
          return JSONFault.invalidUTF8(in: part, source: source, skippedBytes: mark + start)
        }
        return nil
      }
      return try withExtendedLifetime(windows) {
        let tokens = JSONTokens(
          bytes: bytes, byteCount: text.count, skippedBytes: mark, isStrict: isStrict,
          windows: .passUnretained(windows), window: windows.current)
        var cursor = try JSONCursor(atRootOf: tokens)
        let result = try body(&cursor)
        try cursor.finish()
        return result
      }
    }
  }

  /// Whether the document has so many tokens. Afterwards the token may be asked about.
  @inline(__always)
  func has(_ position: Int) throws -> Bool {
    if position >= window.pointee.first, position < window.pointee.end { return true }
    return try windows._withUnsafeGuaranteedRef { try $0.move(to: position) }
  }

  /// No byte of the stretch at hand is outside a UTF-8 sequence.
  @inline(__always)
  var isUTF8: Bool { window.pointee.isUTF8 }

  /// Where a token starts; where the document ends, for one that it lacks.
  @inline(__always)
  func offset(of position: Int) -> Int {
    let window = window.pointee
    guard let offsets = window.offsets, position >= window.first, position < window.end else {
      // Tokens are asked about in their order, so one that is not at hand is the one after those that are.
      return window.endByte
    }
    return window.start + Int(offsets[position - window.first])
  }

  /// The first byte of a token that the document has.
  @inline(__always)
  func byte(at position: Int) -> UInt8 {
    let offset = offset(of: position)
    return offset < byteCount ? bytes[offset] : 0
  }

  /// The bytes of a scalar from its first byte to its last, white space after it left out.
  @inline(__always)
  func scalar(at position: Int) -> UnsafeBufferPointer<UInt8> {
    let start = offset(of: position)
    var end = offset(of: position + 1)
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
    guard try has(position) else { throw unexpectedToken(at: position, expected: "a value") }
    switch byte(at: position) {
    case UInt8(ascii: "{"), UInt8(ascii: "["): break
    default: return position + 1
    }
    let start = offset(of: position)
    // One bit for each open bracket, 1 for a brace; full words are put aside.
    var open: UInt64 = 0
    var putAside: [UInt64] = []
    var depth = 0
    var next = position
    while try has(next) {
      guard let offsets = window.pointee.offsets else { break }
      let (text, first, end) = (bytes + window.pointee.start, window.pointee.first, window.pointee.end)
      while next < end {
        let byte = text[Int(offsets[next - first])]
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
    }
    throw JSONError(
      .truncated, "the document ends before this value does", source: source, byteOffset: start + skippedBytes)
  }

  /// An error at a token, or at the end of the document.
  func error(_ kind: JSONError.Kind, _ message: String, at position: Int) -> JSONError {
    JSONError(kind, message, source: source, byteOffset: offset(of: position) + skippedBytes)
  }

  /// The error for a token that is not what the grammar of JSON allows there.
  func unexpectedToken(at position: Int, expected: String) -> JSONError {
    guard offset(of: position) < byteCount else {
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
