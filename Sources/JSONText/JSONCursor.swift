import ExecutionModel

/// What a JSON value is.
public enum JSONKind: Hashable, Sendable {
  case object, array, string, number, bool, null
}

/// Stands at one value of a document and reads it in document order, straight from the bytes: nothing is built that is
/// not asked for, and a value that is not read is skipped when its turn is over.
///
/// What is checked: of a value that is read, everything; of one that is skipped, that its brackets match and its
/// strings end. Not checked in a skipped value: commas, colons, names, numbers, literals, escapes, and whether its
/// strings are UTF-8.
///
/// A value can be read once. When a closure throws, the cursor stands at the start of its value again, unread: whoever
/// catches the error may go on with the next value, and one damaged member costs only itself.
public struct JSONCursor: ~Copyable {
  let tokens: JSONTokens
  private(set) var position: Int
  private var isRead = false

  /// What the value is. Tells nothing once the value has been read.
  public private(set) var kind: JSONKind

  init(atRootOf tokens: JSONTokens) throws {
    self.tokens = tokens
    position = 0
    kind = .null
    try stand(at: 0)
  }

  // MARK: Containers

  /// Reads an object: calls `member` for each member in the order of the text, duplicates included.
  /// Throws ``JSONError`` when the value is no object or malformed, and what `member` throws.
  public mutating func object(_ member: (JSONKey, inout JSONCursor) throws -> Void) throws {
    try expect(.object, "an object")
    let start = position
    do {
      position += 1
      if try !closes(UInt8(ascii: "}")) {
        repeat {
          let key = try key()
          try stand(at: position)
          try member(key, &self)
          try leave()
        } while try continues(until: UInt8(ascii: "}"), "`,` or `}`")
      }
      isRead = true
    } catch {
      restore(start, .object)
      throw error
    }
  }

  /// Reads an array: calls `element` for each element in order.
  /// Throws ``JSONError`` when the value is no array or malformed, and what `element` throws.
  public mutating func array(_ element: (inout JSONCursor) throws -> Void) throws {
    try expect(.array, "an array")
    let start = position
    do {
      position += 1
      if try !closes(UInt8(ascii: "]")) {
        repeat {
          try stand(at: position)
          try element(&self)
          try leave()
        } while try continues(until: UInt8(ascii: "]"), "`,` or `]`")
      }
      isRead = true
    } catch {
      restore(start, .array)
      throw error
    }
  }

  // MARK: Scalars

  /// Reads a string. Bytes that are no UTF-8 and halves of surrogate pairs are kept as
  /// ``Swift/String/init(lossless:)`` keeps them. Throws ``JSONError`` when the value is no string or an escape is wrong.
  public mutating func string() throws -> String {
    try expect(.string, "a string")
    let raw = try tokens.stringContents(at: position)
    let text: String
    do {
      text = try JSONStringText.decode(raw, isUTF8: tokens.isUTF8, isStrict: tokens.isStrict)
    } catch {
      let start = tokens.offset(of: position) + 1 + tokens.skippedBytes
      throw JSONError(error.kind, error.message, source: tokens.source, byteOffset: start + error.offset)
    }
    passScalar()
    return text
  }

  /// Reads a string; nil when the value is null or of another kind, which is skipped.
  public mutating func optionalString() throws -> String? {
    guard kind == .string else { return try skipped() }
    return try string()
  }

  /// Reads a string as ``optionalString()`` does, one that comes again and again only once.
  public mutating func optionalString(_ pool: inout TextPool) throws -> String? {
    guard kind == .string else { return try skipped() }
    try expectUnread()
    if let text = JSONStringText.pooled(
      try tokens.stringContents(at: position), isStrict: tokens.isStrict, &pool)
    {
      passScalar()
      return text
    }
    return try string()
  }

  /// Reads a whole number of 64 bits, one written as `120.0` included; nil when the value is null, another number or of
  /// another kind, which is skipped.
  public mutating func optionalInteger() throws -> Int64? {
    guard kind == .number else { return try skipped() }
    return JSONNumber.integer(try numberText())
  }

  /// Reads a number; nil when the value is null, not finite or of another kind, which is skipped.
  public mutating func optionalDouble() throws -> Double? {
    guard kind == .number else { return try skipped() }
    return JSONNumber.double(try numberText())
  }

  /// Reads a bool; nil when the value is null or of another kind, which is skipped.
  public mutating func optionalBool() throws -> Bool? {
    guard kind == .bool else { return try skipped() }
    try expectUnread()
    let isTrue = tokens.byte(at: position) == UInt8(ascii: "t")
    try passLiteral(isTrue ? "true" : "false")
    return isTrue
  }

  /// Whether the value is null, which is read then; any other value is left unread.
  public mutating func isNull() throws -> Bool {
    try expectUnread()
    guard kind == .null else { return false }
    try passLiteral("null")
    return true
  }

  // MARK: Whole values

  /// Reads the value with everything in it. Throws ``JSONError`` when brackets are nested deeper than `maximumDepth`
  /// (at most 512).
  public mutating func value(maximumDepth: Int = 64) throws -> JSONValue {
    try value(remainingDepth: min(maximumDepth, 512))
  }

  private mutating func value(remainingDepth: Int) throws -> JSONValue {
    switch kind {
    case .null:
      _ = try isNull()
      return .null
    case .bool: return .bool(try optionalBool() ?? false)
    case .number: return .number(try numberText())
    case .string: return .string(try string())
    case .array:
      try descend(remainingDepth)
      var elements: [JSONValue] = []
      try array { try elements.append($0.value(remainingDepth: remainingDepth - 1)) }
      return .array(elements)
    case .object:
      try descend(remainingDepth)
      var members: [JSONValue.Member] = []
      try object { key, cursor in
        let name = try cursor.text(of: key)
        members.append(JSONValue.Member(name, try cursor.value(remainingDepth: remainingDepth - 1)))
      }
      return .object(members)
    }
  }

  /// Reads the JSON text of the value as it stands, white space within it included. Of what is inside an object or
  /// array only the brackets are checked. Bytes that are no UTF-8 are kept as ``Swift/String/init(lossless:)`` does.
  public mutating func rawText() throws -> String {
    try expectUnread()
    // Whoever read on before an error may have left this value behind.
    guard try tokens.has(position) else { throw tokens.unexpectedToken(at: position, expected: "a value") }
    let start = tokens.offset(of: position)
    var length = tokens.scalar(at: position).count
    let end = try tokens.positionAfterValue(at: position)
    if kind == .object || kind == .array { length = tokens.offset(of: end - 1) + 1 - start }
    position = end
    isRead = true
    return String(lossless: UnsafeBufferPointer(start: tokens.bytes + start, count: length))
  }

  /// Passes over the value without reading it. Never needed: what is not read is skipped.
  public mutating func skip() throws {
    try expectUnread()
    position = try tokens.positionAfterValue(at: position)
    isRead = true
  }

  /// How many bytes of the document stand before the value; once it was read, before the comma or bracket after it.
  public var byteOffset: Int { tokens.skippedBytes + tokens.offset(of: position) }

  // MARK: Steps

  /// Called when the reader of the whole document is done: nothing may follow.
  mutating func finish() throws {
    try leave()
    if try tokens.has(position) {
      throw tokens.error(
        .malformed, "\(tokens.byte(at: position).shownInJSON) follows the end of the document", at: position)
    }
  }

  private mutating func stand(at start: Int) throws {
    guard try tokens.has(start) else { throw tokens.unexpectedToken(at: start, expected: "a value") }
    switch tokens.byte(at: start) {
    case UInt8(ascii: "{"): kind = .object
    case UInt8(ascii: "["): kind = .array
    case UInt8(ascii: "\""): kind = .string
    case UInt8(ascii: "-"), 0x30...0x39, UInt8(ascii: "N"), UInt8(ascii: "I"): kind = .number
    case UInt8(ascii: "t"), UInt8(ascii: "f"): kind = .bool
    case UInt8(ascii: "n"): kind = .null
    default: throw tokens.unexpectedToken(at: start, expected: "a value")
    }
    position = start
    isRead = false
  }

  private mutating func restore(_ start: Int, _ kind: JSONKind) {
    position = start
    self.kind = kind
    isRead = false
  }

  @inline(__always)
  private mutating func leave() throws {
    if !isRead { position = try tokens.positionAfterValue(at: position) }
  }

  private mutating func key() throws -> JSONKey {
    guard try tokens.has(position), tokens.byte(at: position) == UInt8(ascii: "\"") else {
      throw tokens.unexpectedToken(at: position, expected: "the name of a member")
    }
    let raw = try tokens.stringContents(at: position)
    let isUTF8 = tokens.isUTF8
    guard try tokens.has(position + 1), tokens.byte(at: position + 1) == UInt8(ascii: ":") else {
      throw tokens.unexpectedToken(at: position + 1, expected: "`:`")
    }
    position += 2
    return JSONKey(raw: raw, isUTF8: isUTF8)
  }

  private func text(of key: JSONKey) throws -> String {
    do {
      return try JSONStringText.decode(key.raw, isUTF8: key.isUTF8, isStrict: tokens.isStrict)
    } catch {
      let start = key.raw.baseAddress.map { $0 - tokens.bytes } ?? 0
      throw JSONError(
        error.kind, error.message, source: tokens.source, byteOffset: start + error.offset + tokens.skippedBytes)
    }
  }

  private mutating func closes(_ bracket: UInt8) throws -> Bool {
    guard try tokens.has(position) else {
      throw tokens.unexpectedToken(at: position, expected: bracket.shownInJSON)
    }
    guard tokens.byte(at: position) == bracket else { return false }
    position += 1
    return true
  }

  private mutating func continues(until bracket: UInt8, _ expected: String) throws -> Bool {
    guard try tokens.has(position) else { throw tokens.unexpectedToken(at: position, expected: expected) }
    let byte = tokens.byte(at: position)
    guard byte == bracket || byte == UInt8(ascii: ",") else {
      throw tokens.unexpectedToken(at: position, expected: expected)
    }
    position += 1
    return byte != bracket
  }

  private func expectUnread() throws {
    if isRead { throw tokens.error(.misuse, "a value was read a second time", at: position) }
  }

  private func expect(_ wanted: JSONKind, _ name: String) throws {
    try expectUnread()
    if kind != wanted { throw tokens.error(.unexpectedKind, "expected \(name), found \(kind)", at: position) }
  }

  private func descend(_ remainingDepth: Int) throws {
    if remainingDepth < 1 {
      throw tokens.error(.tooDeep, "brackets are nested deeper than this reader allows", at: position)
    }
  }

  private mutating func skipped<T>() throws -> T? {
    try skip()
    return nil
  }

  private mutating func passScalar() {
    position += 1
    isRead = true
  }

  private mutating func numberText() throws -> String {
    try expectUnread()
    let text = tokens.scalar(at: position)
    guard JSONNumber.isValid(text) else { throw tokens.error(.malformed, "a number is malformed", at: position) }
    passScalar()
    return String(decoding: text, as: UTF8.self)
  }

  private mutating func passLiteral(_ word: StaticString) throws {
    let text = tokens.scalar(at: position)
    guard word.withUTF8Buffer({ text.elementsEqual($0) }) else {
      throw tokens.error(.malformed, "expected a value, found a word that is none", at: position)
    }
    passScalar()
  }
}
