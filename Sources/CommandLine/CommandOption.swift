import Configuration

/// One option of the command line.
public struct CommandOption: Hashable, Sendable {
  /// What may follow the option.
  public enum Value: Hashable, Sendable {
    /// Nothing: it is given or not.
    case none
    case text
    case file
    /// One of these words.
    case choice([String])
    /// A whole number from 1.
    case count
    /// A point in time, or how long ago: see ``TimeArgument``.
    case time
  }

  /// With its dashes: `--since`.
  public let name: String
  /// A single letter after one dash.
  public let short: Character?
  public let value: Value
  /// What the value is called in the help: `TIME`.
  public let placeholder: String
  /// The environment variable that is asked when the option is not given.
  public let environment: String?
  /// The value when neither is given.
  public let fallback: String?
  /// Whether it may be given several times.
  public let isRepeatable: Bool
  public let documentation: String

  init(
    _ name: String, short: Character? = nil, _ value: Value, _ placeholder: String,
    environment: String? = nil, default fallback: String? = nil, repeatable: Bool = false, _ documentation: String
  ) {
    self.name = name
    self.short = short
    self.value = value
    self.placeholder = placeholder
    self.environment = environment
    self.fallback = fallback
    isRepeatable = repeatable
    self.documentation = documentation
  }

  /// An option without a value.
  init(_ name: String, short: Character? = nil, _ documentation: String) {
    self.init(name, short: short, .none, "", documentation)
  }

  /// What is wrong with a value, or nil.
  func problem(with text: String) -> String? {
    switch value {
    case .none: nil
    case .text, .file: text.isEmpty ? "expected \(placeholder), found nothing" : nil
    case .choice(let words):
      words.contains(text)
        ? nil
        : "expected \(words.joined(separator: ", ")), found `\(printable(text))`"
          + Spelling.suggestion(for: text, among: words)
    case .count:
      text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) && (Int(text) ?? 0) > 0
        ? nil : "expected a whole number from 1, found `\(printable(text))`"
    case .time:
      TimeArgument(text) == nil ? "expected \(TimeArgument.forms), found `\(printable(text))`" : nil
    }
  }
}

/// Text of the user's as it is shown in a message: on one line, without control characters.
func printable(_ text: String) -> String {
  var shown = ""
  for scalar in text.unicodeScalars.prefix(80) {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: shown += "\\u{\(String(scalar.value, radix: 16))}"
    default: shown.unicodeScalars.append(scalar)
    }
  }
  return shown
}
