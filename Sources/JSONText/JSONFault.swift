import CSimdjson

/// Finds the place of a fault that simdjson reports without one. Runs on faulty documents only.
enum JSONFault {
  /// - Parameters:
  ///   - text: what was indexed.
  ///   - isLast: the document ends with it.
  static func explain(
    _ structure: csimdjson_structure, _ text: UnsafeBufferPointer<UInt8>, source: String, skippedBytes: Int,
    isLast: Bool
  ) -> JSONError {
    func error(_ kind: JSONError.Kind, _ message: String, at offset: Int? = nil) -> JSONError {
      JSONError(kind, message, source: source, byteOffset: offset.map { $0 + skippedBytes })
    }
    switch structure.outcome {
    case CSIMDJSON_EMPTY:
      return error(.truncated, "the text is empty where a JSON document was expected")
    case CSIMDJSON_UNCLOSED_STRING:
      let start = stringFault(text).unclosed
      if isLast { return error(.truncated, "the document ends within a string", at: start) }
      return error(.malformed, "a string is not closed where it should be", at: start)
    case CSIMDJSON_CONTROL_CHARACTER:
      return error(
        .malformed, "a string has a control character that is not escaped", at: stringFault(text).controlCharacter)
    case CSIMDJSON_TOO_LARGE:
      return error(.tooLarge, "documents of 4 GiB and more cannot be read")
    case CSIMDJSON_NO_MEMORY:
      return error(.memory, "no memory is left to read the document")
    default:
      // Nothing but the inside of a string, or a fault simdjson has a new word for.
      return error(.malformed, "not JSON: \(String(cString: structure.message))")
    }
  }

  static func invalidUTF8(in text: UnsafeBufferPointer<UInt8>, source: String, skippedBytes: Int) -> JSONError {
    JSONError(
      .text, "a byte is not part of valid UTF-8", source: source,
      byteOffset: firstInvalidUTF8(text).map { $0 + skippedBytes })
  }

  /// Where the first control character within a string is, and where a string starts that has no end.
  private static func stringFault(_ text: UnsafeBufferPointer<UInt8>) -> (controlCharacter: Int?, unclosed: Int?) {
    var openedAt: Int?
    var isEscaped = false
    for (offset, byte) in text.enumerated() {
      guard let start = openedAt else {
        if byte == UInt8(ascii: "\"") { openedAt = offset }
        continue
      }
      if byte < 0x20 { return (offset, start) }
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == UInt8(ascii: "\"") {
        openedAt = nil
      }
    }
    return (nil, openedAt)
  }

  /// The offset of the first byte that starts no valid UTF-8 sequence (Unicode 15, table 3-7).
  static func firstInvalidUTF8(_ text: UnsafeBufferPointer<UInt8>) -> Int? {
    var offset = 0
    while offset < text.count {
      let lead = text[offset]
      var second: ClosedRange<UInt8> = 0x80...0xBF
      let length: Int
      switch lead {
      case 0x00...0x7F: length = 1
      case 0xC2...0xDF: length = 2
      case 0xE0: (length, second) = (3, 0xA0...0xBF)
      case 0xED: (length, second) = (3, 0x80...0x9F)
      case 0xE1...0xEF: length = 3
      case 0xF0: (length, second) = (4, 0x90...0xBF)
      case 0xF4: (length, second) = (4, 0x80...0x8F)
      case 0xF1...0xF3: length = 4
      default: return offset
      }
      guard offset + length <= text.count else { return offset }
      if length > 1, !second.contains(text[offset + 1]) { return offset }
      for following in text[offset + 1..<offset + length].dropFirst() where following & 0xC0 != 0x80 { return offset }
      offset += length
    }
    return nil
  }
}
