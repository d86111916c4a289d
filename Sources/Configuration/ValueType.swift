/// How one kind of value is read from a node, and what it is called.
struct ValueType<Value: Sendable>: Sendable {
  /// For the reference: `duration`.
  var name: String
  /// Reads the node at `path`, noting what is wrong; nil when it cannot be used.
  var read: @Sendable (_ node: YAMLNode, _ path: String, _ diagnostics: Diagnostics) -> Value?

  /// A type of one scalar. `parse` gives nil for what is not `expected`.
  static func scalar(
    _ name: String, _ expected: String, _ parse: @escaping @Sendable (String) -> Value?
  ) -> ValueType {
    ValueType(name: name) { node, path, diagnostics in
      if let text = node.text, let value = parse(text) { return value }
      diagnostics.error(node.mark, path, "expected \(expected), found \(node.found)")
      return nil
    }
  }
}

extension ValueType where Value == String {
  /// Any text without control characters.
  static let text = scalar("text", "text") { text in
    !text.isEmpty && text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control } ? text : nil
  }

  /// `[A-Za-z0-9_-]+`, at most 64: part of keys and of metric labels.
  static let name = scalar("name", "a name of letters, digits, `_` and `-` (at most 64)") { text in
    let isName = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    return isName && (1...64).contains(text.utf8.count) ? text : nil
  }

  /// A file; relative paths count from the folder of the configuration file.
  static let path = ValueType(name: "path") { node, path, diagnostics in
    guard let text = ValueType.text.read(node, path, diagnostics) else { return nil }
    if text.hasPrefix("~") || text.contains("$") {
      diagnostics.error(
        node.mark, path, "expected a path, found \(node.found); neither ~ nor variables are replaced here")
      return nil
    }
    return resolved(text, diagnostics.file)
  }

  /// A connection string or a token, which no message may quote.
  static func hidden(_ name: String, _ expected: String) -> ValueType {
    ValueType(name: name) { node, path, diagnostics in
      if let text = node.text, !text.isEmpty { return text }
      let found = if case .scalar = node.content { "nothing" } else { node.found }
      diagnostics.error(node.mark, path, "expected \(expected), found \(found)")
      return nil
    }
  }

  private static func resolved(_ path: String, _ file: String) -> String {
    guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
    return file[...slash] + path
  }

  /// As ``path``, but `${CREDENTIALS_DIRECTORY}` may stand in it. A value without a slash is refused and not quoted:
  /// it may be the secret itself.
  static let secretPath = ValueType(name: "path") { node, path, diagnostics in
    let variable = "${\(Secret.directoryVariable)}"
    guard let text = ValueType.hidden("path", "the path of a file").read(node, path, diagnostics) else { return nil }
    let rest = text.firstRange(of: variable).map { text.replacingCharacters(in: $0, with: "") } ?? text
    guard text.contains("/"), !text.contains("\0") else {
      diagnostics.error(
        node.mark, path,
        "expected the path of a file that holds the secret, such as /etc/airflow-syncer/secret or ./secret, "
          + "found text without a slash")
      return nil
    }
    if rest.hasPrefix("~") || rest.contains("$") {
      diagnostics.error(
        node.mark, path, "expected a path, found one with ~ or a variable; only \(variable) is replaced")
      return nil
    }
    return text.hasPrefix(variable) ? text : resolved(text, diagnostics.file)
  }
}

extension ValueType where Value == Bool {
  static let bool = scalar("true or false", "true or false") { $0 == "true" ? true : $0 == "false" ? false : nil }
}

extension ValueType where Value == Int64 {
  static let positiveInteger = scalar("number", "a whole number from 1 to 9223372036854775807") { text in
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int64(text), number > 0 else { return nil }
    return number
  }
}

extension ValueType where Value == Int64 {
  /// A number of bytes from 1 MB on: `500MB`, `20GB`, `1GiB`, or without a unit.
  static let size = scalar("size", "a size from 1MB to 1000TB, such as 500MB or 20GB") { text in
    ByteCount.parse(text).flatMap { (1_000_000...1_000_000_000_000_000).contains($0) ? $0 : nil }
  }
}

extension ValueType where Value == Int {
  static func number(_ range: ClosedRange<Int>) -> ValueType {
    scalar("number", "a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
      guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text), range.contains(number) else {
        return nil
      }
      return number
    }
  }
}

extension ValueType where Value == Double {
  static let rate = scalar("number", "a number from 0.1 to 10000") { text in
    Double(text).flatMap { (0.1...10_000).contains($0) ? $0 : nil }
  }
}

extension ValueType where Value == Duration {
  static func duration(_ range: ClosedRange<Duration>) -> ValueType {
    let expected =
      "a duration from \(range.lowerBound.configuredText) to \(range.upperBound.configuredText), "
      + "such as 5s, 200ms or 1h30m"
    return scalar("duration", expected) { Duration(configured: $0).flatMap { range.contains($0) ? $0 : nil } }
  }
}

extension ValueType where Value == Retention {
  static let retention = scalar("`none` or duration", "`none` or a duration from 1d on, such as 90d") { text in
    if text == "none" { return Retention(length: nil) }
    return Duration(configured: text).flatMap { $0 >= .seconds(86_400) ? Retention(length: $0) : nil }
  }
}

extension ValueType where Value == Backfill {
  static let backfill = scalar("`all`, `none` or duration", "`all`, `none` or a duration such as 30d") { text in
    switch text {
    case "all": .all
    case "none": Backfill.none
    default: Duration(configured: text).map { .last($0) }
    }
  }
}

extension ValueType where Value == EndpointURL {
  static let url = ValueType(name: "URL") { node, path, diagnostics in
    guard let text = node.text else {
      diagnostics.error(node.mark, path, "expected a URL such as https://host/path, found \(node.found)")
      return nil
    }
    do throws(EndpointURL.Problem) {
      return try EndpointURL(parsing: text)
    } catch {
      // What is no URL may still be a misplaced secret, so it is not quoted when it has a sign that URLs hide.
      let found = text.contains("@") || text.contains("?") ? "" : ", found \(node.found)"
      diagnostics.error(node.mark, path, error.message + found)
      return nil
    }
  }
}

extension ValueType where Value == DatasetNamespaces {
  /// A namespace, or a mapping from project ids to namespaces.
  static let datasetNamespaces = ValueType(name: "text, or mapping") { node, path, diagnostics in
    guard case .mapping(let entries) = node.content else {
      return ValueType<String>.text.read(node, path, diagnostics).map { DatasetNamespaces(all: $0) }
    }
    var namespaces = DatasetNamespaces()
    var isReadable = true
    for entry in entries {
      guard let project = Int64(entry.key), project > 0, String(project) == entry.key else {
        diagnostics.error(entry.keyMark, path, "expected the number of a project, found `\(entry.key)`")
        isReadable = false
        continue
      }
      namespaces.ofProjects[project] = ValueType<String>.text.read(entry.value, "\(path).\(entry.key)", diagnostics)
      isReadable = isReadable && namespaces.ofProjects[project] != nil
    }
    return isReadable ? namespaces : nil
  }
}

extension ValueType where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
  /// One of the words of an enumeration.
  static var choice: ValueType {
    let words = Value.allCases.map(\.rawValue)
    let listed = words.dropLast().map { "`\($0)`" }.joined(separator: ", ")
    let expected = listed + (words.last.map { " or `\($0)`" } ?? "")
    return ValueType(name: expected) { node, path, diagnostics in
      if let text = node.text, let value = Value(rawValue: text) { return value }
      let nearest = node.text.map { Spelling.suggestion(for: $0, among: words) } ?? ""
      diagnostics.error(node.mark, path, "expected \(expected), found \(node.found)\(nearest)")
      return nil
    }
  }
}

extension ValueType {
  /// A list of one kind of value, in either of YAML's forms.
  static func list<Element>(of element: ValueType<Element>, name: String) -> ValueType where Value == [Element] {
    ValueType(name: name) { node, path, diagnostics in
      guard case .sequence(let nodes) = node.content else {
        diagnostics.error(node.mark, path, "expected a list such as [a, b], found \(node.found)")
        return nil
      }
      let values = nodes.enumerated().map { element.read($1, "\(path)[\($0)]", diagnostics) }
      return values.contains { $0 == nil } ? nil : values.compactMap { $0 }
    }
  }
}

extension ValueType where Value == SecretCommand {
  /// A line for the shell, or a list of a program and its arguments.
  static let command = ValueType(name: "command line, or list of words") { node, path, diagnostics in
    if let line = node.text, !line.isEmpty, !line.contains("\0") { return .shell(line) }
    if case .sequence(let nodes) = node.content {
      let words = nodes.compactMap { node in
        if case .scalar(let text, _) = node.content, !text.contains("\0") { text } else { nil }
      }
      if let program = words.first, !program.isEmpty, words.count == nodes.count { return .arguments(words) }
    }
    let found = if case .scalar = node.content { "nothing" } else { "a list or mapping of another kind" }
    diagnostics.error(node.mark, path, "expected a command line, or a list [program, argument], found \(found)")
    return nil
  }
}

extension ValueType where Value == YAMLNode {
  /// A mapping whose keys are another section's.
  static let mapping = ValueType(name: "mapping") { node, path, diagnostics in
    if node.isNull { return YAMLNode(mark: node.mark, content: .mapping([])) }
    if case .mapping = node.content { return node }
    diagnostics.error(node.mark, path, "expected a mapping (`key: value` lines), found \(node.found)")
    return nil
  }
}

extension ValueType where Value == [YAMLNode] {
  /// A list whose entries are mappings with the keys of another section. Nothing at all is an empty list.
  static let mappings = ValueType(name: "list") { node, path, diagnostics in
    if node.isNull { return [] }
    guard case .sequence(let nodes) = node.content else {
      diagnostics.error(node.mark, path, "expected a list (lines that begin with `- `), found \(node.found)")
      return nil
    }
    return nodes
  }
}
