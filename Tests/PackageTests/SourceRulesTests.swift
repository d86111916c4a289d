import Testing

/// Rules for the text of all files.
struct SourceRulesTests {
  /// A file without its comments.
  private func code(_ path: String) throws -> String {
    try Repository.text(path).split(separator: "\n", omittingEmptySubsequences: false).map { line in
      // An address in a string is no comment.
      line.ranges(of: "//").first { $0.lowerBound == line.startIndex || line[..<$0.lowerBound].last != ":" }
        .map { line[..<$0.lowerBound] } ?? line
    }.joined(separator: "\n")
  }

  @Test(arguments: [
    "FoundationNetworking", "JSONSerialization", "JSONDecoder", "JSONEncoder", "URLSession", "import Foundation",
    "fatalError(", "try!", "TODO", "FIXME",
  ])
  func noSourceUses(_ word: String) throws {
    let files = try Repository.files().filter {
      $0.hasSuffix(".swift") && ($0.hasPrefix("Sources/") || $0.hasPrefix("Migrations/"))
    }
    #expect(files.count > 100)
    for file in files { #expect(try !code(file).contains(word), "\(file)") }
  }

  @Test func noFileNamesAPathOfAMachine() throws {
    for file in try Repository.files() {
      let text = try Repository.text(file)
      for folder in ["work", "root", "home"] {
        #expect(text.ranges(of: "/\(folder)/").isEmpty, "\(file) names a path in /\(folder)")
      }
    }
  }

  @Test func theTopLevelHoldsWhatItShould() throws {
    let expected: Set = [
      "Package.swift", "Sources", "Tests", "Migrations", "systemd", "README.md", "LICENSE", "CHANGELOG.md", "docs",
      "scripts", "examples", "packaging",
    ]
    let found = Set(try Repository.files().compactMap { $0.split(separator: "/").first.map(String.init) })
    #expect(found.filter { !$0.hasPrefix(".") }.subtracting(expected).sorted() == [])
  }

  @Test(arguments: ["scripts/quickstart", "scripts/test", "scripts/bench", "scripts/fuzz", ".ci/run"])
  func scriptsCanBeRunAndStopAtTheFirstError(_ script: String) throws {
    #expect(Repository.isExecutable(script))
    let text = try Repository.text(script)
    #expect(text.hasPrefix("#!/usr/bin/env bash\n"))
    #expect(text.contains("\nset -euo pipefail\n"))
  }
}
