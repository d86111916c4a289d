import Configuration

/// What is wrong with a command line (exit status 64).
public struct UsageError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was expected and what was found.
  public var message: String
  /// The command whose help tells more; empty for the whole program.
  public var path: [String]
  var program: String

  public var description: String {
    let command = ([program] + path + ["--help"]).joined(separator: " ")
    return "\(program): \(message)\nTry: \(command)"
  }
}

/// What the user wants.
public enum CommandLineRequest: Hashable, Sendable {
  /// To do something.
  case command(ParsedCommand)
  /// To read the help of a command; of the program when the path is empty.
  case help(path: [String])
}

extension CommandTable {
  /// Reads a command line. Options may stand anywhere; `--opt value`, `--opt=value`, `-o value`, `-ovalue` and grouped
  /// flags are understood, and all after `--` are arguments. An empty environment variable counts as unset.
  ///
  /// - Parameters:
  ///   - words: without the program's name.
  ///   - environment: looks a variable up.
  public func parse(
    _ words: [String], environment: (String) -> String? = { _ in nil }
  ) throws(UsageError) -> CommandLineRequest {
    var parser = OptionParser(table: self, words: words)
    return try parser.parse(environment)
  }
}

private struct OptionParser {
  let table: CommandTable
  let words: [String]
  private var position = 0
  private var path: [String] = []
  private var arguments: [String] = []
  private var values: [CommandOption: [String]] = [:]
  private var onlyArguments = false
  private var isGroupDefault = false

  init(table: CommandTable, words: [String]) {
    self.table = table
    self.words = words
  }

  mutating func parse(_ environment: (String) -> String?) throws(UsageError) -> CommandLineRequest {
    // The command first, so that its options are known wherever they stand.
    try findCommand()
    let command = table.command(path)
    position = 0
    var pathLeft = path[...]
    while position < words.count {
      let word = words[position]
      position += 1
      if onlyArguments || word == "-" || !word.hasPrefix("-") {
        if !onlyArguments, let next = pathLeft.first, next == word {
          pathLeft = pathLeft.dropFirst()
        } else {
          arguments.append(word)
        }
      } else if word == "--" {
        onlyArguments = true
      } else if word.hasPrefix("--") {
        try longOption(word, command)
      } else {
        try shortOptions(word, command)
      }
    }
    if values[.help] != nil { return .help(path: isGroupDefault ? [path[0]] : path) }
    guard let command else { return .help(path: []) }
    if command.path == ["help"] { return .help(path: try helpPath(arguments)) }
    try checkArguments(command)
    let given = Set(values.keys)
    for option in table.options(of: command) where values[option] == nil {
      if let name = option.environment, let text = environment(name), !text.isEmpty {
        if let problem = option.problem(with: text) { throw usage("\(name) (environment): \(problem)") }
        values[option] = [text]
      } else if let fallback = option.fallback {
        values[option] = [fallback]
      }
    }
    return .command(ParsedCommand(path: path, arguments: arguments, values: values, given: given))
  }

  // MARK: The command

  private mutating func findCommand() throws(UsageError) {
    if words.contains("--version"), plainWords().isEmpty {
      path = ["version"]
      return
    }
    let plain = plainWords()
    guard let first = plain.first else {
      if words.allSatisfy({ $0 == "-h" || $0 == "--help" }) { return }
      // Options alone: a misspelled one is the better message.
      if let unknown = words.first(where: { $0.hasPrefix("-") && table.option($0.optionName, of: nil) == nil }) {
        throw unknownOption(unknown.optionName, nil)
      }
      throw usage("expected a command: \(table.firstWords.joined(separator: ", "))")
    }
    guard table.firstWords.contains(first) else {
      throw usage("unknown command `\(printable(first))`\(Spelling.suggestion(for: first, among: table.firstWords))")
    }
    path = [first]
    let second = table.secondWords(of: first)
    guard !second.isEmpty else { return }
    if plain.count > 1, second.contains(plain[1]) {
      path.append(plain[1])
    } else if plain.count > 1 {
      throw usage(
        "unknown command `\(first) \(printable(plain[1]))`\(Spelling.suggestion(for: plain[1], among: second)); "
          + "expected \(second.map { "\(first) \($0)" }.joined(separator: " or "))")
    } else if let fallback = table.groupDefaults[first] {
      path.append(fallback)
      isGroupDefault = true
    } else if !words.contains("-h"), !words.contains("--help") {
      throw usage("expected \(second.map { "\(first) \($0)" }.joined(separator: " or "))")
    }
  }

  /// The words that are neither options nor values of options, as far as that can be told before the command is known:
  /// an option's name means the same in every command.
  private func plainWords() -> [String] {
    var plain: [String] = []
    var index = 0
    while index < words.count {
      let word = words[index]
      index += 1
      if word == "--" { return plain }
      guard word.hasPrefix("-"), word != "-" else {
        plain.append(word)
        continue
      }
      let option = table.commands.lazy.compactMap { table.option(word.optionName, of: $0) }.first
      let takesNext = word.hasPrefix("--") ? !word.contains("=") : word.count == 2
      if let option, option.value != .none, takesNext { index += 1 }
    }
    return plain
  }

  private func helpPath(_ words: [String]) throws(UsageError) -> [String] {
    let isKnown = words.isEmpty || table.commands.contains { $0.path.starts(with: words) }
    guard isKnown else {
      let names = table.commands.map(\.name) + table.firstWords
      let name = words.joined(separator: " ")
      throw usage("unknown command `\(printable(name))`\(Spelling.suggestion(for: name, among: names))")
    }
    return words
  }

  // MARK: Options

  private mutating func longOption(_ word: String, _ command: CommandSpecification?) throws(UsageError) {
    if word == "--version", path == ["version"] { return }
    let name = word.optionName
    guard let option = table.option(name, of: command) else { throw unknownOption(name, command) }
    let attached = word.firstIndex(of: "=").map { String(word[word.index(after: $0)...]) }
    if option.value == .none, attached != nil { throw usage("\(name) takes no value") }
    try take(option, attached)
  }

  private mutating func shortOptions(_ word: String, _ command: CommandSpecification?) throws(UsageError) {
    var letters = word.dropFirst()
    while let letter = letters.popFirst() {
      guard let option = table.option("-\(letter)", of: command) else { throw unknownOption("-\(letter)", command) }
      if option.value == .none {
        try take(option, nil)
      } else {
        if letters.first == "=" { letters = letters.dropFirst() }
        try take(option, letters.isEmpty ? nil : String(letters))
        return
      }
    }
  }

  private mutating func take(_ option: CommandOption, _ attached: String?) throws(UsageError) {
    if values[option] != nil, !option.isRepeatable, option.value != .none {
      throw usage("\(option.name) may be given only once")
    }
    guard option.value != .none else {
      values[option] = []
      return
    }
    var text = attached
    if text == nil, position < words.count, words[position] != "--" {
      text = words[position]
      position += 1
    }
    guard let text else { throw usage("\(option.name): expected \(option.placeholder) after it, found nothing") }
    if let problem = option.problem(with: text) { throw usage("\(option.name): \(problem)") }
    values[option, default: []].append(text)
  }

  private func unknownOption(_ name: String, _ command: CommandSpecification?) -> UsageError {
    let known = table.options(of: command).map(\.name)
    var advice = ""
    if name.hasPrefix("--") {
      // Without the dashes, which would make every two names alike.
      let bare = Spelling.nearest(to: String(name.dropFirst(2)), among: known.map { String($0.dropFirst(2)) })
      advice = bare.map { "; did you mean --\($0)?" } ?? ""
    }
    let owners = table.commands.filter { table.option(name, of: $0) != nil }.map(\.name)
    if advice.isEmpty, !owners.isEmpty { advice = "; it belongs to \(owners.joined(separator: ", "))" }
    return usage("unknown option `\(printable(name))`\(path.isEmpty ? "" : " of `\(joinedPath)`")\(advice)")
  }

  // MARK: Arguments

  private func checkArguments(_ command: CommandSpecification) throws(UsageError) {
    for (index, argument) in command.arguments.enumerated() {
      guard index < arguments.count else {
        if argument.isRequired { throw usage("expected \(argument.name) after `\(joinedPath)`, found nothing") }
        continue
      }
      if let choices = argument.choices, !choices.contains(arguments[index]) {
        throw usage(
          "\(argument.name): expected \(choices.joined(separator: ", ")), found `\(printable(arguments[index]))`"
            + Spelling.suggestion(for: arguments[index], among: choices))
      }
    }
    if arguments.count > command.arguments.count, command.arguments.last?.isRepeatable != true {
      throw usage("`\(joinedPath)` does not take `\(printable(arguments[command.arguments.count]))`")
    }
  }

  private var joinedPath: String { path.joined(separator: " ") }

  private func usage(_ message: String) -> UsageError {
    UsageError(message: message, path: table.command(path) == nil ? [] : path, program: table.program)
  }
}

extension CommandTable {
  fileprivate func option(_ name: String, of command: CommandSpecification?) -> CommandOption? {
    options(of: command).first { $0.name == name || $0.short.map { "-\($0)" } == name }
  }
}

extension String {
  /// `--since` of `--since=2h`, `-n` of `-n5`.
  fileprivate var optionName: String {
    hasPrefix("--") ? String(prefix { $0 != "=" }) : String(prefix(2))
  }
}
