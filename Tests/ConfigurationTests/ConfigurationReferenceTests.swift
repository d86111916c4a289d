import Testing

@testable import Configuration

struct ConfigurationReferenceTests {
  @Test func everyKeyHasARow() {
    let lines = ConfigurationReference.markdown.split(separator: "\n")
    for section in Section.all {
      for row in section.rows {
        #expect(lines.contains { $0.hasPrefix("| `\(row.name)` | ") && $0.contains(row.documentation) }, "\(row.name)")
      }
    }
  }

  @Test func everyRowHasFourCells() {
    for line in ConfigurationReference.markdown.split(separator: "\n") where line.hasPrefix("|") {
      let bars = line.split(separator: "\\|", omittingEmptySubsequences: false).map { $0.count { $0 == "|" } }
      #expect(bars.reduce(0, +) == 5, "\(line)")
    }
  }

  @Test func requiredKeysAndDefaultsAreNamed() {
    #expect(ConfigurationReference.markdown.contains("| `dsn` | libpq connection string | required |"))
    #expect(ConfigurationReference.markdown.contains("| `poll_interval` | duration | `5s` |"))
  }
}
