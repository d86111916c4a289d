/// What the file's reference, its example and the check for unknown keys need to know of one key.
struct KeyRow: Sendable {
  var name: String
  /// A word or two for the reference: `duration`, `path`.
  var type: String
  /// The default as it would be written in the file; nil when there is none.
  var fallback: String?
  var isRequired = false
  /// What it means, for the person who writes the file. No line breaks.
  var documentation: String
  /// A value as it would be written in the file; the default when nil.
  var example: String?
  /// Other examples in an entry of that type (see ``Section/variants``).
  var examples: [String: String] = [:]
  /// The key that this one replaces: only one of them may be given.
  var insteadOf: String?
  /// The only value of `type` with which this key may be given.
  var onlyType: String?
  /// Whether the example gives it although it is optional.
  var isShown = false
  /// What is inside, when the value is a mapping or a list of mappings.
  var inside: Section?

  func example(in variant: String?) -> String {
    variant.flatMap { examples[$0] } ?? example ?? fallback ?? ""
  }
}

/// One key of the file: its row in the table, and how its value is read.
struct Key<Value: Sendable>: Sendable {
  var row: KeyRow
  var type: ValueType<Value>

  init(
    _ name: String, _ type: ValueType<Value>, default fallback: String? = nil, required: Bool = false,
    example: String? = nil, examples: [String: String] = [:], insteadOf: String? = nil, onlyType: String? = nil,
    shown: Bool = false, inside: Section? = nil, _ documentation: String
  ) {
    row = KeyRow(
      name: name, type: type.name, fallback: fallback, isRequired: required, documentation: documentation,
      example: example, examples: examples, insteadOf: insteadOf, onlyType: onlyType, isShown: shown, inside: inside)
    self.type = type
  }
}

/// The keys of one kind of mapping.
struct Section: Sendable {
  /// Where it stands: `airflow[]`; empty for the top of the file.
  var path: String
  var isList = false
  /// The entries that the example shows, by the value of their `type` key: the first as it is, the others commented
  /// out. Empty when there is but one kind.
  var variants: [String] = []
  var rows: [KeyRow]
}
