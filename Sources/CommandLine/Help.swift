extension CommandTable {
  /// The help of a command or group of commands, of the whole program for an empty path.
  ///
  /// - Parameter columns: of the terminal; used from 60 to 100, 80 when unknown (0).
  public func help(_ path: [String] = [], columns: Int = 0) -> String {
    let width = columns == 0 ? 80 : min(max(columns, 60), 100)
    if let command = command(path) { return help(of: command, width) }
    return help(ofGroup: path, width)
  }

  private func help(ofGroup path: [String], _ width: Int) -> String {
    let listed = commands.filter { $0.path.starts(with: path) }
    var text = "Usage: \(([program] + path).joined(separator: " ")) COMMAND [OPTION…]\n"
    if path.isEmpty { text += "\n" + wrapped(summary, indent: 0, width) }
    text += "\nCommands:\n" + columnsOf(listed.map { ($0.name, $0.summary) }, width)
    if let first = path.first, let fallback = groupDefaults[first] {
      text += "\n" + wrapped("`\(program) \(first)` alone is `\(program) \(first) \(fallback)`.", indent: 0, width)
    }
    text += "\nOptions of every command:\n" + columnsOf(globalOptions.map(row), width)
    if path.isEmpty {
      text += "\nExit status:\n" + columnsOf(ExitCode.allCases.map { (String($0.rawValue), $0.meaning) }, width)
    }
    return text + "\n" + wrapped("`\(program) help COMMAND` tells more.", indent: 0, width)
  }

  private func help(of command: CommandSpecification, _ width: Int) -> String {
    var usage = [program] + command.path
    usage += command.arguments.map { argument in
      let name = argument.isRepeatable ? "\(argument.name)…" : argument.name
      return argument.isRequired ? name : "[\(name)]"
    }
    var text = "Usage: \(usage.joined(separator: " ")) [OPTION…]\n\n" + wrapped(command.summary + ".", indent: 0, width)
    if !command.details.isEmpty { text += "\n" + wrapped(command.details, indent: 0, width) }
    if !command.arguments.isEmpty {
      text += "\nArguments:\n" + columnsOf(command.arguments.map { ($0.name, $0.documentation) }, width)
    }
    if !command.options.isEmpty { text += "\nOptions:\n" + columnsOf(command.options.map(row), width) }
    return text + "\nOptions of every command:\n" + columnsOf(globalOptions.map(row), width)
  }

  private func row(_ option: CommandOption) -> (String, String) {
    let name = option.value == .none ? option.name : "\(option.name) \(option.placeholder)"
    var words = option.documentation
    if case .choice(let choices) = option.value { words += " One of \(choices.joined(separator: ", "))." }
    if let fallback = option.fallback { words += " Default: \(fallback)." }
    if let environment = option.environment { words += " Environment: \(environment)." }
    return (option.short.map { "-\($0), \(name)" } ?? "    \(name)", words)
  }

  /// Two columns, the second wrapped.
  private func columnsOf(_ rows: [(String, String)], _ width: Int) -> String {
    let first = min(rows.map(\.0.count).max() ?? 0, 26)
    var text = ""
    for (name, words) in rows {
      let lines = Self.lines(of: words, width: width - first - 4)
      let gap = name.count > first ? "\n" + String(repeating: " ", count: first + 4) : ""
      let padding = gap.isEmpty ? String(repeating: " ", count: first - name.count + 2) : gap
      text += "  \(name)\(padding)\(lines.first ?? "")\n"
      for line in lines.dropFirst() { text += String(repeating: " ", count: first + 4) + line + "\n" }
    }
    return text
  }

  private func wrapped(_ words: String, indent: Int, _ width: Int) -> String {
    Self.lines(of: words, width: width - indent).map { String(repeating: " ", count: indent) + $0 + "\n" }.joined()
  }

  private static func lines(of words: String, width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in words.split(separator: " ") {
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = ""
      }
      line += line.isEmpty ? String(word) : " \(word)"
    }
    return line.isEmpty ? lines : lines + [line]
  }
}
