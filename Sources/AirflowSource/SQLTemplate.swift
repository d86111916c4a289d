/// A query in which optional columns and tables follow the probed schema.
///
/// `{alias.column|type}` becomes `alias.column` where the table has that column, else `NULL::type`. A line that ends in
/// `--if table` stays only where that table exists, one that ends in `--unless table` only where it does not; a line that
/// is nothing but `--if table` says so of all lines up to `--end`. Of the comments only a first line is sent, by which
/// the server's log can tell the queries apart. Values are parameters.
struct SQLTemplate {
  var text: String

  init(_ bytes: [UInt8]) { text = String(decoding: bytes, as: UTF8.self) }

  func sql(for schema: AirflowSchema) -> String {
    var lines: [String] = []
    var isLeftOut = false
    for (number, line) in text.split(separator: "\n").enumerated() {
      if line.hasPrefix("--") {
        if number == 0 { lines.append(String(line)) }
        if line.hasPrefix("--if ") { isLeftOut = !schema.has(String(line.dropFirst(5))) }
        if line == "--end" { isLeftOut = false }
      } else if !isLeftOut, let kept = Self.kept(line, schema) {
        lines.append(Self.filled(kept, schema))
      }
    }
    return lines.joined(separator: "\n")
  }

  private static func kept(_ line: Substring, _ schema: AirflowSchema) -> Substring? {
    guard let comment = line.firstRange(of: "--") else { return line }
    let words = line[comment.upperBound...].split(separator: " ")
    guard words.count == 2 else { return line }
    switch words[0] {
    case "if" where !schema.has(String(words[1])): return nil
    case "unless" where schema.has(String(words[1])): return nil
    default: return line[..<comment.lowerBound]
    }
  }

  private static func filled(_ line: Substring, _ schema: AirflowSchema) -> String {
    var result = ""
    var rest = line
    while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
      result += rest[..<open]
      let parts = rest[rest.index(after: open)..<close].split(separator: "|")
      let names = parts.first?.split(separator: ".") ?? []
      if parts.count == 2, names.count == 2 {
        let table = AirflowTable.nameOfAlias[String(names[0])] ?? ""
        result += schema.has(table, String(names[1])) ? String(parts[0]) : "NULL::\(parts[1])"
      } else {
        result += rest[open...close]
      }
      rest = rest[rest.index(after: close)...]
    }
    return result + rest
  }
}
