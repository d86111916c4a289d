import Ledger
import Telemetry

/// Renews the daemon's leases and takes those that are free, where several daemons share a ledger. Which parts work follows
/// from that.
struct LeaseKeeper: Sendable {
  let book: LeaseBook
  let parts: PartKeeper
  let around: ServiceSurroundings
  /// Called after each look at the leases, whatever came of it. The ledger's server may be away or silent for as long as it
  /// likes: the daemon is alive all the same, and to be started anew would not help.
  let looked: @Sendable () -> Void

  /// Looks after the leases until the sign is set.
  /// - Throws: `LedgerError` when this program is too old for the ledger, which a newer one has migrated.
  func run(until stop: StopSign) async throws {
    while !stop.isSet {
      do {
        let held = try await book.keep(await parts.leasesWanted)
        around.outages.succeeded("ledger", around.ledger.path)
        await parts.hold(held)
      } catch let error as LedgerError {
        if case .newerSchema = error.kind { throw error }
        // Whoever has a lease keeps it until somebody else has taken it, which every transaction asks for.
        around.noteLedger(error)
      } catch { around.noteLedger(error) }
      looked()
      await stop.wait(seconds: LeaseBook.interval)
    }
  }
}
