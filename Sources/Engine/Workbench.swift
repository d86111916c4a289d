import Configuration
import Ledger
import Sinks
import Synchronization

/// Makes the parts of a syncer, around one ledger, with what they share.
final class Workbench: Sendable {
  let ledger: Ledger
  private let folder: WorkFolder
  private let propose: Ledger.Proposer
  private let readers = Mutex<[Bool: ArtifactReader]>([:])

  /// - Parameter propose: finds links in a run.
  init(_ ledger: Ledger, proposing propose: @escaping Ledger.Proposer) throws {
    self.ledger = ledger
    self.propose = propose
    folder = try WorkFolder()
  }

  func capture(_ configuration: AirflowConfiguration) -> Capture {
    Capture(configuration, ledger: ledger, tuning: Capture.Tuning(propose: propose))
  }

  func enrichment(
    _ configuration: DbtCloudConfiguration, allowsPlainHTTP: Bool, keepsSQL: Bool
  ) throws -> Enrichment {
    try Enrichment(
      configuration, allowsPlainHTTP: allowsPlainHTTP, ledger: ledger, reader: reader(keepsSQL: keepsSQL),
      folder: folder)
  }

  func coreRuns(keepsSQL: Bool) -> CoreRunReader { CoreRunReader(reader: reader(keepsSQL: keepsSQL), folder: folder) }

  func watch(_ configuration: DbtArtifactsConfiguration, with reader: CoreRunReader) -> ArtifactFolderWatch {
    ArtifactFolderWatch(configuration, ledger: ledger, reader: reader)
  }

  func sink(_ name: String, _ destination: FileDestination, _ context: RecordContext) -> any Sink {
    FileSink(name: name, path: destination.path, ledger: ledger, context: context)
  }

  func sink(_ name: String, _ destination: OpenLineageDestination, _ naming: LineageNaming) -> any Sink {
    var naming = naming
    naming.includesSQL = destination.sql
    naming.maximumEventBytes = destination.maximumEventBytes
    let batches: OpenLineageSink.Batches =
      switch destination.batch {
      case .auto: .auto
      case .on: .on
      case .off: .off
      }
    return OpenLineageSink(
      name: name,
      endpoint: OpenLineageSink.Endpoint(
        url: destination.url.text,
        token: destination.token.map { secret in { @Sendable () throws -> String in try secret.read() } },
        gzip: destination.gzip, timeout: destination.timeout.totalSeconds, caFile: destination.caFile,
        concurrency: destination.concurrency, requestsPerSecond: destination.requestsPerSecond, batches: batches,
        batchEvents: destination.batchMaximumEvents, batchBytes: destination.batchMaximumBytes),
      naming: naming, ledger: ledger)
  }

  /// One thread parses the artifacts of all.
  private func reader(keepsSQL: Bool) -> ArtifactReader {
    readers.withLock { readers in
      if let reader = readers[keepsSQL] { return reader }
      let reader = ArtifactReader(keepsSQL: keepsSQL)
      readers[keepsSQL] = reader
      return reader
    }
  }
}

extension Ledger {
  /// Takes over what a configuration says about sinks, accounts and names, before any of its parts works.
  /// - Throws: `LedgerError`
  func takeUp(_ configuration: Configuration) throws {
    limit(bytes: configuration.maximumLedgerBytes)
    try keep(history: configuration.retention.length?.totalSeconds)
    try register(keeping: configuration.keptWords)
    register(lineageRunID: configuration.lineageRunID)
    let accounts = configuration.dbtCloud.map(\.directoryEntry)
    try register(accounts: AccountDirectory(accounts: accounts))
    try register(sinks: configuration.sinks.map(\.registration))
    for account in accounts {
      try note(account: account, lastCallAt: nil, callsPerMinute: nil, coolingDownUntil: nil, error: nil)
    }
  }
}
