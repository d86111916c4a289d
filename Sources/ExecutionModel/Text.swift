extension String {
  /// Text from bytes that should be UTF-8 but need not be (a database with encoding SQL_ASCII, a file name in an
  /// artifact), so that different bytes always give different text and the bytes can be had back with
  /// ``losslessBytes``.
  ///
  /// A byte that is part of no valid sequence becomes U+FFFD followed by its two upper-case hex digits (`80`…`FF`).
  /// A genuine U+FFFD that two hex digits happen to follow becomes U+FFFD `00`. All other text is left alone.
  public init(lossless bytes: some Collection<UInt8>) {
    if let text = bytes.withContiguousStorageIfAvailable({ String(lossless: UnsafeRawBufferPointer($0)) }) {
      self = text
    } else {
      self = Array(bytes).withUnsafeBytes { String(lossless: $0) }
    }
  }

  /// As ``init(lossless:)`` for a collection, without its cost: every text column of every row passes here.
  public init(lossless bytes: UnsafeRawBufferPointer) {
    // Decoding repairs with U+FFFD what is invalid: without one in the result, whose first byte is 0xEF, nothing was.
    // (`String(validating:as:)` is three times slower.)
    let text = String(decoding: bytes, as: UTF8.self)
    if bytes.isASCII || !text.utf8.contains(0xEF) {
      self = text
      return
    }
    var scalars = String.UnicodeScalarView()
    var iterator = LosslessScalars(bytes: Array(bytes))
    while let piece = iterator.next() {
      switch piece {
      case .scalar("\u{FFFD}") where iterator.hexDigitsFollow:
        scalars.append(contentsOf: "\u{FFFD}00".unicodeScalars)
      case .scalar(let scalar): scalars.append(scalar)
      case .invalid(let byte):
        let hex = String(byte, radix: 16, uppercase: true)
        scalars.append(contentsOf: "\u{FFFD}\(hex)".unicodeScalars)
      }
    }
    self = String(scalars)
  }

  /// Whether both are written with the same bytes. `==` also holds for other spellings of the same characters (é as one
  /// scalar or as two), which are different identifiers to a database.
  public func hasSameBytes(as other: String) -> Bool {
    utf8.count == other.utf8.count && compareBytes(with: other) == 0
  }

  /// Whether this text comes first when bytes are compared, as databases with the collation `C` do it.
  public func precedesInBytes(_ other: String) -> Bool { compareBytes(with: other) < 0 }

  /// Less than, equal to or greater than 0, like memcmp; a text precedes what it begins.
  public func compareBytes(with other: String) -> Int {
    let result = utf8.withContiguousStorageIfAvailable { mine in
      other.utf8.withContiguousStorageIfAvailable { theirs in
        let (mine, theirs) = (UnsafeRawBufferPointer(mine), UnsafeRawBufferPointer(theirs))
        let shared = min(mine.count, theirs.count)
        var offset = 0
        while offset + 8 <= shared {
          let left = UInt64(bigEndian: mine.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
          let right = UInt64(bigEndian: theirs.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
          if left != right { return left < right ? -1 : 1 }
          offset += 8
        }
        while offset < shared {
          if mine[offset] != theirs[offset] { return Int(mine[offset]) - Int(theirs[offset]) }
          offset += 1
        }
        return mine.count - theirs.count
      }
    }
    if let result, let result { return result }
    // Text that is not stored as UTF-8 does not occur on this platform, but would still be compared right.
    if utf8.elementsEqual(other.utf8) { return 0 }
    return utf8.lexicographicallyPrecedes(other.utf8) ? -1 : 1
  }

  /// The first sixteen bytes as two numbers, filled up with zeros: where those of two texts differ, the texts are in the
  /// same order.
  public var leadingBytes: (UInt64, UInt64) {
    let result = utf8.withContiguousStorageIfAvailable { stored -> (UInt64, UInt64) in
      let bytes = UnsafeRawBufferPointer(stored)
      if bytes.count >= 16 {
        return (
          UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
          UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        )
      }
      return Self.leading(bytes)
    }
    return result ?? Self.leading(utf8.prefix(16))
  }

  private static func leading(_ bytes: some Sequence<UInt8>) -> (UInt64, UInt64) {
    var numbers: (UInt64, UInt64) = (0, 0)
    for (index, byte) in bytes.enumerated() {
      if index < 8 { numbers.0 |= UInt64(byte) << UInt64(56 - 8 * index) }
      if index >= 8 { numbers.1 |= UInt64(byte) << UInt64(120 - 8 * index) }
    }
    return numbers
  }

  /// The bytes that ``init(lossless:)`` was given.
  public var losslessBytes: [UInt8] {
    // 0xEF begins U+FFFD; without one nothing is escaped.
    if !utf8.contains(0xEF) { return Array(utf8) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(utf8.count)
    let scalars = Array(unicodeScalars)
    var index = 0
    while index < scalars.count {
      if scalars[index] == "\u{FFFD}", index + 2 < scalars.count,
        let high = scalars[index + 1].upperHexDigit, let low = scalars[index + 2].upperHexDigit
      {
        let byte = high << 4 | low
        if byte >= 0x80 || byte == 0 {
          if byte == 0 { bytes.append(contentsOf: "\u{FFFD}".utf8) } else { bytes.append(byte) }
          index += 3
          continue
        }
      }
      bytes.append(contentsOf: String(scalars[index]).utf8)
      index += 1
    }
    return bytes
  }
}

extension UnsafeRawBufferPointer {
  // Eight bytes at a time: most text is short ASCII, and every one of millions is looked at.
  fileprivate var isASCII: Bool {
    var offset = 0
    while offset + 8 <= count {
      if loadUnaligned(fromByteOffset: offset, as: UInt64.self) & 0x8080_8080_8080_8080 != 0 { return false }
      offset += 8
    }
    return self[offset...].allSatisfy { $0 < 0x80 }
  }
}

private struct LosslessScalars {
  enum Piece { case scalar(Unicode.Scalar), invalid(UInt8) }
  let bytes: [UInt8]
  var position = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  var hexDigitsFollow: Bool {
    position + 1 < bytes.count && Unicode.Scalar(bytes[position]).upperHexDigit != nil
      && Unicode.Scalar(bytes[position + 1]).upperHexDigit != nil
  }

  mutating func next() -> Piece? {
    guard position < bytes.count else { return nil }
    for length in 1...4 where position + length <= bytes.count {
      if let text = String(validating: bytes[position..<position + length], as: UTF8.self),
        let scalar = text.unicodeScalars.first
      {
        position += length
        return .scalar(scalar)
      }
    }
    defer { position += 1 }
    return .invalid(bytes[position])
  }
}

extension Unicode.Scalar {
  fileprivate var upperHexDigit: UInt8? {
    switch self {
    case "0"..."9": UInt8(value - 0x30)
    case "A"..."F": UInt8(value - 0x41 + 10)
    default: nil
    }
  }
}
