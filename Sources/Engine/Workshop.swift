import Configuration
import Ledger
import Platform
import Sinks

/// The parts of a syncer, made from its configuration: one capture per Airflow instance, one enrichment per dbt Cloud
/// account, one sink per backend, around one ledger.
struct Workshop: Sendable {
  let configuration: Configuration
  let ledger: Ledger
  let captures: [Capture]
  let enrichments: [Enrichment]
  let artifactFolders: [ArtifactFolderWatch]
  let coreRuns: CoreRunReader
  let sinks: [any Sink]
  let upkeep: Upkeep
  private let accountAlarms: [String: Alarm]
  private let sinkAlarms: [String: Alarm]

  /// - Parameter propose: finds links in a run.
  /// - Throws: what makes the configuration unusable; nothing is opened yet.
  init(_ configuration: Configuration, proposing propose: @escaping Ledger.Proposer = Capture.links) throws {
    self.configuration = configuration
    let ledger = Ledger(at: configuration.ledgerPlace, purpose: .syncing)
    self.ledger = ledger
    captures = configuration.airflow.map { Capture($0, ledger: ledger, tuning: Capture.Tuning(propose: propose)) }
    let folder = try WorkFolder()
    let reader = ArtifactReader(keepsSQL: configuration.keepsSQL)
    enrichments = try configuration.dbtCloud.map {
      try Enrichment($0, allowsPlainHTTP: configuration.allowPlainHTTP, ledger: ledger, reader: reader, folder: folder)
    }
    let coreRuns = CoreRunReader(reader: reader, folder: folder)
    self.coreRuns = coreRuns
    artifactFolders = configuration.dbtArtifacts.map { ArtifactFolderWatch($0, ledger: ledger, reader: coreRuns) }
    sinks = configuration.makeSinks(ledger: ledger)
    upkeep = Upkeep(ledger: ledger, expectsSources: !configuration.airflow.isEmpty, clock: wallClockMicroseconds)
    accountAlarms = Dictionary(uniqueKeysWithValues: configuration.dbtCloud.map { ($0.name, Alarm()) })
    sinkAlarms = Dictionary(uniqueKeysWithValues: configuration.sinks.map { ($0.name, Alarm()) })
  }

  /// Opens the ledger and tells it what is configured.
  /// - Throws: `LedgerError`
  func open(mode: String) async throws {
    try await ledger.open()
    await ledger.limit(bytes: configuration.maximumLedgerBytes)
    try await ledger.keep(history: configuration.retention.length?.totalSeconds)
    await ledger.register(lineageRunID: configuration.lineageRunID)
    try await ledger.register(accounts: AccountDirectory(accounts: configuration.dbtCloud.map(\.directoryEntry)))
    try await ledger.register(sinks: configuration.sinks.map(\.registration))
    try await ledger.noteStart(mode: mode, version: SyncerVersion.current)
    for account in configuration.dbtCloud.map(\.directoryEntry) {
      try await ledger.note(account: account, lastCallAt: nil, callsPerMinute: nil, coolingDownUntil: nil, error: nil)
    }
  }

  func close() async {
    for capture in captures { await capture.close() }
    for sink in sinks { await sink.close() }
    // A full disk must not keep the process from ending.
    try? await ledger.noteStop()
    await ledger.close()
  }

  /// Seconds between two polls.
  func pollInterval(of instance: String) -> Double {
    configuration.airflow.first { $0.name == instance }?.pollInterval.totalSeconds ?? 5
  }

  /// Seconds between the starts of two sweeps.
  func sweepInterval(of instance: String) -> Double {
    configuration.airflow.first { $0.name == instance }?.sweepInterval.totalSeconds ?? 600
  }

  func alarm(ofAccount name: String) -> Alarm { accountAlarms[name] ?? Alarm() }
  func alarm(ofSink name: String) -> Alarm { sinkAlarms[name] ?? Alarm() }

  /// New runs may mean new dbt runs and new things to send.
  func ringAfterCapture() {
    for alarm in accountAlarms.values { alarm.ring() }
    ringSinks()
  }

  /// An account's answer may settle what another has answered.
  func ringAccounts(but name: String) { for (other, alarm) in accountAlarms where other != name { alarm.ring() } }

  func ringSinks() { for alarm in sinkAlarms.values { alarm.ring() } }
}
