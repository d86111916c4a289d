import CSimdjson

/// The stretch of a document that is indexed at the moment.
///
/// Offsets are counted from the stretch's first byte, which is the first byte of a token; so is the byte after it.
struct TokenWindow {
  var offsets: UnsafePointer<UInt32>?
  /// The numbers of its first token and of the one after its last, counted from the document's first.
  var first = 0
  var end = 0
  /// Where it starts and ends.
  var start = 0
  var endByte = 0
  /// No byte of it is outside a UTF-8 sequence.
  var isUTF8 = true
}

/// Indexes a document stretch by stretch: the index of a whole one would take half as much memory as its text.
///
/// A stretch ends before a quote that opens a string. Such a quote is known without reading what precedes it: where
/// a letter, a digit or `_` follows, and no backslash precedes, it can be no closing quote and no escaped one. What has
/// no such quote for long is read byte by byte to find an end.
final class TokenWindows {
  /// Bytes of a stretch, unless one string is longer.
  static let usualSize = 1 << 20

  let current: UnsafeMutablePointer<TokenWindow>
  let source: String
  private let bytes: UnsafeBufferPointer<UInt8>
  private let index: StructuralIndex
  private let size: Int
  private let fault: (csimdjson_structure, UnsafeBufferPointer<UInt8>, Int) -> JSONError?
  /// Where each stretch that was come upon starts: a reader may go back to where a damaged value began.
  private var starts: [(first: Int, start: Int)] = []
  /// Where the first token is. A stretch of white space alone has none, which is an error.
  private let begin: Int

  /// - Parameters:
  ///   - source: what the document is called in errors.
  ///   - fault: what is wrong with a stretch, by its index, its bytes, and how many bytes precede it.
  init(
    of bytes: UnsafeBufferPointer<UInt8>, source: String, index: StructuralIndex, size: Int,
    fault: @escaping (csimdjson_structure, UnsafeBufferPointer<UInt8>, Int) -> JSONError?
  ) {
    self.bytes = bytes
    self.source = source
    self.index = index
    self.size = max(size, 1)
    self.fault = fault
    begin = bytes.firstIndex { !$0.isJSONWhiteSpace } ?? 0
    current = .allocate(capacity: 1)
    current.initialize(to: TokenWindow())
  }

  deinit { current.deallocate() }

  /// Makes the stretch with a token the current one; false when the document ends before it.
  func move(to token: Int) throws -> Bool {
    if token < current.pointee.first || current.pointee.offsets == nil {
      let back = starts.last { $0.first <= token } ?? (0, begin)
      try load(first: back.first, start: back.start)
    }
    while token >= current.pointee.end {
      guard current.pointee.endByte < bytes.count else { return false }
      try load(first: current.pointee.end, start: current.pointee.endByte)
    }
    return true
  }

  private func load(first: Int, start: Int) throws {
    let end = end(from: start)
    let text = UnsafeBufferPointer(rebasing: bytes[start..<end])
    guard let bytes = text.baseAddress else { return }
    let structure = index.build(bytes, count: text.count)
    current.pointee.offsets = nil
    if let error = fault(structure, text, start) { throw error }
    if first >= (starts.last?.first ?? -1) + 1 { starts.append((first, start)) }
    current.pointee = TokenWindow(
      offsets: structure.offsets, first: first, end: first + structure.count, start: start, endByte: end,
      isUTF8: structure.is_utf8)
  }

  private func end(from start: Int) -> Int {
    guard size < bytes.count - start else { return bytes.count }
    var place = start + size - 1
    while place > start {
      if bytes[place] == UInt8(ascii: "\""), bytes[place - 1] != UInt8(ascii: "\\"), bytes[place + 1].isWordInJSON {
        return place
      }
      place -= 1
    }
    return endOfUnusualText(from: start)
  }

  /// Where there is no such quote: before the last token that is reached by reading on from the start.
  private func endOfUnusualText(from start: Int) -> Int {
    var last: Int?
    var isInString = false
    var place = start
    while place < bytes.count {
      if let last, place - start >= size { return last }
      switch bytes[place] {
      case UInt8(ascii: "\""):
        if !isInString, place > start { last = place }
        isInString.toggle()
      case UInt8(ascii: "\\") where isInString: place += 1
      case UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"),
        UInt8(ascii: "}"):
        if !isInString, place > start { last = place }
      default: break
      }
      place += 1
    }
    return bytes.count
  }
}

extension UInt8 {
  fileprivate var isWordInJSON: Bool {
    switch self {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
    default: false
    }
  }
}
