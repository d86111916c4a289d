import Testing

@testable import Ledger

struct LeaseRuleTests {
  private let part = PartName(.sink, "lineage")

  private func row(holder: String?, expiresAt: Int64) -> LeaseRow {
    LeaseRow(part: part, token: 3, holder: holder, expiresAt: expiresAt)
  }

  @Test func aLeaseIsFreeWhenItWasGivenBackOrIsOver() {
    #expect(LeaseRule.isFree(row(holder: nil, expiresAt: 100), now: 50))
    #expect(!LeaseRule.isFree(row(holder: "a", expiresAt: 51), now: 50))
    #expect(LeaseRule.isFree(row(holder: "a", expiresAt: 50), now: 50))
  }

  @Test func oneTakesWhatIsFreeAndKeepsItsOwn() {
    let other = PartName(.airflow, "prod")
    let rows = [row(holder: "a", expiresAt: 10)]
    #expect(LeaseRule.free([part, other], rows: rows, now: 5, for: "b") == [other])
    #expect(LeaseRule.free([part, other], rows: rows, now: 10, for: "b") == [other, part])
    // A syncer that is late renews its own: nobody has taken it.
    #expect(LeaseRule.free([part], rows: rows, now: 20, for: "a") == [])
    #expect(LeaseRule.free([], rows: [], now: 0, for: "a") == [])
  }

  /// The leader renews, and a standby looks, every `interval`; whenever the leader falls silent, and however the two are out of
  /// step, the standby has the lease within 15 s. The looks may be late by all that one may wait.
  @Test func aStandbyTakesOverWithinFifteenSeconds() {
    let interval = Int64(LeaseRule.interval * 1e6)
    var longest: Int64 = 0
    for phase in stride(from: Int64(0), to: interval, by: 50_000) {
      for silentAt in stride(from: Int64(0), through: interval, by: 50_000) {
        // The last renewal before it fell silent.
        let lease = row(holder: "leader", expiresAt: silentAt / interval * interval + LeaseRule.life)
        var look = phase
        while LeaseRule.free([part], rows: [lease], now: look, for: "standby").isEmpty { look += interval }
        longest = max(longest, look - silentAt)
      }
    }
    // Twice: the transaction that the leader has left open is ended first.
    let latest = Double(longest) / 1e6 + 2 * LeaseRule.patience
    #expect(latest <= 15)
    #expect(Double(longest) / 1e6 > 10, "the lease was held until it was over")
    // By then the one that is silent has been so for long enough to be ended.
    #expect(Double(LeaseRule.life) / 1e6 > LeaseRule.silence + LeaseRule.interval)
  }
}
