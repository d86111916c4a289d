import ExecutionModel
import JSONText
import Testing

@Suite struct JSONCursorTests {
  private func document(_ text: String) -> JSONDocument { JSONDocument(bytes: Array(text.utf8), source: "sample") }

  @Test func whatIsNotReadIsSkipped() throws {
    let text = #"{"skip":{"a":[1,{"b":"]}"}]},"keep":"yes","also":[[],{}],"more":[1,2,3],"n":1}"#
    var kept: String?
    var keys: [String] = []
    var sum: Int64 = 0
    try document(text).read { root in
      try root.object { key, value in
        keys.append(key.string)
        switch key {
        case "keep": kept = try value.string()
        case "more": try value.array { sum += try $0.optionalInteger() ?? 0 }
        default: break
        }
      }
    }
    #expect(kept == "yes")
    #expect(sum == 6)
    #expect(keys == ["skip", "keep", "also", "more", "n"])
  }

  @Test func aRootThatNobodyReadsIsSkippedAndCheckedToBeComplete() throws {
    try document(#" {"a":[1,2]} "#).read { _ in }
    #expect(throws: JSONError.self) { try document(#"{"a":[1,2]} 1"#).read { _ in } }
    #expect(throws: JSONError.self) { try document(#"{"a":[1,2}]"#).read { _ in } }
    #expect(throws: JSONError.self) { try document(#"{"a":[1,2]"#).read { _ in } }
  }

  @Test func theKindIsKnownBeforeTheValueIsRead() throws {
    var kinds: [JSONKind] = []
    try document(#"[{},[],"",-1,NaN,true,false,null]"#).read { root in try root.array { kinds.append($0.kind) } }
    #expect(kinds == [.object, .array, .string, .number, .number, .bool, .bool, .null])
  }

  @Test func optionalReadersGiveNilForAnotherKindAndGoOn() throws {
    let text = #"["a",1,1.5,120.0,1e3,99999999999999999999,true,null,{"x":[1]},[2],NaN,1e999,"end"]"#
    var strings: [String?] = []
    var integers: [Int64?] = []
    var doubles: [Double?] = []
    var bools: [Bool?] = []
    var nulls: [Bool] = []
    try document(text).read { try $0.array { strings.append(try $0.optionalString()) } }
    try document(text).read { try $0.array { integers.append(try $0.optionalInteger()) } }
    try document(text).read { try $0.array { doubles.append(try $0.optionalDouble()) } }
    try document(text).read { try $0.array { bools.append(try $0.optionalBool()) } }
    try document(text).read { try $0.array { nulls.append(try $0.isNull()) } }
    #expect(strings == ["a"] + Array(repeating: nil, count: 11) + ["end"])
    #expect(integers == [nil, 1, nil, 120, 1000] + Array(repeating: nil, count: 8))
    #expect(doubles == [nil, 1, 1.5, 120, 1000, 1e20] + Array(repeating: nil, count: 7))
    #expect(bools == Array(repeating: nil, count: 6) + [true] + Array(repeating: nil, count: 6))
    #expect(nulls.firstIndex(of: true) == 7 && nulls.count { $0 } == 1)
  }

  @Test(arguments: [
    ("-9223372036854775808", Int64.min), ("9223372036854775807", Int64.max), ("-0", 0), ("9007199254740992.0", 1 << 53),
    ("70471883265340", 70_471_883_265_340),
  ])
  func wholeNumbersOf64BitsAreExact(text: String, value: Int64) throws {
    #expect(try document(text).read { try $0.optionalInteger() } == value)
    #expect(try JSONValue(parsing: text).integerValue == value)
  }

  @Test func keysAreComparedByWhatTheyMean() throws {
    var matches: [String] = []
    try document(#"{"nod":0,"nodes":1,"nodesX":2,"\u006eodes":3,"n\\odes":4,"":5}"#).read { root in
      try root.object { key, value in
        if key == "nodes" { matches.append(try value.rawText()) }
        if key == "" { matches.append("empty") }
      }
    }
    #expect(matches == ["1", "3", "empty"])
  }

  @Test func theRawTextIsWhatStandsThere() throws {
    var texts: [String] = []
    try document("[ { \"a\" : [ 1 , 2 ] } , \"x\\u0041\" , -1.50 ,null , [] ]").read { root in
      try root.array { texts.append(try $0.rawText()) }
    }
    #expect(texts == [#"{ "a" : [ 1 , 2 ] }"#, #""x\u0041""#, "-1.50", "null", "[]"])
  }

  @Test func theWrongKindIsAnErrorThatNamesTheByte() {
    let error = #expect(throws: JSONError.self) {
      try document(#"{"nodes":[1]}"#).read { try $0.object { _, value in try value.object { _, _ in } } }
    }
    #expect(error?.kind == .unexpectedKind)
    #expect(error?.description == "sample: expected an object, found array (at byte 9)")
  }

  @Test func aValueIsReadOnce() {
    let error = #expect(throws: JSONError.self) {
      try document(#""a""#).read { root in
        _ = try root.string()
        _ = try root.string()
      }
    }
    #expect(error?.kind == .misuse)
  }

  @Test func aCaughtErrorCostsOnlyItsOwnValue() throws {
    struct Unwanted: Error {}
    let text = #"{"a":{"x":1},"b":{"x":tru,"y":[1,2]},"c":{"x":[1 2]},"d":{"x":4,"z":{"deep":[5]}},"e":{"x":6}}"#
    var read: [String] = []
    var failed: [String] = []
    try document(text).read { root in
      try root.object { key, value in
        do {
          try value.object { inner, number in
            if inner == "z" {
              try number.object { _, list in try list.array { _ in throw Unwanted() } }
            } else if try number.value(maximumDepth: 3) == .number("6") {
              read.append("six")
            }
          }
          read.append(key.string)
        } catch {
          failed.append(key.string)
        }
      }
    }
    #expect(read == ["a", "six", "e"])
    #expect(failed == ["b", "c", "d"])
  }

  @Test func stringsThatAreNotTextAreKeptReversibly() throws {
    let bytes: [UInt8] =
      Array("[\"a".utf8) + [0xFF, 0xC3] + Array("\",\"é\",\"\\udcff\",\"\\\\".utf8) + [0xE9] + Array("\"]".utf8)
    var texts: [String] = []
    try JSONDocument(bytes: bytes, source: "latin").read { root in try root.array { texts.append(try $0.string()) } }
    #expect(texts.count == 4)
    #expect(texts[0].losslessBytes == [0x61, 0xFF, 0xC3])
    #expect(texts[1] == "é")
    #expect(texts[2].losslessBytes == [0xED, 0xB3, 0xBF])
    #expect(texts[3].losslessBytes == [0x5C, 0xE9])
  }

  @Test func keysThatAreNotTextAreKeptReversibly() throws {
    let bytes: [UInt8] = Array("{\"a".utf8) + [0xE9] + Array("\":1}".utf8)
    var keys: [String] = []
    try JSONDocument(bytes: bytes, source: "latin").read { root in try root.object { key, _ in keys.append(key.string) }
    }
    #expect(keys.map(\.losslessBytes) == [[0x61, 0xE9]])
  }

  @Test(arguments: [1, 63, 64, 65, 127, 128, 129, 1024])
  func bracketsAreMatchedAtEveryDepthOfASkippedValue(depth: Int) throws {
    var random = SeededRandom(seed: UInt64(depth))
    let braces = (0..<depth).map { _ in Bool.random(using: &random) }
    let opening = braces.map { $0 ? "{\"a\":" : "[" }.joined()
    let closing = braces.reversed().map { $0 ? "}" : "]" }
    try document(opening + "1" + closing.joined()).read { _ in }
    for wrong in Set([0, depth / 2, depth - 1]) {
      var broken = closing
      broken[wrong] = broken[wrong] == "}" ? "]" : "}"
      #expect(throws: JSONError.self) { try document(opening + "1" + broken.joined()).read { _ in } }
    }
  }

  @Test func aSkippedValueThatIsTooDeepIsAnError() {
    let error = #expect(throws: JSONError.self) { try document(String(repeating: "[", count: 2000)).read { _ in } }
    #expect(error?.kind == .tooDeep)
  }

  @Test func aDocumentCutAtAnyByteIsAnErrorHoweverItIsRead() throws {
    let whole = Array(#"{"a":[1,{"b":"c\n"}],"d":"e"}"#.utf8)
    for length in 0..<whole.count {
      let cut = JSONDocument(bytes: Array(whole[..<length]), source: "cut")
      #expect(throws: JSONError.self, "skipped, \(length) bytes") { try cut.read { _ in } }
      #expect(throws: JSONError.self, "walked, \(length) bytes") { try cut.read { try $0.walk() } }
    }
  }
}
