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
    let compaction = try await ledger.compact()
    await ledger.close()
    try StandardOutput.write("ledger \(configuration.ledgerPlace.name) has schema \(version.found)\n")
    switch compaction {
    case .notNeeded: break
    case .done(let before, let after):
      try StandardOutput.write(
        "it was written anew, so that it shrinks by itself from now on: \(Layout.bytes(before)), now \(Layout.bytes(after))\n"
      )
    case .noRoom(let needed, let free):
      StandardOutput.writeError(
        "warning: the file does not shrink by itself. That takes \(Layout.bytes(needed)) of room once, \(Layout.bytes(free)) are "
          + "free: run `airflow-syncer migrate` again when there is more\n")
    }
    return .ok
  }
}
