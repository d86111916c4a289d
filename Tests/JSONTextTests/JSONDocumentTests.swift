import Glibc
import JSONText
import TestServers
import Testing

@Suite struct JSONDocumentTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func withFile(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
    try body(folder.file("document.json", bytes))
  }

  @Test(arguments: [1, 2, 8]) func aFileThatEndsWithItsLastPageIsRead(pages: Int) throws {
    let size = pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    // The last byte of the last page is the end of the document: one byte further would be outside of the mapping.
    for ending in ["\"]", "1]", "[]]"] {
      let padding = size - 1 - ending.utf8.count - (ending == "\"]" ? 1 : 0)
      let body = "[" + String(repeating: " ", count: padding) + (ending == "\"]" ? "\"" : "") + ending
      try withFile(Array(body.utf8)) { path in
        let value = try JSONDocument(mappingFile: path).read { try $0.value() }
        #expect(value.arrayValue?.count == 1)
      }
    }
    try withFile(Array(String(repeating: "7", count: size).utf8)) { path in
      let text = try JSONDocument(mappingFile: path).read { try $0.rawText() }
      #expect(text.utf8.count == size)
    }
    try withFile(Array("\"".utf8) + Array(repeating: 0x61, count: size - 1)) { path in
      #expect(throws: JSONError.self) { try JSONDocument(mappingFile: path).read { try $0.string() } }
    }
  }

  @Test func noByteBehindTheDocumentIsTouched() throws {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let memory = mmap(nil, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    let start = try #require(memory != MAP_FAILED ? memory : nil)
    defer { munmap(start, 2 * page) }
    // The second page may not be read: a look at it ends the process.
    try #require(mprotect(start + page, page, PROT_NONE) == 0)
    for text in [
      "1", "-1.5e3", "null", "\"\"", "\"\\n\"", "[[],{\"a\":\"é\"}]", "\"", "[", "\"\\", "\"\\u12", "tru", "-",
    ] {
      for padding in [0, 1, 62, 63, 64, 65] {
        let bytes = Array((String(repeating: " ", count: padding) + text).utf8)
        let place = UnsafeMutableRawBufferPointer(start: start + page - bytes.count, count: bytes.count)
        place.copyBytes(from: bytes)
        let document = UnsafeBufferPointer(place.bindMemory(to: UInt8.self))
        #expect((try? JSONValue(parsing: document)) == (try? JSONValue(parsing: bytes)))
      }
    }
  }

  @Test func anEmptyFileIsATruncatedDocument() throws {
    try withFile([]) { path in
      for document in [try JSONDocument(mappingFile: path), try JSONDocument(readingFile: path)] {
        let error = #expect(throws: JSONError.self) { try document.read { _ in } }
        #expect(error?.kind == .truncated)
        #expect(error?.source == path)
      }
    }
  }

  @Test func aPathThatIsNoFileIsAnErrorThatNamesIt() throws {
    let missing = #expect(throws: JSONError.self) { try JSONDocument(mappingFile: "/nonexistent/manifest.json") }
    #expect(missing?.kind == .file(errno: ENOENT))
    #expect(missing?.description.contains("/nonexistent/manifest.json") == true)
    #expect(throws: JSONError.self) { try JSONDocument(mappingFile: "/dev/null") }
    #expect(throws: JSONError.self) { try JSONDocument(readingFile: "/") }
  }

  @Test func aFileReadIntoMemoryDoesNotChangeAnyMore() throws {
    try withFile(Array("[1,2,3]".utf8)) { path in
      let document = try JSONDocument(readingFile: path)
      truncate(path, 0)
      #expect(try document.read { try $0.value().arrayValue?.count } == 3)
    }
  }

  @Test func aFileLargerThanAllowedIsNotRead() throws {
    try withFile(Array("[1,2,3]".utf8)) { path in
      let error = #expect(throws: JSONError.self) { try JSONDocument(readingFile: path, maximumBytes: 6) }
      #expect(error?.kind == .tooLarge)
      _ = try JSONDocument(readingFile: path, maximumBytes: 7)
    }
  }

  @Test func aDocumentMayBeReadAgainAndWithinAnother() throws {
    let outer = JSONDocument(bytes: Array("[1,[2]]".utf8), source: "outer")
    let inner = JSONDocument(bytes: Array(#"{"a":"b"}"#.utf8), source: "inner")
    for _ in 0..<3 {
      let seen = try outer.read { root in
        var seen = 0
        try root.array { value in
          try inner.read { root in
            try root.object { key, value in
              let text = try value.string()
              #expect(key == "a" && text == "b")
            }
          }
          seen += 1
          _ = try value.value()
        }
        return seen
      }
      #expect(seen == 2)
    }
  }

  @Test func manyThreadsReadAtOnce() async throws {
    await withTaskGroup(of: Bool.self) { group in
      for number in 0..<64 {
        group.addTask {
          let text = "[" + (0..<200).map { "{\"n\":\(number + $0)}" }.joined(separator: ",") + "]"
          let value = try? JSONValue(parsing: text)
          return value?.arrayValue?.enumerated().allSatisfy { $1["n"]?.integerValue == Int64(number + $0) } ?? false
        }
      }
      for await isRight in group { #expect(isRight) }
    }
  }

  @Test func whatABodyThrowsComesThrough() {
    struct Stop: Error {}
    #expect(throws: Stop.self) {
      try JSONDocument(bytes: Array("[1,2]".utf8), source: "sample").read { try $0.array { _ in throw Stop() } }
    }
  }
}
