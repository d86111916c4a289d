import CommandLine
import Engine
import Platform

/// `airflow-syncer validate`: checks the configuration and everything it names.
enum ValidateCommand {
  static func perform(_ command: ParsedCommand) async throws -> ExitCode {
    let configuration = try loadConfiguration(command)
    let inspection = Inspection(configuration)
    if command.flag(.printGrants) {
      for airflow in configuration.airflow {
        let statements = await inspection.grants(for: airflow)
        try StandardOutput.write("-- \(airflow.name)\n" + statements.map { "\($0)\n" }.joined())
      }
      return .ok
    }
    var findings = inspection.offline()
    if !command.flag(.offline) { findings += await inspection.online() }
    let layout = Layout.standard
    var isGood = true
    for finding in findings {
      let mark: String
      switch finding.grade {
      case .good: mark = layout.coloured("ok     ", .green)
      case .warning: mark = layout.coloured("warning", .yellow)
      case .bad:
        mark = layout.coloured("error  ", .red)
        isGood = false
      }
      // Whole, however long: what to do stands at the end.
      try StandardOutput.write("\(mark)  \(finding.subject): \(finding.text)\n")
    }
    if isGood { try StandardOutput.write("\(command.configurationPath) is valid\n") }
    return isGood ? .ok : command.flag(.offline) ? .configuration : .unavailable
  }
}
