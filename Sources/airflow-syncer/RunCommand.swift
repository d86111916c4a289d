import CommandLine
import Engine
import Glibc
import Platform

/// `airflow-syncer run`: the daemon.
enum RunCommand {
  static func perform(_ command: ParsedCommand) async throws -> ExitCode {
    let configuration = try loadConfiguration(command)
    // Before anything is opened, so that a signal is never missed.
    let stop = signals([SIGTERM, SIGINT, SIGHUP])
    let telling = Daemon.Telling(configurationPath: command.configurationPath, writing: StatusAnswer.write)
    try await Daemon(configuration, telemetry: makeTelemetry(command), telling: telling).run(until: stop)
    return .ok
  }
}
