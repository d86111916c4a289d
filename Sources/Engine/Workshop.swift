import Configuration
import Ledger
import Platform
import Sinks

/// All parts of a syncer, made at once from its configuration, for a pass that works with one after the other.
struct Workshop: Sendable {
  let ledger: Ledger
  let captures: [Capture]
  let enrichments: [Enrichment]
  let artifactFolders: [ArtifactFolderWatch]
  let coreRuns: CoreRunReader
  let sinks: [any Sink]
  private let configuration: Configuration
  private let leases: PassLeases?

  /// - Parameter propose: finds links in a run.
  /// - Throws: what makes the configuration unusable; nothing is opened yet.
  init(_ configuration: Configuration, proposing propose: @escaping Ledger.Proposer = Capture.links) throws {
    self.configuration = configuration
    let ledger = Ledger(at: configuration.ledgerPlace, purpose: .syncing)
    self.ledger = ledger
    leases = try LeaseBook(configuration.ledgerPlace).map(PassLeases.init)
    let bench = try Workbench(ledger, proposing: propose)
    let keepsSQL = configuration.keepsSQL
    captures = configuration.airflow.map(bench.capture)
    enrichments = try configuration.dbtCloud.map {
      try bench.enrichment($0, allowsPlainHTTP: configuration.allowPlainHTTP, keepsSQL: keepsSQL)
    }
    let coreRuns = bench.coreRuns(keepsSQL: keepsSQL)
    self.coreRuns = coreRuns
    artifactFolders = configuration.dbtArtifacts.map { bench.watch($0, with: coreRuns) }
    let naming = configuration.naming
    sinks = configuration.sinks.map { sink in
      switch sink.destination {
      case .file(let destination):
        bench.sink(sink.name, destination, configuration.recordContext(results: destination.results))
      case .openLineage(let destination): bench.sink(sink.name, destination, naming)
      }
    }
  }

  /// Opens the ledger and tells it what is configured.
  /// - Parameters:
  ///   - parts: those that will be worked as; nil for all.
  ///   - spare: those that will be worked as too, if nobody else does.
  /// - Throws: `LedgerError`; of kind `inUse` when another syncer works as one of them.
  func open(mode: String, as parts: Set<PartName>? = nil, spare: Set<PartName> = []) async throws {
    try await ledger.open()
    try await leases?.take(parts ?? all, spare: spare, mode: mode, path: ledger.path)
    try await ledger.takeUp(configuration)
    try await ledger.noteStart(mode: mode, version: SyncerVersion.current)
  }

  /// Runs `body` as that part: what it writes is kept as long as nobody else has taken the part over.
  func working<Result>(as part: PartName, _ body: () async throws -> Result) async rethrows -> Result {
    try await Fence.$current.withValue(leases?.fence(of: part)) { try await body() }
  }

  /// Whether what only one syncer does is done here, if it is asked for: a ledger that nobody shares, or that part's lease.
  func works(as part: PartName) -> Bool { leases.map { $0.fence(of: part) != nil } ?? true }

  /// Keeps the ledger within its bounds when nothing else is under way.
  func upkeep() -> Upkeep {
    Upkeep(ledger: ledger, expectsSources: !captures.isEmpty, clock: wallClockMicroseconds)
  }

  private var all: Set<PartName> {
    Set(
      captures.map { PartName(.airflow, $0.instance) } + enrichments.map { PartName(.dbtCloud, $0.account.name) }
        + sinks.map { PartName(.sink, $0.name) })
  }

  func close() async {
    for capture in captures { await capture.close() }
    for sink in sinks { await sink.close() }
    await leases?.giveBack()
    // A full disk must not keep the process from ending.
    try? await ledger.noteStop()
    await ledger.close()
  }
}
