import Configuration
import Glibc
import Ledger
import Platform
import Sinks
import Telemetry

/// A part at work.
protocol Service: Sendable {
  /// Works until the sign is set, or the task is cancelled.
  func run(until stop: StopSign) async
  /// Gives back connections and files.
  func close() async
}

/// What every service has to do with.
struct ServiceSurroundings: Sendable {
  let ledger: Ledger
  let telemetry: Telemetry
  let outages: OutageLog
  let bells: Bells
  let stages = StageTimes()
  /// Seconds after which a service looks for work although nobody has called it: other syncers ring no bells here.
  let longestWait: Double

  func noteLedger(_ error: any Error) {
    // Whoever keeps the leases tells of that.
    if let error = error as? LedgerError, error.kind == .leaseLost { return }
    let failure = PartnerFailure(error)
    outages.failed("ledger", ledger.path, cause: failure.cause, detail: failure.detail)
    // What was read is not kept anywhere any more: begun anew, it is read again.
    if (error as? LedgerError)?.kind == .moved { _exit(74) }
  }
}

extension Workbench {
  /// - Throws: what makes a definition unusable.
  func service(_ definition: PartDefinition, _ surroundings: ServiceSurroundings) throws -> any Service {
    switch definition {
    case .airflow(let configuration, _): CaptureService(capture(configuration), configuration, surroundings)
    case .dbtCloud(let configuration, _, let allowsPlainHTTP, let keepsSQL):
      EnrichmentService(
        try enrichment(configuration, allowsPlainHTTP: allowsPlainHTTP, keepsSQL: keepsSQL), surroundings)
    case .dbtArtifacts(let configuration, let keepsSQL):
      FolderService(watch(configuration, with: coreRuns(keepsSQL: keepsSQL)), surroundings)
    case .upkeep(let expectsSources):
      UpkeepService(
        Upkeep(ledger: ledger, expectsSources: expectsSources, clock: wallClockMicroseconds), surroundings)
    case .file(let name, let destination, let context):
      DeliveryService(sink(name, destination, context), surroundings)
    case .openLineage(let name, let destination, _, let naming):
      DeliveryService(sink(name, destination, naming), surroundings)
    }
  }
}
