/// A value as Airflow stores it in `xcom.value`.
enum StoredXCom {
  case text(String)
  case number(Int64)

  /// 2.x: the bytes of JSON or of a pickle (protocol 4); 3.x: jsonb.
  func sql(isJSONB: Bool, isPickled: Bool) -> String {
    let json =
      switch self {
      case .text(let text): "\"\(text)\""
      case .number(let number): "\(number)"
      }
    if isJSONB { return "'\(json)'::jsonb" }
    return isPickled ? "'\\x\(hex(pickle))'" : "convert_to('\(json)', 'UTF8')"
  }

  private var pickle: [UInt8] {
    var body: [UInt8]
    switch self {
    case .text(let text):
      // SHORT_BINUNICODE, MEMOIZE
      body = [0x8C, UInt8(truncatingIfNeeded: text.utf8.count)] + Array(text.utf8) + [0x94]
    case .number(let number) where Int32(exactly: number) != nil:
      // BININT
      body = [0x4A] + littleEndian(number, 4)
    case .number(let number):
      // LONG1
      body = [0x8A, 8] + littleEndian(number, 8)
    }
    // STOP
    body.append(0x2E)
    // PROTO 4, FRAME
    return [0x80, 0x04, 0x95] + littleEndian(Int64(body.count), 8) + body
  }

  private func littleEndian(_ value: Int64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
  }
}
