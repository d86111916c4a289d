import AirflowSource
import CommandLine
import Configuration
import TestServers
import Testing

/// The documents say what the program does.
struct DocumentsTests {
  private static let documents = [
    "README.md", "docs/ARCHITECTURE.md", "docs/OPERATIONS.md", "docs/EVENTS.md", "docs/CORRELATION.md",
    "docs/BENCHMARKS.md",
    "CHANGELOG.md",
  ]

  @Test func theReadmeHasTheTableOfKeys() throws {
    #expect(try Repository.text("README.md").contains(ConfigurationReference.markdown))
  }

  @Test func theReadmeHasTheGrants() throws {
    let readme = try Repository.text("README.md")
    for statement in AirflowSchema.grants(role: "airflow_syncer", database: "airflow") {
      // Long lines are broken there.
      #expect(words(readme).contains(words(statement)), "\(statement)")
    }
  }

  private func words(_ text: String) -> String { text.split(whereSeparator: \.isWhitespace).joined(separator: " ") }

  @Test func everyExitStatusIsExplained() throws {
    let operations = try Repository.text("docs/OPERATIONS.md")
    for code in ExitCode.allCases {
      let cells = "| \(code.rawValue) | \(code.meaning) |"
      #expect(operations.contains(cells), "\(cells)")
    }
  }

  @Test func everyEventOfTheLogIsExplained() throws {
    let explained = Set(try Repository.text("docs/OPERATIONS.md").codeSpans)
    var names: Set<String> = []
    for line in try Repository.text("Sources/Engine/EngineEvents.swift").split(separator: "\n")
    where line.contains("var name: String {") {
      names.formUnion(String(line).quoted)
    }
    #expect(names.count > 8)
    for path in try Repository.swiftFiles(of: "Engine") {
      let text = try Repository.text(path)
      for call in text.ranges(of: "outages.failed(\"") {
        let kind = text[call.upperBound...].prefix { $0 != "\"" }
        names.formUnion(["lost", "lost_otherwise", "still_lost", "back"].map { "\(kind)_\($0)" })
      }
    }
    #expect(names.contains("dbt_cloud_lost"))
    #expect(names.subtracting(explained).sorted() == [])
  }

  @Test(arguments: documents)
  func everyCommandIsOneThatTheProgramTakes(_ document: String) throws {
    for command in commands(in: try Repository.text(document)) {
      #expect(throws: Never.self, "\(document): \(command)") {
        _ = try CommandTable.standard.parse(
          command.split(separator: " ").dropFirst().map(String.init), environment: { _ in nil })
      }
    }
  }

  /// What stands in code spans and code blocks and begins with the program's name.
  private func commands(in text: String) -> [String] {
    var found = text.codeSpans
    var isBlock = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") { isBlock.toggle() } else if isBlock { found.append(String(line)) }
    }
    return found.compactMap { line in
      var words = line.split(separator: " ").map(String.init)[...]
      while let first = words.first, first == "$" || first == "sudo" || first == "-u" || first == "watch" {
        words = words.dropFirst(first == "-u" ? 2 : 1)
      }
      guard words.first == "airflow-syncer", words.count > 1 else { return nil }
      // Up to a pipe, a redirection or a comment.
      return words.prefix { !["|", ">", "#", "&&", "…"].contains($0) }.joined(separator: " ")
    }
  }

  @Test func commandsAreFoundInDocuments() {
    let text = """
      Run `airflow-syncer status` as in
      ```
      $ sudo -u airflow-syncer airflow-syncer validate --print-grants | psql
      systemctl restart airflow-syncer
      ```
      """
    #expect(commands(in: text) == ["airflow-syncer status", "airflow-syncer validate --print-grants"])
  }

  @Test(arguments: documents)
  func everyLinkLeadsToAFile(_ document: String) throws {
    let text = try Repository.text(document)
    let folder = document.split(separator: "/").dropLast().joined(separator: "/")
    for range in text.ranges(of: "](") {
      let target = text[range.upperBound...].prefix { $0 != ")" && $0 != "#" }
      guard !target.isEmpty, !target.contains("://") else { continue }
      let path = folder.isEmpty ? String(target) : "\(folder)/\(target)"
      #expect(Repository.exists(path.replacing("docs/../", with: "")), "\(document) links to \(target)")
    }
  }

  @Test func everyExampleIsAValidConfiguration() throws {
    let examples = try Repository.names(in: "examples")
    #expect(!examples.isEmpty)
    for name in examples {
      _ = try Configuration.load(path: "\(Fixtures.repositoryRoot)/examples/\(name)")
    }
  }

  @Test func theReadmeNamesTheScripts() throws {
    let readme = try Repository.text("README.md")
    #expect(readme.contains("./scripts/quickstart\n"))
    #expect(readme.contains("./scripts/test\n"))
  }
}
