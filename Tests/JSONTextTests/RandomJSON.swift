import JSONText

extension JSONCursor {
  /// Reads everything in turn by every means.
  mutating func walk() throws {
    switch kind {
    case .object: try object { key, cursor in if key != "n" || key.string.isEmpty { try cursor.walk() } }
    case .array: try array { try $0.walk() }
    case .string: _ = try string()
    case .number: _ = try optionalInteger()
    case .bool: _ = try rawText()
    case .null: _ = try isNull()
    }
  }
}

/// SplitMix64: the same seed gives the same numbers everywhere.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}

extension JSONValue {
  static func random(depth: Int, using random: inout SeededRandom) -> JSONValue {
    switch Int.random(in: 0..<(depth > 0 ? 8 : 5), using: &random) {
    case 0: return .null
    case 1: return .bool(.random(using: &random))
    case 2: return .number(randomNumber(using: &random))
    case 3, 4: return .string(randomText(using: &random))
    case 5, 6:
      return .array((0..<Int.random(in: 0..<5, using: &random)).map { _ in .random(depth: depth - 1, using: &random) })
    default:
      return .object(
        (0..<Int.random(in: 0..<5, using: &random)).map { _ in
          Member(randomText(using: &random), .random(depth: depth - 1, using: &random))
        })
    }
  }

  private static func randomNumber(using random: inout SeededRandom) -> String {
    switch Int.random(in: 0..<4, using: &random) {
    case 0: String(Int64.random(in: .min ... .max, using: &random))
    case 1: String(repeating: "9", count: Int.random(in: 1..<60, using: &random))
    case 2: "-0.\(UInt32.random(in: 0 ... .max, using: &random))E+\(Int.random(in: 0..<400, using: &random))"
    default: "\(Int.random(in: 0..<10, using: &random)).5e-3"
    }
  }

  private static func randomText(using random: inout SeededRandom) -> String {
    var text = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 0..<20, using: &random) {
      let limit: UInt32 = [0x20, 0x80, 0x800, 0x10000, 0x110000][Int.random(in: 0..<5, using: &random)]
      if let scalar = Unicode.Scalar(UInt32.random(in: 0..<limit, using: &random)) { text.append(scalar) }
    }
    return String(text)
  }
}
