/// Text as a column of Postgres takes it: without NUL characters. NUL stands as U+FDD0 and `0`, U+FDD0, which is no
/// character, as U+FDD0 and `1`. Any other text stands as it is.
enum StoredText {
  private static let mark: [UInt8] = [0xEF, 0xB7, 0x90]

  static func append(_ text: String, to buffer: inout [UInt8]) {
    var text = text
    text.withUTF8 { bytes in
      guard bytes.contains(where: { $0 == 0 || $0 == mark[0] }) else { return buffer.append(contentsOf: bytes) }
      var index = 0
      while index < bytes.count {
        if bytes[index] == 0 {
          buffer.append(contentsOf: mark + [UInt8(ascii: "0")])
          index += 1
        } else if isMark(UnsafeRawBufferPointer(bytes), index) {
          buffer.append(contentsOf: mark + [UInt8(ascii: "1")])
          index += 3
        } else {
          buffer.append(bytes[index])
          index += 1
        }
      }
    }
  }

  static func read(_ bytes: UnsafeRawBufferPointer) -> String {
    guard bytes.contains(mark[0]) else { return String(decoding: bytes, as: UTF8.self) }
    var text: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if isMark(bytes, index), index + 3 < bytes.count {
        if bytes[index + 3] == UInt8(ascii: "0") { text.append(0) } else { text.append(contentsOf: mark) }
        index += 4
      } else {
        text.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  private static func isMark(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> Bool {
    index + 2 < bytes.count && bytes[index] == mark[0] && bytes[index + 1] == mark[1] && bytes[index + 2] == mark[2]
  }
}
