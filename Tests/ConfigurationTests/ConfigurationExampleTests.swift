import Testing

@testable import Configuration

struct ConfigurationExampleTests {
  @Test func theExampleIsValidAsItStands() throws {
    let (configuration, warnings) = try Configuration.parse(text: Configuration.example, file: "syncer.yaml")
    #expect(warnings == [])
    #expect(configuration.airflow.map(\.name) == ["prod"])
    #expect(configuration.dbtCloud.map(\.accountID) == [4433])
    #expect(configuration.sinks.map(\.name) == ["archive"])
    #expect(configuration.airflow[0].pollInterval == .seconds(5))
  }

  @Test func withEveryKeyGivenItIsStillValid() throws {
    let (configuration, _) = try Configuration.parse(text: ConfigurationExample(keys: .all).text, file: "f")
    #expect(configuration.sinks.map(\.name) == ["archive", "lineage"])
    #expect(configuration.airflow[0].dags == DagFilter(include: ["*"], exclude: ["tmp_*"]))
    #expect(configuration.airflow[0].uiURL?.host == "airflow.example")
    #expect(configuration.airflow[0].openLineageProvider == .current)
  }

  @Test(arguments: Section.all.map(\.path))
  func everyKeyOfTheTableIsShownAndExplained(_ path: String) throws {
    let section = try #require(Section.all.first { $0.path == path })
    for row in section.rows {
      #expect(Configuration.example.contains("\(row.name):"), "\(path).\(row.name)")
      #expect(row.documentation.hasSuffix("."), "\(path).\(row.name)")
    }
  }

  @Test func uncommentingTheOtherSinkMakesItWhole() throws {
    let lines = Configuration.example.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.hasPrefix("  #- ") || line.hasPrefix("  #  ") ? "  " + line.dropFirst(3) : String(line)
    }
    let (configuration, _) = try Configuration.parse(text: lines.joined(separator: "\n"), file: "f")
    #expect(configuration.sinks.map(\.name) == ["archive", "lineage"])
  }

  @Test func noLineIsTooWideForATerminal() {
    for line in Configuration.example.split(separator: "\n") where !line.contains("dsn: ") {
      #expect(line.count <= 100, "\(line)")
    }
  }
}
