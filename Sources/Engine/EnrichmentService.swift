import DbtCloud
import Ledger
import Platform
import Telemetry

/// Fetches the dbt runs of one account.
struct EnrichmentService: Service {
  private let enrichment: Enrichment
  private let around: ServiceSurroundings

  init(_ enrichment: Enrichment, _ surroundings: ServiceSurroundings) {
    self.enrichment = enrichment
    around = surroundings
  }

  /// Connections end with the service.
  func close() async {}

  func run(until stop: StopSign) async {
    let name = enrichment.account.name
    let alarm = around.bells.alarm(of: PartName(.dbtCloud, name))
    stop.onSet { alarm.ring() }
    while !stop.isSet {
      var wait = min(30, around.longestWait)
      do {
        let outcome = try await around.stages.measure("fetch", name) { try await enrichment.round() }
        if let outage = outcome.outage {
          around.outages.failed("dbt_cloud", name, cause: PartnerFailure(outage).cause, detail: outage.description)
          wait = max(outage.retryAfter ?? 0, await enrichment.waitAfterOutage)
        } else {
          if outcome.fetched > 0 || outcome.failed == 0 { around.outages.succeeded("dbt_cloud", name) }
          if let poll = await enrichment.waitForListing { wait = min(wait, max(0.2, poll)) }
          if let next = try await around.ledger.nextDbtCallDue(of: name) {
            wait = min(wait, max(0.2, Double(next - wallClockMicroseconds()) / 1e6))
          }
          if outcome.hasMore { wait = 0 }
        }
        for warning in outcome.warnings { around.telemetry.emit(DbtCloudWarning(account: name, text: warning)) }
        if outcome.listed > 0 { around.telemetry.emit(DbtRunsListed(account: name, runs: outcome.listed)) }
        if outcome.fetched > 0 {
          around.telemetry.emit(DbtRunsFetched(account: name, outcome: outcome))
          around.bells.ringSinks()
          if outcome.fetched > outcome.completed + outcome.undecided { around.bells.ringAccounts(but: name) }
        } else if let failure = outcome.failure, outcome.outage == nil {
          around.telemetry.emit(DbtRunFailed(account: name, detail: failure))
        }
        if let refusal = outcome.refusal { around.telemetry.emit(DbtRunFailed(account: name, detail: refusal)) }
        if outcome.searched > 0 {
          around.telemetry.emit(DbtRunsSearched(account: name, pages: outcome.searched))
          around.bells.ringSinks()
          around.bells.ringAccounts(but: name)
        }
      } catch is CancellationError {
        return
      } catch {
        around.noteLedger(error)
        wait = 5
      }
      await alarm.wait(seconds: wait)
    }
  }
}
