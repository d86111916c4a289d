import ExecutionModel

/// Writes canonical JSON into one reused byte buffer: the same values give the same bytes.
///
/// Fields come out in the order of the calls, strings escape only what JSON demands (`"`, `\`, control characters),
/// doubles are the shortest text that reads back the same. No white space. Commas are put by the writer.
public struct JSONWriter: Sendable {
  /// What was written so far. May be taken and emptied between two values to stream a large document.
  public var bytes: [UInt8] = []
  private var needsComma = false

  public init(reservingCapacity capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  /// Empties the buffer, keeps its memory, and starts a new document.
  public mutating func reset() {
    bytes.removeAll(keepingCapacity: true)
    needsComma = false
  }

  /// What was written, as text.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  // MARK: Structure

  public mutating func beginObject() { open(UInt8(ascii: "{")) }
  public mutating func endObject() { close(UInt8(ascii: "}")) }
  public mutating func beginArray() { open(UInt8(ascii: "[")) }
  public mutating func endArray() { close(UInt8(ascii: "]")) }

  /// An object whose members `body` writes.
  public mutating func object(_ body: (inout JSONWriter) throws -> Void) rethrows {
    beginObject()
    try body(&self)
    endObject()
  }

  /// An array whose elements `body` writes.
  public mutating func array(_ body: (inout JSONWriter) throws -> Void) rethrows {
    beginArray()
    try body(&self)
    endArray()
  }

  /// Ends a document in a stream of lines (NDJSON).
  public mutating func newline() {
    bytes.append(0x0A)
    needsComma = false
  }

  /// The name of the next member.
  public mutating func key(_ name: StaticString) {
    separate()
    bytes.append(0x22)
    name.withUTF8Buffer { bytes.append(contentsOf: $0) }
    bytes.append(0x22)
    bytes.append(0x3A)
    needsComma = false
  }

  /// The name of the next member, escaped where needed.
  public mutating func key(_ name: String) {
    string(name)
    bytes.append(0x3A)
    needsComma = false
  }

  // MARK: Values

  public mutating func null() { literal("null") }
  public mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }
  public mutating func integer(_ value: some BinaryInteger) { literal(String(value)) }

  /// The shortest text that reads back as the same double; whole numbers without a fraction (`120`, not `120.0`).
  /// NaN and the infinities, which JSON does not have, become null.
  public mutating func double(_ value: Double) {
    guard value.isFinite else { return null() }
    if value == value.rounded(), abs(value) < 0x1p54 {  // beyond it `description` has an exponent, no fraction
      literal(value == 0 ? "0" : String(Int64(value)))
    } else {
      literal(value.description)
    }
  }

  /// A value that is JSON text already.
  public mutating func raw(_ json: RawJSON) { literal(json.text) }

  public mutating func string(_ value: String) {
    separate()
    bytes.append(0x22)
    // A copy would have to be made for `withUTF8`, and its references counted.
    if value.utf8.withContiguousStorageIfAvailable({ appendEscaped($0) }) == nil {
      var text = value
      text.withUTF8 { appendEscaped($0) }
    }
    bytes.append(0x22)
    needsComma = true
  }

  public mutating func string(_ value: Substring) { string(String(value)) }

  /// RFC 3339, or null.
  public mutating func instant(_ value: Instant?) {
    if let value { string(value.rfc3339) } else { null() }
  }

  // MARK: Members

  public mutating func member(_ name: StaticString, _ value: String?) {
    key(name)
    if let value { string(value) } else { null() }
  }
  public mutating func member(_ name: StaticString, _ value: Bool?) {
    key(name)
    if let value { bool(value) } else { null() }
  }
  public mutating func member(_ name: StaticString, _ value: Int?) {
    key(name)
    if let value { integer(value) } else { null() }
  }
  public mutating func member(_ name: StaticString, _ value: Int64?) {
    key(name)
    if let value { integer(value) } else { null() }
  }
  public mutating func member(_ name: StaticString, _ value: Double?) {
    key(name)
    if let value { double(value) } else { null() }
  }
  public mutating func member(_ name: StaticString, _ value: Instant?) {
    key(name)
    instant(value)
  }
  public mutating func member(_ name: StaticString, _ value: RawJSON?) {
    key(name)
    if let value { raw(value) } else { null() }
  }
  public mutating func member(_ name: StaticString, _ values: [String]) {
    key(name)
    array { writer in for value in values { writer.string(value) } }
  }

  // MARK: Bytes

  private mutating func separate() {
    if needsComma { bytes.append(0x2C) }
  }

  private mutating func open(_ bracket: UInt8) {
    separate()
    bytes.append(bracket)
    needsComma = false
  }

  private mutating func close(_ bracket: UInt8) {
    bytes.append(bracket)
    needsComma = true
  }

  private mutating func literal(_ text: String) {
    separate()
    bytes.append(contentsOf: text.utf8)
    needsComma = true
  }

  private mutating func appendEscaped(_ text: UnsafeBufferPointer<UInt8>) {
    var plainStart = 0
    for index in 0..<text.count {
      let byte = text[index]
      if byte >= 0x20, byte != 0x22, byte != 0x5C { continue }
      bytes.append(contentsOf: text[plainStart..<index])
      plainStart = index + 1
      switch byte {
      case 0x22, 0x5C:
        bytes.append(0x5C)
        bytes.append(byte)
      case 0x08: bytes.append(contentsOf: "\\b".utf8)
      case 0x09: bytes.append(contentsOf: "\\t".utf8)
      case 0x0A: bytes.append(contentsOf: "\\n".utf8)
      case 0x0C: bytes.append(contentsOf: "\\f".utf8)
      case 0x0D: bytes.append(contentsOf: "\\r".utf8)
      default:
        bytes.append(contentsOf: "\\u00".utf8)
        bytes.append(Self.hexDigits[Int(byte >> 4)])
        bytes.append(Self.hexDigits[Int(byte & 15)])
      }
    }
    bytes.append(contentsOf: text[plainStart...])
  }

  private static let hexDigits = Array("0123456789abcdef".utf8)
}
