import ExecutionModel
import JSONText
import Testing

@Suite struct JSONKeyTests {
  private func document(_ text: String) -> JSONDocument { JSONDocument(bytes: Array(text.utf8), source: "sample") }

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

  @Test func keysThatAreNotTextAreKeptReversibly() throws {
    let bytes: [UInt8] = Array("{\"a".utf8) + [0xE9] + Array("\":1}".utf8)
    var keys: [String] = []
    try JSONDocument(bytes: bytes, source: "latin").read { root in try root.object { key, _ in keys.append(key.string) }
    }
    #expect(keys.map(\.losslessBytes) == [[0x61, 0xE9]])
  }
}
