import JSONText

/// Turns the values of a pickle into JSON. Values that several places share are written at each, so the result is
/// bounded in depth, number of values and bytes.
///
/// Tuples become arrays; sets too, ordered by the JSON text of their members, because Python gives them no order. Keys of
/// a dict that are None, bool, int or float become text as `json.dumps` has it. What JSON cannot hold becomes
/// `{"opaque": kind, "bytes": n}` in its place: bytes with their number; NaN and the infinities; a dict with other keys
/// with the size of the pickle.
struct PickleUnfolding {
  private let nodes: [Pickle.Node]
  private let pickleBytes: Int
  private var valuesLeft = 100_000
  private var bytesLeft = 4 << 20
  private static let maximumDepth = 64

  init(nodes: [Pickle.Node], pickleBytes: Int) {
    self.nodes = nodes
    self.pickleBytes = pickleBytes
  }

  /// The whole value; opaque when it has no plain data in it at all.
  mutating func value(_ root: Int, depth: Int) throws(Pickle.Failure) -> StoredValue {
    switch nodes[root] {
    case .bytes(let count): .opaque(kind: "bytes", bytes: count)
    case .hugeInteger(let count): .opaque(kind: "integer", bytes: count)
    case .float(let number) where !number.isFinite: .opaque(kind: Self.kind(number), bytes: 8)
    default: .json(try json(root, depth))
    }
  }

  private mutating func json(_ place: Int, _ depth: Int) throws(Pickle.Failure) -> JSONValue {
    guard depth < Self.maximumDepth, valuesLeft > 0 else { throw .tooLarge }
    valuesLeft -= 1
    switch nodes[place] {
    case .none: return .null
    case .bool(let value): return .bool(value)
    case .integer(let digits):
      try spend(digits.utf8.count)
      return .number(digits)
    case .hugeInteger(let count): return .opaque("integer", bytes: count)
    case .float(let number): return number.isFinite ? .number(number.description) : .opaque(Self.kind(number), bytes: 8)
    case .string(let text):
      try spend(text.utf8.count)
      return .string(text)
    case .bytes(let count): return .opaque("bytes", bytes: count)
    case .list(let items), .tuple(let items): return .array(try values(items, depth))
    case .set(let items):
      let members = try values(items, depth).map { ($0, Array($0.rawJSON.text.utf8)) }
      return .array(members.sorted { $0.1.lexicographicallyPrecedes($1.1) }.map(\.0))
    case .dict(let members): return try object(members, depth)
    case .name(let name): throw .object(name.rawValue)
    }
  }

  private mutating func values(_ items: [Int], _ depth: Int) throws(Pickle.Failure) -> [JSONValue] {
    var values: [JSONValue] = []
    for item in items { values.append(try json(item, depth + 1)) }
    return values
  }

  /// The last value of a key that comes twice, at the first one's place, as Python has it.
  private mutating func object(_ members: [(key: Int, value: Int)], _ depth: Int) throws(Pickle.Failure) -> JSONValue {
    var result: [JSONValue.Member] = []
    var places: [Key: Int] = [:]
    for (key, value) in members {
      guard let key = name(key) else { return .opaque("dict", bytes: pickleBytes) }
      try spend(key.text.utf8.count)
      let member = JSONValue.Member(key.text, try json(value, depth + 1))
      if let place = places[key] {
        result[place] = member
      } else {
        places[key] = result.count
        result.append(member)
      }
    }
    return .object(result)
  }

  private struct Key: Hashable {
    var text: String
    var isString: Bool
  }

  private func name(_ place: Int) -> Key? {
    switch nodes[place] {
    case .string(let text): Key(text: text, isString: true)
    case .integer(let digits): Key(text: digits, isString: false)
    case .bool(let value): Key(text: value ? "true" : "false", isString: false)
    case .none: Key(text: "null", isString: false)
    case .float(let number) where number.isFinite: Key(text: number.description, isString: false)
    default: nil
    }
  }

  private mutating func spend(_ bytes: Int) throws(Pickle.Failure) {
    bytesLeft -= bytes
    if bytesLeft < 0 { throw .tooLarge }
  }

  private static func kind(_ number: Double) -> String {
    number.isNaN ? "nan" : number < 0 ? "-infinity" : "infinity"
  }
}
