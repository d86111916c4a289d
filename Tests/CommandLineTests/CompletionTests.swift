import Glibc
import TestServers
import Testing

@testable import CommandLine

struct CompletionTests {
  private let table = CommandTable.standard

  private func run(_ program: String, _ script: String) throws -> String {
    let folder = try TemporaryFolder()
    let path = try folder.write(script, to: "script")
    let pipe = try #require(popen("\(program) '\(path)' 2>&1", "r"))
    var output = ""
    var chunk = [UInt8](repeating: 0, count: 4096)
    while case let count = fread(&chunk, 1, chunk.count, pipe), count > 0 {
      output += String(decoding: chunk[..<count], as: UTF8.self)
    }
    #expect(withExtendedLifetime(folder) { pclose(pipe) } == 0, "\(output)")
    return output
  }

  /// What bash offers for a line whose last word is being typed.
  private func bash(_ line: String) throws -> [String] {
    let words = line.split(separator: " ", omittingEmptySubsequences: false)
    let quoted = words.map { "'\($0)'" }.joined(separator: " ")
    let output = try run(
      "bash --norc --noprofile",
      """
      \(table.completion(.bash))
      COMP_WORDS=(\(quoted)); COMP_CWORD=\(words.count - 1)
      _airflow_syncer
      printf '%s\\n' "${COMPREPLY[@]}"
      """)
    return output.split(separator: "\n").map(String.init)
  }

  @Test(
    arguments: [
      ("airflow-syncer st", ["status"]), ("airflow-syncer runs ", nil), ("airflow-syncer runs sh", ["show"]),
      ("airflow-syncer runs list --s", ["--state", "--since"]), ("airflow-syncer runs --dag x --li", ["--limit"]),
      ("airflow-syncer --log-level de", ["debug"]), ("airflow-syncer run --log-format ", ["text", "json"]),
      ("airflow-syncer completion z", ["zsh"]), ("airflow-syncer --config run st", ["status"]),
      ("airflow-syncer validate --o", ["--offline"]), ("airflow-syncer help mi", ["migrate"]),
      ("airflow-syncer config e", ["example"]), ("airflow-syncer runs list --since ", []),
    ] as [(String, [String]?)])
  func bashOffersWhatMayFollow(_ line: String, _ expected: [String]?) throws {
    let offered = try bash(line)
    if let expected {
      #expect(offered == expected)
    } else {
      #expect(offered.starts(with: ["list", "show"]) && offered.contains("--dag"))
    }
  }

  @Test(arguments: [Shell.zsh, .fish])
  func everyCommandAndOptionIsInTheScript(_ shell: Shell) {
    let script = table.completion(shell)
    for command in table.commands {
      for word in command.path { #expect(script.contains(word)) }
      for option in command.options {
        #expect(script.contains(shell == .fish ? "-l \(option.name.dropFirst(2))" : option.name))
      }
    }
  }

  @Test(.enabled(if: access("/usr/bin/zsh", X_OK) == 0, "zsh is not installed here"))
  func zshAcceptsTheScript() throws { #expect(try run("zsh -n", table.completion(.zsh)) == "") }

  @Test(.enabled(if: access("/usr/bin/fish", X_OK) == 0, "fish is not installed here"))
  func fishAcceptsTheScript() throws { #expect(try run("fish -n", table.completion(.fish)) == "") }
}
