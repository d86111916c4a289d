import CommandLine
import Ledger
import Platform

/// `airflow-syncer migrate`: brings the ledger's schema up to date, as `run` and `sync` do by themselves.
enum MigrateCommand {
  static func perform(_ command: ParsedCommand) async throws -> ExitCode {
    let configuration = try loadConfiguration(command)
    let ledger = Ledger(at: configuration.ledgerPlace, purpose: .syncing)
    try await ledger.open()
    let version = try await ledger.schemaVersion()
    await ledger.close()
    try StandardOutput.write("ledger \(configuration.ledgerPlace.name) has schema \(version.found)\n")
    return .ok
  }
}
