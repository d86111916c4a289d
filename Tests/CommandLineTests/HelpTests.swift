import Testing

@testable import CommandLine

struct HelpTests {
  private let table = CommandTable.standard

  @Test(arguments: [0, 60, 80, 100, 300, 5])
  func everyHelpFitsTheTerminal(_ columns: Int) {
    let width = columns == 0 ? 80 : min(max(columns, 60), 100)
    for path in [[]] + table.commands.map(\.path) + [["runs"], ["config"]] {
      for line in table.help(path, columns: columns).split(separator: "\n") {
        #expect(line.count <= width, "\(path): \(line)")
      }
    }
  }

  @Test func everyCommandAndOptionIsExplained() {
    let top = table.help()
    for command in table.commands {
      #expect(top.contains("  \(command.name) "), "\(command.name)")
      let help = table.help(command.path, columns: 100)
      #expect(help.contains(command.summary))
      for option in table.options(of: command) { #expect(help.contains(option.name), "\(command.name) \(option.name)") }
      for argument in command.arguments { #expect(help.contains("  \(argument.name) ")) }
    }
  }

  @Test func defaultsEnvironmentAndChoicesAreNamed() {
    let help = table.help(["run"], columns: 100)
    for words in ["/etc/airflow-syncer/syncer.yaml", "AIRFLOW_SYNCER_CONFIG", "debug, info", "Default: text"] {
      #expect(help.contains(words), "\(words)")
    }
  }

  @Test func exitStatusesAreListed() {
    for code in ExitCode.allCases { #expect(table.help(columns: 100).contains("  \(code.rawValue) ")) }
    #expect(ExitCode.allCases.map(\.rawValue) == [0, 1, 2, 64, 69, 70, 74, 75, 78])
  }

  @Test func aCommandsHelpReadsWell() {
    #expect(
      table.help(["runs", "show"]).hasPrefix(
        """
        Usage: airflow-syncer runs show RUN [OPTION…]

        Show one record: DAG run, tasks, dbt runs, models and tests.

        Arguments:
          RUN  A record's key, a unique beginning of it, DAG_ID@latest, a dbt Cloud
               run's id, or an address copied from dbt Cloud or Airflow.

        Options:
              --json  Print JSON, for programs.

        """))
  }
}
