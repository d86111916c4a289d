/// One command of the table.
public struct CommandSpecification: Sendable {
  /// Its words after the program's name: `["runs", "list"]`.
  public let path: [String]
  /// One line for the list of commands.
  public let summary: String
  /// A paragraph for its own help.
  public let details: String
  public let options: [CommandOption]
  public let arguments: [CommandArgument]

  init(
    _ path: String, _ summary: String, details: String = "", options: [CommandOption] = [],
    arguments: [CommandArgument] = []
  ) {
    self.path = path.split(separator: " ").map(String.init)
    self.summary = summary
    self.details = details
    self.options = options
    self.arguments = arguments
  }

  public var name: String { path.joined(separator: " ") }
}

/// One argument of a command that is no option.
public struct CommandArgument: Hashable, Sendable {
  /// What it is called in the help: `RUN`.
  public let name: String
  public let isRequired: Bool
  public let isRepeatable: Bool
  /// The words that may stand there; nil for any.
  public let choices: [String]?
  public let documentation: String

  init(
    _ name: String, required: Bool = true, repeatable: Bool = false, choices: [String]? = nil, _ documentation: String
  ) {
    self.name = name
    isRequired = required
    isRepeatable = repeatable
    self.choices = choices
    self.documentation = documentation
  }
}
