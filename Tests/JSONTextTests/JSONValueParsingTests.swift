import ExecutionModel
import JSONText
import Testing

@Suite struct JSONValueParsingTests {
  static let accepted: [(text: String, value: JSONValue)] = [
    ("null", .null), (" true ", .bool(true)), ("false\n", .bool(false)),
    ("0", .number("0")), ("-0", .number("-0")), ("-0.0e-00", .number("-0.0e-00")), ("1E+2", .number("1E+2")),
    ("123456789012345678901234567890", .number("123456789012345678901234567890")),
    ("1e400", .number("1e400")),
    ("0.1000000000000000055511151231257827", .number("0.1000000000000000055511151231257827")),
    ("NaN", .number("NaN")), ("[Infinity,-Infinity]", .array([.number("Infinity"), .number("-Infinity")])),
    ("\"\"", .string("")), ("\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", .string("a\"\\/\u{8}\u{c}\n\r\tz")),
    ("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"", .string("Aé€😀")), ("\"\\u0000\"", .string("\0")),
    ("\"é€😀\u{7f}\u{2028}\"", .string("é€😀\u{7f}\u{2028}")), ("\"\u{FFFD}41\"", .string("\u{FFFD}41")),
    ("[]", .array([])), ("{}", .object([])), ("[ [ ] , { } ]", .array([.array([]), .object([])])),
    (
      "{\"a\":1,\"b\":[true,null],\"a\":2}",
      .object([
        .init("a", .number("1")), .init("b", .array([.bool(true), .null])), .init("a", .number("2")),
      ])
    ),
    ("{\"\":\"\",\"\\u0061\":1}", .object([.init("", .string("")), .init("a", .number("1"))])),
    ("\u{FEFF}{\"a\":1}", .object([.init("a", .number("1"))])),
    ("\"{[,:]}\"", .string("{[,:]}")), ("\"\\\\\"", .string("\\")),
  ]

  @Test(arguments: accepted.indices)
  func aValidDocumentIsReadExactly(index: Int) throws {
    let (text, value) = Self.accepted[index]
    #expect(try JSONValue(parsing: text) == value)
    #expect(try JSONValue(parsing: Array(text.utf8)) == value)
  }

  static let rejected: [(text: String, kind: JSONError.Kind, offset: Int?)] = [
    ("", .truncated, nil), ("  \n", .truncated, nil), ("\u{FEFF}", .truncated, nil),
    ("nul", .malformed, 0), ("nulll", .malformed, 0), ("True", .malformed, 0), ("tru e", .malformed, 0),
    ("fals", .malformed, 0), ("nan", .malformed, 0), ("NaNa", .malformed, 0), ("Inf", .malformed, 0),
    ("undefined", .malformed, 0), ("'a'", .malformed, 0), ("a", .malformed, 0), ("# c", .malformed, 0),
    ("01", .malformed, 0), ("-", .malformed, 0), ("+1", .malformed, 0), (".5", .malformed, 0), ("1.", .malformed, 0),
    ("1e", .malformed, 0), ("1e+", .malformed, 0), ("0x1", .malformed, 0), ("--1", .malformed, 0),
    ("1_0", .malformed, 0),
    ("1\"a\"", .malformed, 0), ("1 2", .malformed, 2), ("{} {}", .malformed, 3), ("null,", .malformed, 4),
    ("\"a\"b", .malformed, 3), ("[1]]", .malformed, 3), ("{}}", .malformed, 2),
    ("[", .truncated, 1), ("{", .truncated, 1), ("[1", .truncated, 2), ("[1,", .truncated, 3),
    ("{\"a\"", .truncated, 4),
    ("{\"a\":", .truncated, 5), ("{\"a\":1", .truncated, 6), ("{\"a\":1,", .truncated, 7), ("\"abc", .truncated, 0),
    ("[\"abc\\\"]", .truncated, 1), ("\"", .truncated, 0),
    ("[1,]", .malformed, 3), ("[,1]", .malformed, 1), ("[1 2]", .malformed, 3), ("[1:2]", .malformed, 2),
    ("[1}", .malformed, 2), ("{\"a\":1]", .malformed, 6), ("{\"a\" 1}", .malformed, 5), ("{\"a\",1}", .malformed, 4),
    ("{1:2}", .malformed, 1), ("{a:1}", .malformed, 1), ("{\"a\":1,}", .malformed, 7), ("{,}", .malformed, 1),
    ("{\"a\":}", .malformed, 5), ("{\"a\":1 \"b\":2}", .malformed, 7), ("]", .malformed, 0), (":", .malformed, 0),
    ("\"\\x\"", .malformed, 1), ("\"a\\u12g4\"", .malformed, 2), ("\"\\u12\"", .malformed, 1),
    ("\"\\U0041\"", .malformed, 1),
    ("[\"a\u{1}\"]", .malformed, 3), ("\"a\nb\"", .malformed, 2), ("{\"a\tb\":1}", .malformed, 3),
    ("\"a\\ud800\"", .text, 2), ("\"\\udc00\"", .text, 1), ("\"\\ud800\\u0041\"", .text, 1),
    ("\"\\ud800\\ud800\"", .text, 1), ("{\"\\ud800\":1}", .text, 2), ("[\"\\ud83d\\n\"]", .text, 2),
    ("\u{1}", .malformed, 0), ("[\u{c}1]", .malformed, 1), ("[1\u{c}]", .malformed, 2), ("\u{a0}1", .malformed, 0),
  ]

  @Test(arguments: rejected.indices)
  func anInvalidDocumentIsAnErrorThatNamesThePlace(index: Int) {
    let (text, kind, offset) = Self.rejected[index]
    let error = #expect(throws: JSONError.self, "\(text.debugDescription)") {
      try JSONValue(parsing: text, source: "sample")
    }
    #expect(error?.kind == kind, "\(text.debugDescription): \(error?.description ?? "")")
    #expect(error?.byteOffset == offset, "\(text.debugDescription): \(error?.description ?? "")")
    #expect(error?.source == "sample")
  }

  static let invalidUTF8: [(bytes: [UInt8], offset: Int)] = [
    ([0x22, 0x80, 0x22], 1), ([0x22, 0xC3, 0x22], 1), ([0x22, 0x61, 0xC0, 0xAF, 0x22], 2),
    ([0x22, 0xED, 0xA0, 0x80, 0x22], 1), ([0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], 1),
    ([0x22, 0xC3, 0xA9, 0xFF, 0x22], 3),
    ([0xEF, 0xBB, 0xBF, 0x22, 0xFE, 0x22], 4), ([0x22, 0xE2, 0x82, 0x22], 1), ([0x22, 0xF0, 0x9F, 0x98, 0x22], 1),
    ([0x31, 0xFF], 1),
  ]

  @Test(arguments: invalidUTF8.indices)
  func invalidUTF8IsAnErrorThatNamesTheByte(index: Int) {
    let (bytes, offset) = Self.invalidUTF8[index]
    let error = #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
    #expect(error?.kind == .text)
    #expect(error?.byteOffset == offset)
  }

  @Test func bracketsDeeperThanTheLimitAreAnError() throws {
    func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    _ = try JSONValue(parsing: nested(64))
    #expect(throws: JSONError.self) { try JSONValue(parsing: nested(65)) }
    _ = try JSONValue(parsing: nested(512), maximumDepth: 512)
    let error = #expect(throws: JSONError.self) { try JSONValue(parsing: nested(100_000), maximumDepth: .max) }
    #expect(error?.kind == .tooDeep)
    #expect(throws: JSONError.self) { try JSONValue(parsing: String(repeating: "[{\"a\":", count: 100_000)) }
    _ = try JSONValue(parsing: "1", maximumDepth: 0)
  }

  @Test func aDocumentCutAtAnyByteIsAnError() throws {
    let whole = Array(#"{"name":"é\u00e9😀","list":[1,-2.5e3,true,null,{"x":{}}],"last":"\ud83d\ude00"}"#.utf8)
    _ = try JSONValue(parsing: whole)
    for length in 0..<whole.count {
      #expect(throws: JSONError.self, "cut to \(length) bytes") { try JSONValue(parsing: whole[..<length]) }
    }
  }

  @Test(arguments: [0, 1, 31, 32, 63, 64, 65, 127, 128, 129, 200])
  func placesAreRightWhereverTheVectorBlocksEnd(padding: Int) throws {
    let space = String(repeating: " ", count: padding)
    let value = try JSONValue(parsing: "[\(space)\"a\\\\\(space)\",\(space)1]")
    #expect(value == .array([.string("a\\" + space), .number("1")]))
    let error = #expect(throws: JSONError.self) { try JSONValue(parsing: "[\(space)x]") }
    #expect(error?.byteOffset == padding + 1)
  }

  @Test func whatWasWrittenReadsBackTheSame() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededRandom(seed: seed)
    for round in 0..<3000 {
      let value = JSONValue.random(depth: 5, using: &random)
      let text = value.rawJSON.text
      #expect(try JSONValue(parsing: text) == value, "seed \(seed), round \(round): \(text)")
      #expect(try JSONValue(parsing: text).rawJSON.text == text, "seed \(seed), round \(round)")
    }
  }

  @Test func noChangeOfBytesIsFatal() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("mutation seed \(seed)")
    var random = SeededRandom(seed: seed)
    let sample = Array(
      #"{"metadata":{"v":"1.9\u00e9\ud83d\ude00"},"nodes":{"model.a":{"n":[1,-2.5e-3,true,false,null,"\"\\"]}},"x":{}} "#
        .utf8)
    let interesting = Array("{}[]:,\"\\ \n0-9eE.tfnuNI".utf8) + [0, 0x1F, 0x7F, 0x80, 0xC3, 0xEF, 0xFF]
    var accepted = 0
    for _ in 0..<100_000 {
      var bytes = sample
      for _ in 0...Int.random(in: 0..<3, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0 ... .max, using: &random)
        case 1: bytes[place] = interesting[Int.random(in: 0..<interesting.count, using: &random)]
        case 2: bytes.remove(at: place)
        case 3: bytes.insert(interesting[Int.random(in: 0..<interesting.count, using: &random)], at: place)
        default: bytes.removeLast(min(bytes.count - 1, Int.random(in: 0..<20, using: &random)))
        }
      }
      if let value = try? JSONValue(parsing: bytes) {
        accepted += 1
        let again = try JSONValue(parsing: value.rawJSON.text)
        #expect(again.rawJSON == value.rawJSON, "seed \(seed)")
      }
      _ = try? JSONDocument(bytes: bytes, source: "mutated").read { try $0.walk() }
    }
    #expect(accepted > 100, "seed \(seed)")
  }
}

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
