import ExecutionModel
import Glibc

/// Turns the bytes between two quotes into text.
enum JSONStringText {
  /// What is wrong within a string, and how many bytes after its opening quote.
  struct Fault: Error {
    let kind: JSONError.Kind
    let message: String
    let offset: Int
  }

  /// - Parameters:
  ///   - raw: the bytes between the quotes
  ///   - isUTF8: every byte of the document is part of a UTF-8 sequence
  ///   - isStrict: half a surrogate pair is an error. Else it is kept as the three bytes that it would have in UTF-8,
  ///     and those as ``Swift/String/init(lossless:)`` keeps any byte that is no text
  static func decode(_ raw: UnsafeBufferPointer<UInt8>, isUTF8: Bool, isStrict: Bool) throws(Fault) -> String {
    guard let start = raw.baseAddress, raw.count > 0 else { return "" }
    guard memchr(start, 0x5C, raw.count) != nil else { return text(raw, isUTF8: isUTF8, isStrict: isStrict) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(raw.count)
    let isText = try unescape(raw, into: &bytes, isStrict: isStrict)
    return bytes.withUnsafeBufferPointer { text($0, isUTF8: isUTF8 && isText, isStrict: isStrict) }
  }

  /// The text from a pool; nil for what is better made anew: text so short that it needs no memory of its own, or with
  /// escapes.
  static func pooled(_ raw: UnsafeBufferPointer<UInt8>, isStrict: Bool, _ pool: inout TextPool) -> String? {
    guard raw.count > 15, !isStrict, let start = raw.baseAddress, memchr(start, 0x5C, raw.count) == nil else {
      return nil
    }
    return pool.text(UnsafeRawBufferPointer(raw))
  }

  private static func text(_ bytes: UnsafeBufferPointer<UInt8>, isUTF8: Bool, isStrict: Bool) -> String {
    guard let start = bytes.baseAddress else { return "" }
    // Only text with U+FFFD (EF BF BD) can come out other than it is.
    let isPlain = isUTF8 && (isStrict || memchr(start, 0xEF, bytes.count) == nil)
    return isPlain ? String(decoding: bytes, as: UTF8.self) : String(lossless: bytes)
  }

  /// Whether the outcome is text: false when half a surrogate pair was kept.
  private static func unescape(
    _ raw: UnsafeBufferPointer<UInt8>, into bytes: inout [UInt8], isStrict: Bool
  ) throws(Fault) -> Bool {
    var isText = true
    var next = 0
    while next < raw.count {
      guard raw[next] == UInt8(ascii: "\\") else {
        let end = raw[next...].firstEscape ?? raw.count
        bytes.append(contentsOf: raw[next..<end])
        next = end
        continue
      }
      guard next + 1 < raw.count else { throw Fault(kind: .malformed, message: "a string ends in `\\`", offset: next) }
      switch raw[next + 1] {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(raw[next + 1])
      case UInt8(ascii: "b"): bytes.append(0x08)
      case UInt8(ascii: "f"): bytes.append(0x0C)
      case UInt8(ascii: "n"): bytes.append(0x0A)
      case UInt8(ascii: "r"): bytes.append(0x0D)
      case UInt8(ascii: "t"): bytes.append(0x09)
      case UInt8(ascii: "u"):
        guard let unit = hexDigits(raw, at: next + 2) else {
          throw Fault(kind: .malformed, message: "`\\u` is not followed by four hex digits", offset: next)
        }
        var scalar = unit
        if unit & 0xFC00 == 0xD800, next + 7 < raw.count, raw[next + 6] == UInt8(ascii: "\\"),
          raw[next + 7] == UInt8(ascii: "u"), let low = hexDigits(raw, at: next + 8), low & 0xFC00 == 0xDC00
        {
          scalar = 0x10000 + (unit & 0x3FF) << 10 + low & 0x3FF
          next += 6
        } else if unit & 0xF800 == 0xD800 {
          guard !isStrict else {
            throw Fault(kind: .text, message: "a `\\u` escape is half of a surrogate pair", offset: next)
          }
          isText = false
        }
        append(scalar, to: &bytes)
        next += 4
      default:
        throw Fault(kind: .malformed, message: "`\\` is followed by \(raw[next + 1].shownInJSON)", offset: next)
      }
      next += 2
    }
    return isText
  }

  private static func hexDigits(_ raw: UnsafeBufferPointer<UInt8>, at offset: Int) -> UInt32? {
    guard offset + 4 <= raw.count else { return nil }
    var value: UInt32 = 0
    for byte in raw[offset..<offset + 4] {
      switch byte {
      case 0x30...0x39: value = value << 4 | UInt32(byte - 0x30)
      case 0x41...0x46: value = value << 4 | UInt32(byte - 0x41 + 10)
      case 0x61...0x66: value = value << 4 | UInt32(byte - 0x61 + 10)
      default: return nil
      }
    }
    return value
  }

  /// UTF-8 of a scalar; of half a surrogate pair what UTF-8 would give if it allowed it.
  private static func append(_ scalar: UInt32, to bytes: inout [UInt8]) {
    func continuation(_ shift: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: 0x80 | scalar >> shift & 0x3F) }
    switch scalar {
    case 0..<0x80: bytes.append(UInt8(truncatingIfNeeded: scalar))
    case 0x80..<0x800: bytes += [UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6), continuation(0)]
    case 0x800..<0x10000:
      bytes += [UInt8(truncatingIfNeeded: 0xE0 | scalar >> 12), continuation(6), continuation(0)]
    default:
      bytes += [
        UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18), continuation(12), continuation(6), continuation(0),
      ]
    }
  }
}

extension Slice<UnsafeBufferPointer<UInt8>> {
  /// The index of the first backslash.
  fileprivate var firstEscape: Int? {
    guard let start = base.baseAddress, let hit = memchr(start + startIndex, 0x5C, count) else { return nil }
    return startIndex + (UnsafeRawPointer(hit) - UnsafeRawPointer(start + startIndex))
  }
}
