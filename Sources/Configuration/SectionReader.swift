/// Reads the keys of one mapping, by the table. Made for one mapping: it notes unknown keys at once.
struct SectionReader {
  let path: String
  let mark: Mark
  private let entries: [YAMLNode.Entry]
  private let diagnostics: Diagnostics

  /// nil when `node` is no mapping, which is noted.
  init?(_ node: YAMLNode, _ section: Section, path: String, _ diagnostics: Diagnostics) {
    guard case .mapping(let entries) = node.content else {
      diagnostics.error(
        node.mark, path.isEmpty ? nil : path, "expected a mapping (`key: value` lines), found \(node.found)")
      return nil
    }
    self.path = path
    self.entries = entries
    self.diagnostics = diagnostics
    mark = node.mark
    let names = section.rows.map(\.name)
    for entry in entries where !names.contains(entry.key) {
      diagnostics.error(entry.keyMark, keyPath(entry.key), "unknown key\(Self.advice(entry.key, names, section))")
    }
  }

  private static func advice(_ name: String, _ known: [String], _ section: Section) -> String {
    if name == "<<" { return "; merging is not supported, write the keys out" }
    if let nearest = Spelling.nearest(to: name, among: known) { return "; did you mean \(nearest)?" }
    let elsewhere = Section.all.filter { $0.rows.contains { $0.name == name } }
      .map { $0.path.isEmpty ? "the top of the file" : $0.path }
    if !elsewhere.isEmpty { return "; it belongs to \(elsewhere.joined(separator: " or "))" }
    return "; known here: \(known.joined(separator: ", "))"
  }

  /// `airflow[0].dsn`
  func keyPath(_ name: String) -> String {
    let shown = name.unicodeScalars.allSatisfy { $0.isASCII && $0.value > 0x20 } ? name : String(quoted(name))
    return path.isEmpty ? shown : "\(path).\(shown)"
  }

  func isGiven<Value>(_ key: Key<Value>) -> Bool { entries.contains { $0.key == key.row.name } }

  /// Where the key's value stands; where the mapping begins when the key is absent.
  func mark<Value>(of key: Key<Value>) -> Mark { entries.first { $0.key == key.row.name }?.value.mark ?? mark }

  /// The value given, or the default; nil when there is neither, which is an error for a required key, or when the
  /// value is wrong.
  func read<Value>(_ key: Key<Value>) -> Value? {
    if let entry = entries.first(where: { $0.key == key.row.name }) {
      return key.type.read(entry.value, keyPath(key.row.name), diagnostics)
    }
    if let fallback = key.row.fallback {
      // The default is read as if it stood in the file, so that what is documented is what is done.
      return YAMLReader.read(fallback, diagnostics).flatMap { key.type.read($0, keyPath(key.row.name), diagnostics) }
    }
    if key.row.isRequired {
      diagnostics.error(mark, keyPath(key.row.name), "required, and missing; expected \(key.row.type)")
    }
    return nil
  }

  func error<Value>(_ key: Key<Value>, _ message: String) {
    diagnostics.error(mark(of: key), keyPath(key.row.name), message)
  }

  func warning<Value>(_ key: Key<Value>, _ message: String) {
    diagnostics.warning(mark(of: key), keyPath(key.row.name), message)
  }

  /// Notes keys that belong to another value of `type`.
  func refuseKeys(otherThanOf type: String, in section: Section) {
    for entry in entries {
      guard let only = section.rows.first(where: { $0.name == entry.key })?.onlyType, only != type else { continue }
      diagnostics.error(
        entry.keyMark, keyPath(entry.key), "not a key of a sink of type \(type); it belongs to type \(only)")
    }
  }
}
