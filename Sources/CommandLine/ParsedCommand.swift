/// A command line that is right: the command, its options and arguments. Every value was checked while parsing.
public struct ParsedCommand: Sendable, Hashable {
  /// The words of the command: `["runs", "list"]`.
  public var path: [String]
  /// What is neither an option nor the command, in order.
  public var arguments: [String]
  /// Options given, from the environment, or with their default.
  var values: [CommandOption: [String]]
  /// Options that the user gave on the command line.
  var given: Set<CommandOption>

  /// `runs list`
  public var name: String { path.joined(separator: " ") }

  /// Whether an option without a value was given.
  public func flag(_ option: CommandOption) -> Bool { values[option] != nil }

  /// The value of an option: given, from its environment variable, or its default.
  public func text(_ option: CommandOption) -> String? { values[option]?.last }

  /// Every value of an option that may be repeated.
  public func texts(_ option: CommandOption) -> [String] { values[option] ?? [] }

  /// The value of an option that takes a number.
  public func count(_ option: CommandOption) -> Int? { text(option).flatMap { Int($0) } }

  /// The value of an option that takes a time.
  public func time(_ option: CommandOption) -> TimeArgument? { text(option).flatMap { TimeArgument($0) } }

  /// Whether the option stands on the command line itself.
  public func isGiven(_ option: CommandOption) -> Bool { given.contains(option) }

  /// The configuration file to use. The table gives it a default.
  public var configurationPath: String { text(.config) ?? CommandOption.config.fallback ?? "" }
}
