import CommandLine
import Configuration
import Engine
import Glibc
import Ledger
import Platform

/// `airflow-syncer ingest`: one dbt run by hand.
enum IngestCommand {
  static func perform(_ command: ParsedCommand) async throws -> ExitCode {
    let configuration = try loadConfiguration(command)
    let request = try request(command, configuration)
    let ingestion = try Ingestion(configuration)
    let work = Task { try await ingestion.run(request) }
    let interrupts = Task {
      for await _ in signals([SIGTERM, SIGINT]) { work.cancel() }
    }
    defer { interrupts.cancel() }
    let outcome: Ingestion.Outcome
    do { outcome = try await work.value } catch let error as LedgerError where error.kind == .inUse {
      let who = error.detail.map { " (\($0))" } ?? ""
      throw CommandFailure(
        message:
          "the daemon, or another command, works on \(configuration.ledgerPlace.name)\(who). A daemon records dbt runs itself "
          + "with `runs: all` in dbt_cloud, and folders that are listed in dbt_artifacts; or stop it, ingest, and start it "
          + "again", code: .temporary)
    } catch let error as LedgerError {
      throw error
    } catch is CancellationError {
      throw CommandFailure(message: "interrupted; the same command goes on from here", code: .temporary)
    } catch {
      throw CommandFailure(message: "\(error)", code: .unavailable)
    }
    for run in outcome.runs {
      try StandardOutput.write(outcome.known.contains(run) ? "\(run) (recorded before)\n" : "\(run)\n")
    }
    for failure in outcome.pass.failures { StandardOutput.writeError("failed: \(failure)\n") }
    if let unfinished = outcome.unfinished { throw CommandFailure(message: unfinished, code: .temporary) }
    if outcome.pass.parked > 0 {
      StandardOutput.writeError(
        "failed: \(outcome.pass.parked) items were refused by a backend and parked: see `airflow-syncer status`\n")
    }
    return outcome.pass.isWhole ? .ok : .failed
  }

  private static func request(_ command: ParsedCommand, _ configuration: Configuration) throws -> Ingestion.Request {
    let files: [CommandOption] = [.dbtManifest, .dbtRunResults, .dbtCatalog, .dbtSources]
    let hasFiles = files.contains { command.isGiven($0) }
    let kinds = [.dbtCloudRunID, .dbtCloudJobID, .dbtArtifacts].filter { command.isGiven($0) }.map(\.name)
    let chosen = kinds + (hasFiles ? ["--dbt-run-results"] : [])
    guard chosen.count == 1 else {
      let known = "--dbt-cloud-run-id, --dbt-cloud-job-id, --dbt-artifacts or --dbt-run-results"
      throw usage("give one of \(known); found \(chosen.isEmpty ? "none" : chosen.joined(separator: " and "))")
    }
    if let id = command.text(.dbtCloudRunID).flatMap({ Int64($0) }) {
      return .cloudRun(id, account: try account(command, configuration))
    }
    if let id = command.text(.dbtCloudJobID).flatMap({ Int64($0) }) {
      return .cloudJob(id, account: try account(command, configuration))
    }
    let name = try name(command)
    if let folder = command.text(.dbtArtifacts) {
      guard isFolder(folder) else {
        throw CommandFailure(
          message: "--dbt-artifacts: "
            + (access(folder, F_OK) == 0
              ? "\(folder) is no folder: name the one with manifest.json and run_results.json in it"
              : "\(folder): \(String(cString: strerror(errno)))"),
          code: .ioError)
      }
      let set = ArtifactFiles(folder: folder)
      let there = [set.runResults, set.sources].compactMap(\.self).filter { access($0, F_OK) == 0 }
      guard !there.isEmpty else {
        throw CommandFailure(
          message:
            "\(folder) has neither run_results.json nor sources.json. dbt writes none when it ends before it runs "
            + "anything, as after an error in the project", code: .ioError)
      }
      for path in there + [set.manifest, set.catalog].compactMap(\.self) where access(path, F_OK) == 0 {
        if let problem = problem(path) { throw CommandFailure(message: problem, code: .ioError) }
      }
      return .files(set, name: name)
    }
    guard command.isGiven(.dbtRunResults) || command.isGiven(.dbtSources) else {
      throw usage("--dbt-run-results (or --dbt-sources) is missing: a manifest alone tells of no run")
    }
    for option in files {
      guard let path = command.text(option), let problem = problem(path) else { continue }
      throw CommandFailure(message: "\(option.name): \(problem)", code: .ioError)
    }
    return .files(
      ArtifactFiles(
        manifest: command.text(.dbtManifest), runResults: command.text(.dbtRunResults),
        catalog: command.text(.dbtCatalog), sources: command.text(.dbtSources)), name: name)
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Why a file cannot be used. What is no plain file, such as a pipe, cannot be copied and read twice.
  private static func problem(_ path: String) -> String? {
    var status = stat()
    guard stat(path, &status) == 0, access(path, R_OK) == 0 else {
      return "\(path) cannot be read: \(String(cString: strerror(errno)))"
    }
    if status.st_mode & S_IFMT == S_IFDIR { return "\(path) is a folder: use --dbt-artifacts for one" }
    return status.st_mode & S_IFMT == S_IFREG ? nil : "\(path) is no plain file: copy what comes from it into one"
  }

  private static func account(_ command: ParsedCommand, _ configuration: Configuration) throws -> String {
    let known = configuration.dbtCloud.map(\.name)
    let given = command.texts(.account)
    guard given.count < 2 else {
      throw usage("--account: a run is of one account, found \(given.joined(separator: ", "))")
    }
    if let name = given.first {
      guard known.contains(name) else {
        throw usage("--account \(name): no such account in dbt_cloud, which has: \(known.joined(separator: ", "))")
      }
      return name
    }
    guard let only = known.first else {
      throw usage("no account is in `dbt_cloud` of \(command.configurationPath): add the one that the run is of")
    }
    guard known.count == 1 else {
      throw usage("--account is missing: dbt_cloud has several: \(known.joined(separator: ", "))")
    }
    return only
  }

  /// Part of the run's key, so it may have what names of the configuration may have.
  private static func name(_ command: ParsedCommand) throws -> String? {
    guard let name = command.text(.name) else { return nil }
    guard (1...64).contains(name.utf8.count),
      name.utf8.allSatisfy({ byte in
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
          true
        default: false
        }
      })
    else { throw usage("--name: expected letters, digits, `_` and `-` (at most 64)") }
    return name
  }

  private static func usage(_ message: String) -> CommandFailure {
    CommandFailure(message: "ingest: \(message)", code: .usage)
  }
}
