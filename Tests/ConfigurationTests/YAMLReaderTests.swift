import Testing

@testable import Configuration

struct YAMLReaderTests {
  private func errors(_ text: String) -> [String] {
    let diagnostics = Diagnostics(file: "f")
    _ = YAMLReader.read(text, diagnostics)
    return diagnostics.sortedErrors.map(\.description)
  }

  private func shape(_ node: YAMLNode?) -> String {
    switch node?.content {
    case .scalar(let text, let isPlain)?: isPlain ? text : "'\(text)'"
    case .sequence(let nodes)?: "[\(nodes.map(shape).joined(separator: ","))]"
    case .mapping(let entries)?: "{\(entries.map { "\($0.key):\(shape($0.value))" }.joined(separator: ","))}"
    case nil: "nil"
    }
  }

  @Test func aDocumentBecomesATreeWithPlaces() throws {
    let diagnostics = Diagnostics(file: "f")
    let root = try #require(YAMLReader.read("a: 1\nb:\n  - x\n  - 'y'\nc: {d: [e]}\né: ü\n", diagnostics))
    #expect(shape(root) == "{a:1,b:[x,'y'],c:{d:[e]},é:ü}")
    guard case .mapping(let entries) = root.content, case .sequence(let list) = entries[1].value.content else {
      Issue.record("no mapping")
      return
    }
    #expect(list[1].mark == Mark(line: 4, column: 5))
    #expect(entries[3].value.mark == Mark(line: 6, column: 4))
  }

  @Test(arguments: ["", "\n\n", "# only a comment\n", "---\n...\n", "\u{FEFF}"])
  func nothingIsAnEmptyMapping(_ text: String) {
    let diagnostics = Diagnostics(file: "f")
    let root = YAMLReader.read(text, diagnostics)
    #expect(diagnostics.errors == [])
    #expect(["{}", ""].contains(shape(root)))
  }

  @Test(arguments: [
    (
      "a: &x 1\nb: *x\n",
      [
        "f:1:4: anchors (&name) are not supported; write the value out",
        "f:2:4: aliases (*name) are not supported; write the value out",
      ]
    ),
    ("a: 1\nb: 2\na: 3\n", ["f:3:1: duplicate key `a`, first given in line 1"]),
    ("a: !!str 1\n", ["f:1:4: tags (!name) are not supported; remove it"]),
    ("? [a]\n: b\n", ["f:1:3: expected a key, found a list"]),
    ("a: 1\n---\nb: 2\n", ["f:2:1: a second document begins here; the file must hold one"]),
    (
      "a: [1\nb: 2\n",
      ["f:2:2: while parsing a flow sequence: did not find expected ',' or ']'"]
    ),
    (
      "a:\n\tb: 1\n",
      [
        "f:2:1: while scanning for the next token: found character that cannot start any token; "
          + "a tab cannot indent, and a value that begins with @, ` or % must be quoted"
      ]
    ),
    (
      "a: >=2.0\n",
      [
        "f:1:5: while scanning a block scalar: did not find expected comment or line break; "
          + "a value that begins with > or | must be quoted"
      ]
    ),
    (
      "a: b: c\n",
      [
        "f:1:5: mapping values are not allowed in this context; "
          + "a value that holds `: ` must be quoted, and keys of one mapping must be indented alike"
      ]
    ),
    ("a: \u{1}\n", ["f:1:4: control characters are not allowed"]),
  ])
  func whatIsNotPlainYAMLIsRefusedWithItsPlace(_ text: String, _ expected: [String]) {
    #expect(errors(text) == expected)
  }

  @Test(arguments: ["[", "{a: ", "- ", "? "])
  func deepNestingEndsInAnErrorAndSoon(_ piece: String) {
    let found = errors(String(repeating: piece, count: 100_000))
    #expect(found.count == 1 && found[0].contains("nested deeper than 16 levels"), "\(found)")
  }

  @Test func errorsWithoutNumberAreCutShort() {
    let found = errors(String(repeating: "a:\n ? b\n", count: 5000))
    #expect(found.count == 101 && found.last == "f: 4899 more errors are not shown", "\(found.suffix(2))")
  }

  /// Mutations of a real file: whatever comes in, there is an answer, and an answer without a configuration has an error
  /// with a place inside the file.
  @Test func anyBytesGiveAnAnswer() throws {
    let seed = UInt64.random(in: .min ... .max)
    var random = SeededGenerator(seed)
    let example = Array(ConfigurationExample(keys: .all).text.utf8)
    let pieces = [
      "&a", "*a", "\t", "\n", ": ", "- ", "[", "]", "{", "}", "'", "\"", "|", ">", "#", "!", "%", "\u{85}",
      "\u{2028}", "\u{0}", "---\n", "? ", "<<: ", "\u{FEFF}", "é", "\\",
    ].map { Array($0.utf8) }
    for _ in 0..<3000 {
      var bytes = example
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let at = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...40, using: &random)))
        case 2: bytes.insert(contentsOf: pieces.randomElement(using: &random)!, at: at)
        default:
          let from = Int.random(in: 0..<bytes.count, using: &random)
          bytes.insert(contentsOf: Array(bytes[from..<min(bytes.count, from + 30)]), at: at)
        }
        if bytes.isEmpty { bytes = example }
      }
      let text = String(decoding: bytes, as: UTF8.self)
      let breaks = text.unicodeScalars.count { "\n\r\u{85}\u{2028}\u{2029}".unicodeScalars.contains($0) }
      do throws(ConfigurationErrors) {
        _ = try Configuration.parse(text: text, file: "f")
      } catch {
        #expect(!error.problems.isEmpty, "seed \(seed)")
        for problem in error.problems {
          #expect((1...breaks + 2).contains(problem.line ?? 0), "seed \(seed): \(problem)")
          #expect(!problem.description.contains("\n"), "seed \(seed)")
        }
      }
    }
  }
}
