import ExecutionModel
import JSONText

// Details of another type than expected read as absent: dbt's adapters and versions differ in them, and one odd detail
// must not cost a run its results.
extension JSONCursor {
  var isObject: Bool { kind == .object }
  var isArray: Bool { kind == .array }

  /// Calls `member` for each member of an object; anything else is passed over.
  mutating func members(_ member: (JSONKey, inout JSONCursor) throws -> Void) throws {
    if isObject { try object(member) }
  }

  /// Calls `element` for each element of an array; anything else is passed over.
  mutating func elements(_ element: (inout JSONCursor) throws -> Void) throws {
    if isArray { try array(element) }
  }

  /// A string with something in it: dbt writes "" for what nobody described.
  mutating func optionalText() throws -> String? {
    let text = try optionalString()
    return text == "" ? nil : text
  }

  mutating func optionalInstant() throws -> Instant? { try optionalString().flatMap { Instant($0) } }

  /// A count; `4.0` is 4. Some adapters write counts as text.
  mutating func optionalCount() throws -> Int64? {
    switch kind {
    case .number:
      let text = try rawText()
      return Int64(text) ?? Double(text).flatMap { Int64(exactly: $0) }
    case .string: return Int64(try string())
    default: return nil
    }
  }

  /// Strings of an array, or one string alone.
  mutating func strings(_ pool: inout StringPool) throws -> [String]? {
    switch kind {
    case .string: return [pool.shared(try string())]
    case .array:
      var strings: [String] = []
      try array { element in if let text = try element.optionalString() { strings.append(pool.shared(text)) } }
      return strings
    default: return nil
    }
  }
}

/// Keeps one copy of texts that come again and again: threads, packages, paths, ids of upstream nodes.
struct StringPool {
  private var known: Set<String> = []

  mutating func shared(_ text: String) -> String {
    // Up to 15 bytes a string needs no memory of its own.
    text.utf8.count <= 15 ? text : known.insert(text).memberAfterInsert
  }

  mutating func unique(_ text: String?) -> String? { text.map { shared($0) } }
}
