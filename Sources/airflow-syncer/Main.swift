import CommandLine
import Configuration
import Engine
import Glibc
import Ledger
import Platform
import Telemetry

/// The program: reads the command line and hands over to the command.
@main enum Main {
  static func main() async {
    limitHeaps()
    forbidCoreDumps()
    // A reader that goes away (`head`) is an error of write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    // So is a file that may not grow any more (`ulimit -f`).
    signal(SIGXFSZ, SIG_IGN)
    exit(await run(Array(Swift.CommandLine.arguments.dropFirst())).rawValue)
  }

  private static func run(_ words: [String]) async -> ExitCode {
    do {
      let table = CommandTable.standard
      switch try table.parse(words, environment: { name in getenv(name).map { String(cString: $0) } }) {
      case .help(let path):
        try StandardOutput.write(table.help(path, columns: StandardOutput.columns))
        return .ok
      case .command(let command): return try await perform(command, table)
      }
    } catch {
      return report(error)
    }
  }

  private static func perform(_ command: ParsedCommand, _ table: CommandTable) async throws -> ExitCode {
    switch command.name {
    case "run": return try await RunCommand.perform(command)
    case "sync": return try await SyncCommand.perform(command)
    case "ingest": return try await IngestCommand.perform(command)
    case "status": return try await StatusCommand.perform(command)
    case "runs list": return try await RunsListCommand.perform(command)
    case "runs show": return try await RunsShowCommand.perform(command)
    case "why": return try await WhyCommand.perform(command)
    case "checks list": return try await ChecksListCommand.perform(command)
    case "checks show": return try await ChecksShowCommand.perform(command)
    case "deliveries list": return try await DeliveriesListCommand.perform(command)
    case "deliveries show": return try await DeliveriesShowCommand.perform(command)
    case "deliveries retry": return try await DeliveriesRetryCommand.perform(command)
    case "deliveries discard": return try await DeliveriesDiscardCommand.perform(command)
    case "deliveries replay": return try await DeliveriesReplayCommand.perform(command)
    case "validate": return try await ValidateCommand.perform(command)
    case "purge": return try await PurgeCommand.perform(command)
    case "migrate": return try await MigrateCommand.perform(command)
    case "config example":
      try StandardOutput.write(Configuration.example)
      return .ok
    case "completion":
      guard let shell = command.arguments.first.flatMap(Shell.init(rawValue:)) else { return .usage }
      try StandardOutput.write(table.completion(shell))
      return .ok
    case "version":
      try StandardOutput.write("airflow-syncer \(SyncerVersion.current)\n")
      return .ok
    default:
      try StandardOutput.write(table.help([], columns: StandardOutput.columns))
      return .usage
    }
  }

  /// Tells what went wrong and picks the exit status.
  private static func report(_ error: any Error) -> ExitCode {
    switch error {
    case is StandardOutput.Closed: return .ok
    case let error as UsageError:
      StandardOutput.writeError("\(error.description)\n")
      return .usage
    case let error as ConfigurationErrors:
      StandardOutput.writeError("\(error.description)\n")
      return .configuration
    case let error as CommandFailure:
      StandardOutput.writeError("airflow-syncer: \(error.message)\n")
      return error.code
    case let error as LedgerError:
      StandardOutput.writeError("airflow-syncer: \(error.description)\n")
      switch error.kind {
      case .full, .limit, .readOnly, .corrupt, .moved: return .ioError
      case .inUse, .busy, .leaseLost: return .temporary
      case .newerSchema, .olderSchema, .notALedger, .refused, .denied: return .configuration
      case .missing, .unmade, .unreachable, .standby: return .unavailable
      case .other: return .internalError
      }
    default:
      StandardOutput.writeError("airflow-syncer: \(error)\n")
      return .internalError
    }
  }
}

/// Ends a command with a message and an exit status.
struct CommandFailure: Error {
  var message: String
  var code: ExitCode
}

/// Reads the configuration that the command line names; its warnings go to standard error.
func loadConfiguration(_ command: ParsedCommand) throws -> Configuration {
  let (configuration, warnings) = try Configuration.load(path: command.configurationPath)
  for warning in warnings { StandardOutput.writeError("warning: \(warning.description)\n") }
  return configuration
}

/// The log, as the command line wants it.
func makeTelemetry(_ command: ParsedCommand) -> Telemetry {
  Telemetry(
    sink: StandardError(), level: command.text(.logLevel).flatMap(LogLevel.init(rawValue:)) ?? .info,
    format: command.text(.logFormat).flatMap(LogFormat.init(rawValue:)) ?? .text)
}
