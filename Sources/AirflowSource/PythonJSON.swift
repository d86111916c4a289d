import JSONText

/// Reads what Python's `json.dumps` writes, which is JSON but for `NaN`, `Infinity` and `-Infinity`.
enum PythonJSON {
  /// nil when it is no such text. The three numbers that JSON does not have become `{"opaque": kind, "bytes": n}`.
  static func value(_ bytes: [UInt8]) -> JSONValue? {
    try? JSONValue(parsing: replacingNonFinite(bytes))
  }

  private static let names: [(text: [UInt8], kind: String)] = [
    (Array("NaN".utf8), "nan"), (Array("-Infinity".utf8), "-infinity"), (Array("Infinity".utf8), "infinity"),
  ]

  private static func replacingNonFinite(_ bytes: [UInt8]) -> [UInt8] {
    // All three have a capital letter.
    guard bytes.contains(where: { $0 == UInt8(ascii: "N") || $0 == UInt8(ascii: "I") }) else { return bytes }
    var result: [UInt8] = []
    var copied = 0
    var isInString = false
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      if byte == UInt8(ascii: "\"") {
        isInString.toggle()
      } else if isInString, byte == UInt8(ascii: "\\") {
        index += 1
      } else if !isInString, let name = names.first(where: { bytes[index...].starts(with: $0.text) }) {
        result += bytes[copied..<index]
        result += JSONValue.opaque(name.kind, bytes: name.text.count).rawJSON.text.utf8
        index += name.text.count
        copied = index
        continue
      }
      index += 1
    }
    return copied == 0 ? bytes : result + bytes[copied...]
  }
}
