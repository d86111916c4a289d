import ExecutionModel
import JSONText
import Storage

extension Binder {
  mutating func callAsFunction(_ value: Instant?) { self(value?.microseconds) }
}

extension Columns {
  mutating func optionalInstant() -> Instant? { optionalInteger().map(Instant.init(microseconds:)) }
}

/// Lists of names are kept as JSON: a tag may hold anything, and `json_each` reads them in SQL.
enum NameList {
  static func text(_ list: [String]) -> String {
    if list.isEmpty { return "[]" }
    var writer = JSONWriter()
    writer.array { writer in for name in list { writer.string(name) } }
    return writer.text
  }

  static func list(_ text: String) -> [String] {
    if text == "[]" { return [] }
    return (try? JSONValue(parsing: text))?.arrayValue?.compactMap(\.stringValue) ?? []
  }
}

/// `a = excluded.a, b = excluded.b, …`: what stands there gives way to what comes.
func replacing(_ columns: String) -> String {
  columns.split { $0 == "," || $0.isWhitespace }.map { "\($0) = excluded.\($0)" }.joined(separator: ", ")
}

/// `?, ?, …`
func placeholders(_ count: Int) -> String { Array(repeating: "?", count: count).joined(separator: ", ") }

/// `(?, ?, …), (?, ?, …), …`
func placeholders(rows: Int, of columns: Int) -> String {
  Array(repeating: "(\(placeholders(columns)))", count: rows).joined(separator: ", ")
}

/// Slices of so many elements each; the last may have fewer.
func slices<Elements: RandomAccessCollection>(of elements: Elements, _ count: Int) -> [Elements.SubSequence]
where Elements.Index == Int {
  stride(from: elements.startIndex, to: elements.endIndex, by: count).map {
    elements[$0..<min($0 + count, elements.endIndex)]
  }
}
