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
  mutating func optionalText(_ pool: inout TextPool) throws -> String? {
    guard let text = try optionalString(&pool), !text.isEmpty else { return nil }
    return text
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
  mutating func strings(_ pool: inout TextPool) throws -> [String]? {
    switch kind {
    case .string: return try optionalString(&pool).map { [$0] }
    case .array:
      var strings: [String] = []
      try array { element in if let text = try element.optionalString(&pool) { strings.append(text) } }
      return strings
    default: return nil
    }
  }
}

extension TextPool {
  /// For one artifact: that of a large project has as many names of nodes that others depend on.
  static func ofArtifact() -> TextPool { TextPool(limit: 1 << 18) }
}
