import Testing

@testable import JSONText

/// A document reads the same however it is cut into stretches.
@Suite struct TokenWindowsTests {
  private func read(_ text: String, windowSize: Int) -> Result<JSONValue, JSONError> {
    do {
      return .success(
        try Array(text.utf8).withUnsafeBufferPointer {
          try JSONTokens.read($0, source: "sample", isStrict: false, windowSize: windowSize) { try $0.value() }
        })
    } catch let error as JSONError {
      return .failure(error)
    } catch {
      return .failure(JSONError(.misuse, "\(error)", source: "sample"))
    }
  }

  @Test(arguments: [1, 2, 7, 16, 64, 333]) func stretchesChangeNothing(windowSize: Int) throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededRandom(seed: seed)
    for round in 0..<300 {
      let value = JSONValue.array((0..<4).map { _ in .random(depth: 4, using: &random) })
      let text = value.rawJSON.text
      let whole = read(text, windowSize: 1 << 20)
      #expect(whole == read(text, windowSize: windowSize), "seed \(seed), round \(round)")
      #expect((try? whole.get()) != nil, "seed \(seed), round \(round)")
    }
  }

  @Test(arguments: [1, 5, 40]) func damagedTextIsRefusedInAnyStretches(windowSize: Int) throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededRandom(seed: seed)
    for round in 0..<300 {
      var bytes = Array(JSONValue.array((0..<4).map { _ in .random(depth: 3, using: &random) }).rawJSON.text.utf8)
      let place = Int.random(in: 0..<bytes.count, using: &random)
      bytes[place] = Array(#"{}[]",:\x1"#.utf8).randomElement(using: &random) ?? 0
      guard let text = String(validating: bytes, as: UTF8.self) else { continue }
      let whole = read(text, windowSize: 1 << 20)
      let parts = read(text, windowSize: windowSize)
      // Which fault of several is met first may differ; whether there is one may not.
      switch (whole, parts) {
      case (.success(let one), .success(let other)): #expect(one == other, "seed \(seed), round \(round)")
      case (.failure, .failure): break
      default: Issue.record("seed \(seed), round \(round): \(whole) against \(parts)")
      }
    }
  }

  @Test(arguments: [1, 3, 1000]) func whiteSpaceBeforeTheDocumentMayBeLongerThanAStretch(windowSize: Int) throws {
    for text in ["\n\"[\"", "   \t\r\n {\"a\":1}", "     7", "  []"] {
      #expect(try read(text, windowSize: windowSize).get() == read(text, windowSize: 1 << 20).get(), "\(text)")
    }
  }

  @Test func aReaderMayGoBackToWhereADamagedValueBegan() throws {
    struct Damaged: Error {}
    let text = #"{"a":{"b":[1,2,3],"c":"long enough to be in another stretch","d":[4,5,6]},"e":7}"#
    for size in [1, 8, 24, 1000] {
      var found: [String] = []
      try Array(text.utf8).withUnsafeBufferPointer { bytes in
        try JSONTokens.read(bytes, source: "sample", isStrict: false, windowSize: size) { cursor in
          try cursor.object { key, value in
            if key == "a" {
              #expect(throws: Damaged.self) {
                try value.object { key, _ in if key == "d" { throw Damaged() } }
              }
              found.append(try value.rawText())
            } else {
              found.append(try value.rawText())
            }
          }
        }
      }
      #expect(found.first?.hasPrefix(#"{"b":[1,2"#) == true && found.first?.hasSuffix("6]}") == true)
      #expect(found.last == "7")
    }
  }

  @Test func aStringLongerThanAStretchAndTextWithoutStringsAreRead() throws {
    let long = String(repeating: "-\\\"", count: 500)
    #expect(try read(#"["\#(long)",1]"#, windowSize: 16).get().arrayValue?.count == 2)
    let numbers = Array(repeating: "1", count: 5000).joined(separator: ",")
    #expect(try read("[\(numbers)]", windowSize: 64).get().arrayValue?.count == 5000)
  }

  @Test func aPartOfADocumentIsReadByItsPlace() throws {
    let document = JSONDocument(bytes: Array(#"{"first": [1, 2] , "second":"x"}"#.utf8), source: "sample")
    var places: [Range<Int>] = []
    try document.read { cursor in
      try cursor.object { _, value in
        let start = value.byteOffset
        try value.skip()
        places.append(start..<value.byteOffset)
      }
    }
    #expect(try document.read(bytes: places[0]) { try $0.rawText() } == "[1, 2]")
    #expect(try document.read(bytes: places[1]) { try $0.string() } == "x")
    let error = #expect(throws: JSONError.self) {
      try document.read(bytes: places[1].lowerBound..<places[1].upperBound + 1) { try $0.string() }
    }
    #expect(error?.byteOffset == places[1].upperBound)
  }
}
