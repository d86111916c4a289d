/// A place in the file. Lines and columns count from 1; a column is a character, not a byte.
struct Mark: Equatable, Comparable, Sendable {
  var line: Int
  var column: Int

  static func < (left: Mark, right: Mark) -> Bool { (left.line, left.column) < (right.line, right.column) }
}

/// One node of the file, with its place. The plain subset of YAML: no anchors, aliases, tags or second documents.
struct YAMLNode: Sendable {
  var mark: Mark
  var content: Content

  indirect enum Content: Sendable {
    /// Text; `isPlain` when it stands there without quotes.
    case scalar(String, isPlain: Bool)
    case sequence([YAMLNode])
    case mapping([Entry])
  }

  struct Entry: Sendable {
    var key: String
    var keyMark: Mark
    var value: YAMLNode
  }

  /// A key with nothing after it, or an unquoted `null` or `~`.
  var isNull: Bool {
    if case .scalar(let text, isPlain: true) = content { text.isEmpty || text == "null" || text == "~" } else { false }
  }

  /// The text of a scalar; nil for null, lists and mappings.
  var text: String? {
    if case .scalar(let text, _) = content, !isNull { text } else { nil }
  }

  /// What stands there, for `found …` in a message. Long text is cut.
  var found: String {
    switch content {
    case .scalar where isNull: "nothing"
    case .scalar(let text, _): quoted(text)
    case .sequence: "a list"
    case .mapping: "a mapping"
    }
  }
}

/// Text from the file as it is shown in a message: between backticks, on one line, at most 60 characters.
func quoted(_ text: String) -> String {
  var shown = ""
  for scalar in text.unicodeScalars.prefix(60) {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator:
      shown += "\\u{\(String(scalar.value, radix: 16))}"
    default: shown.unicodeScalars.append(scalar)
    }
  }
  return "`\(shown)\(text.unicodeScalars.dropFirst(60).isEmpty ? "" : "…")`"
}
