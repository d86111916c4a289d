/// The dbt command that a step of a dbt Cloud run invokes, read from the step's name.
///
/// dbt Cloud names its steps ``Clone git repository``, ``Create profile from connection X``,
/// ``Invoke dbt with `dbt build --select models/x.sql` ``, `Generate docs` and `Source freshness`.
public enum StepCommand {
  /// The command as `args.which` of run_results has it (`build`, `run`, `test`, `generate` for `docs generate`,
  /// `freshness` for `source freshness`, `list` for `ls`, …); nil when the step does not invoke dbt or does not say so.
  public static func name(ofStep step: String) -> String? {
    if let line = commandLine(in: step) { return subcommand(of: words(of: line)) }
    return switch step.lowercased().split(separator: " ").joined(separator: " ") {
    case "generate docs": "generate"
    case "source freshness": "freshness"
    default: nil
    }
  }

  /// Whether the name speaks of an invocation of dbt at all, with a command that can be read or not.
  static func isInvocation(_ step: String) -> Bool {
    commandLine(in: step) != nil || name(ofStep: step) != nil || step.lowercased().hasPrefix("invoke dbt")
  }

  /// What stands between the first and the last backtick, or the whole name when it is a command line itself.
  private static func commandLine(in step: String) -> Substring? {
    if let first = step.firstIndex(of: "`"), let last = step.lastIndex(of: "`"), first < last {
      return step[step.index(after: first)..<last]
    }
    return step.hasPrefix("dbt ") ? step[...] : nil
  }

  private static func subcommand(of words: [String]) -> String? {
    guard let program = words.first, program == "dbt" || program.hasSuffix("/dbt") else { return nil }
    var plain: [String] = []
    var index = 1
    while index < words.count, plain.count < 2 {
      let word = words[index]
      if word.hasPrefix("-") {
        // A command's own options follow it; what precedes it are dbt's own, some with a value.
        if !plain.isEmpty { break }
        index += globalOptionsWithValue.contains(word) ? 2 : 1
      } else {
        plain.append(word)
        index += 1
      }
    }
    switch (plain.first, plain.count > 1 ? plain[1] : nil) {
    case ("docs", "generate"): return "generate"
    case ("docs", let second): return second ?? "docs"
    case ("source", "freshness"), ("source", "snapshot-freshness"): return "freshness"
    case ("source", let second): return second ?? "source"
    case ("ls", _): return "list"
    case (let first, _): return first
    }
  }

  private static let globalOptionsWithValue: Set<String> = [
    "--log-format", "--log-format-file", "--log-level", "--log-level-file",
    "--log-file-max-bytes", "--log-path", "--printer-width", "--profile", "--profiles-dir", "--project-dir",
    "--record-timing-info", "-r", "--target", "-t", "--target-path", "--threads", "--vars", "--warn-error-options",
  ]

  /// Words as a shell would see them, as far as quotes go.
  private static func words(of line: Substring) -> [String] {
    var words: [String] = []
    var word: String?
    var quote: Character?
    for character in line {
      if let open = quote {
        if character == open { quote = nil } else { word?.append(character) }
      } else if character == "'" || character == "\"" {
        quote = character
        word = word ?? ""
      } else if character == " " || character == "\t" || character == "\n" {
        if let done = word { words.append(done) }
        word = nil
      } else {
        word = (word ?? "") + String(character)
      }
    }
    if let done = word { words.append(done) }
    return words
  }
}
