/// A shell that there are completions for.
public enum Shell: String, Sendable, CaseIterable { case bash, zsh, fish }

extension CommandTable {
  /// A script that completes commands, options and their words.
  public func completion(_ shell: Shell) -> String {
    switch shell {
    case .bash: bashCompletion
    case .zsh: zshCompletion
    case .fish: fishCompletion
    }
  }

  private var function: String { "_" + program.map { $0 == "-" ? "_" : String($0) }.joined() }

  private var groups: [String] { firstWords.filter { !secondWords(of: $0).isEmpty } }

  private var valueOptions: [CommandOption] {
    (globalOptions + commands.flatMap(\.options)).uniqued().filter { $0.value != .none }
  }

  private func names(_ option: CommandOption) -> [String] { [option.name] + (option.short.map { ["-\($0)"] } ?? []) }

  /// The words that may follow a command, options included.
  private func words(after command: CommandSpecification) -> [String] {
    let arguments =
      command.path == ["help"] ? firstWords.filter { $0 != "help" } : command.arguments.flatMap { $0.choices ?? [] }
    return arguments + options(of: command).map(\.name)
  }

  // MARK: bash

  private var bashCompletion: String {
    // What an option's value may be.
    var values = ""
    for option in valueOptions {
      let reply =
        switch option.value {
        case .choice(let words): "COMPREPLY=($(compgen -W '\(words.joined(separator: " "))' -- \"$current\"))"
        case .file: "COMPREPLY=($(compgen -f -- \"$current\"))"
        default: "COMPREPLY=()"
        }
      values += "    \(names(option).joined(separator: "|"))) \(reply); return ;;\n"
    }
    var words = ""
    for command in commands {
      words += "    '\(command.name)') words='\(self.words(after: command).joined(separator: " "))' ;;\n"
    }
    for group in groups {
      let fallback = groupDefaults[group].flatMap { self.command([group, $0]) }
      let all = secondWords(of: group) + options(of: fallback).map(\.name)
      words += "    '\(group)') words='\(all.joined(separator: " "))' ;;\n"
    }
    let skipped = valueOptions.flatMap(names).joined(separator: "|")
    return """
      # bash completion of \(program)
      \(function)() {
        local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" command='' words='' index
        COMPREPLY=()
        case "$previous" in
      \(values)  esac
        for ((index = 1; index < COMP_CWORD; index++)); do
          case "${COMP_WORDS[index]}" in
          \(skipped)) ((index++)) ;;
          -*) ;;
          *)
            case "$command" in
            '') command="${COMP_WORDS[index]}" ;;
            \(groups.joined(separator: "|"))) command="$command ${COMP_WORDS[index]}" ;;
            esac ;;
          esac
        done
        case "$command" in
          '') words='\((firstWords + globalOptions.map(\.name)).joined(separator: " "))' ;;
      \(words)  esac
        COMPREPLY=($(compgen -W "$words" -- "$current"))
      }
      complete -F \(function) \(program)

      """
  }

  // MARK: zsh

  private var zshCompletion: String {
    func specification(_ option: CommandOption) -> String {
      let action =
        switch option.value {
        case .none: ""
        case .choice(let words): ":\(option.placeholder):(\(words.joined(separator: " ")))"
        case .file: ":\(option.placeholder):_files"
        default: ":\(option.placeholder): "
        }
      let repeats = option.isRepeatable ? "*" : ""
      return names(option).map { "    '\(repeats)\($0)[\(zshQuoted(option.documentation))]\(action)'" }
        .joined(separator: " \\\n")
    }
    func list(_ rows: [(String, String)]) -> String {
      rows.map { "'\($0):\(zshQuoted($1))'" }.joined(separator: " ")
    }
    func arguments(_ command: CommandSpecification) -> String {
      let positional = command.arguments.map { argument in
        let choices =
          command.path == ["help"]
          ? "(\(firstWords.joined(separator: " ")))" : argument.choices.map { "(\($0.joined(separator: " ")))" } ?? " "
        return "    '\(argument.isRepeatable ? "*" : ""):\(argument.name):\(choices)'"
      }
      return (["_arguments -s"] + options(of: command).map(specification) + positional).joined(separator: " \\\n")
    }
    var cases = ""
    for word in firstWords {
      if let command = command([word]) {
        cases += "  \(word))\n    \(arguments(command)) ;;\n"
        continue
      }
      let inside = commands.filter { $0.path.first == word }
      cases += """
          \(word))
            if (( CURRENT == 2 )); then
              commands=(\(list(inside.map { ($0.path[1], $0.summary) })))
              _describe command commands
            else
              shift words; (( CURRENT-- ))
              case $words[1] in

        """
      for command in inside { cases += "      \(command.path[1])) \(arguments(command)) ;;\n" }
      cases += "      esac\n    fi ;;\n"
    }
    return """
      #compdef \(program)
      \(function)() {
        local -a commands
        local context state state_descr line
        typeset -A opt_args
        _arguments -C -s \\
      \(globalOptions.map(specification).joined(separator: " \\\n")) \\
          '1: :->command' '*:: :->rest'
        case $state in
        command)
          commands=(\(list(firstWords.map { ($0, summary(of: $0)) })))
          _describe command commands
          return ;;
        rest) ;;
        *) return ;;
        esac
        case $words[1] in
      \(cases)  esac
      }
      if [[ $funcstack[1] == \(function) ]]; then \(function) "$@"; else compdef \(function) \(program); fi

      """
  }

  private func zshQuoted(_ text: String) -> String {
    text.map { character in
      switch character {
      case "'": "'\\''"
      case "[", "]", ":", "\\": "\\\(character)"
      default: String(character)
      }
    }.joined()
  }

  // MARK: fish

  private var fishCompletion: String {
    var text = "# fish completion of \(program)\ncomplete -c \(program) -f\n"
    func line(_ condition: String, _ rest: String) { text += "complete -c \(program) -n '\(condition)' \(rest)\n" }
    for word in firstWords {
      line("__fish_use_subcommand", "-a \(word) -d '\(fishQuoted(summary(of: word)))'")
    }
    for group in groups {
      let inside = secondWords(of: group)
      let condition =
        "__fish_seen_subcommand_from \(group); and not __fish_seen_subcommand_from \(inside.joined(separator: " "))"
      for command in commands where command.path.first == group && command.path.count == 2 {
        line(condition, "-a \(command.path[1]) -d '\(fishQuoted(command.summary))'")
      }
    }
    for command in commands {
      let condition = command.path.map { "__fish_seen_subcommand_from \($0)" }.joined(separator: "; and ")
      for option in command.options { line(condition, fishOption(option)) }
      let words =
        command.path == ["help"] ? firstWords.filter { $0 != "help" } : command.arguments.flatMap { $0.choices ?? [] }
      if !words.isEmpty { line(condition, "-a '\(words.joined(separator: " "))'") }
    }
    for option in globalOptions { text += "complete -c \(program) \(fishOption(option))\n" }
    return text
  }

  private func fishOption(_ option: CommandOption) -> String {
    let action =
      switch option.value {
      case .none: ""
      case .choice(let words): " -x -a '\(words.joined(separator: " "))'"
      case .file: " -r -F"
      default: " -x"
      }
    let short = option.short.map { " -s \($0)" } ?? ""
    return "-l \(option.name.dropFirst(2))\(short)\(action) -d '\(fishQuoted(option.documentation))'"
  }

  private func fishQuoted(_ text: String) -> String {
    text.map { $0 == "'" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
  }

  /// Of a command, or of a group by what is in it.
  private func summary(of word: String) -> String {
    command([word])?.summary
      ?? commands.filter { $0.path.first == word }.map(\.summary).joined(separator: "; ")
  }
}
