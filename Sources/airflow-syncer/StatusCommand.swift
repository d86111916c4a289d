import CommandLine
import Configuration
import Engine
import ExecutionModel
import Glibc
import JSONText
import Ledger
import Platform

/// `airflow-syncer status`: how the syncer itself does. Exit status 0 healthy, 1 degraded, 2 down.
///
/// A running daemon is asked over its status socket. When none answers, the ledger is read.
enum StatusCommand {
  static func perform(_ command: ParsedCommand) async throws -> ExitCode {
    let configuration = try loadConfiguration(command)
    let ledger = Ledger(at: configuration.ledgerPlace, purpose: .reading)
    let daemon = LocalClient(path: configuration.statusSocket)
    while true {
      let code = try await show(configuration, ledger, daemon, command)
      guard command.flag(.watch) else { return code }
      try await Task.sleep(for: .seconds(2))
    }
  }

  /// Seconds that a daemon may take to answer.
  private static let patience = 4.0

  private static func show(
    _ configuration: Configuration, _ ledger: Ledger, _ daemon: LocalClient, _ command: ParsedCommand
  ) async throws -> ExitCode {
    let question = command.flag(.json) ? StatusAnswer.Question.json : .screen(.standard)
    let answer: StatusAnswer
    do {
      answer = try StatusAnswer(parsing: await daemon.ask(question.text, seconds: patience))
    } catch {
      let outcome: StatusReading.Outcome
      do { outcome = .read(try await StatusReading(ledger, configuration)) } catch let error as LedgerError {
        outcome = .failed(error.description)
      } catch { outcome = .failed("\(error)") }
      let reason = StatusAnswer.reason(error, socket: configuration.statusSocket)
      answer = StatusAnswer(to: question, outcome, .ledger(reason))
    }
    let clear = command.flag(.watch) && !command.flag(.json) && StandardOutput.columns > 0 ? "\u{1B}[H\u{1B}[2J" : ""
    try StandardOutput.write(clear + answer.text)
    switch answer.state {
    case .healthy: return .ok
    case .degraded: return .failed
    case .down: return .down
    }
  }
}
