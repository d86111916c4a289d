import CommandLine
import Engine
import Glibc
import Platform

/// `airflow-syncer run`: the daemon.
enum RunCommand {
  static func perform(_ command: ParsedCommand) async throws -> ExitCode {
    // Before anything is read or opened, so that a signal is never missed.
    let stop = signals([SIGTERM, SIGINT, SIGHUP])
    let configuration = try loadConfiguration(command)
    let telling = Daemon.Telling(configurationPath: command.configurationPath, writing: StatusAnswer.write)
    let daemon = try Daemon(configuration, telemetry: makeTelemetry(command), telling: telling) {
      try loadConfiguration(command)
    }
    try await daemon.run(until: stop)
    return .ok
  }
}
