import ExecutionModel
import Testing

@testable import Engine
@testable import Ledger

@Suite struct HealthTests {
  private static let start = Instant(microseconds: 1_800_000_000_000_000)

  private func status(mode: String = "run", isRunning: Bool = true, lastPoll: Double? = 0) -> LedgerStatus {
    let airflow = LedgerStatus.Airflow(
      name: "prod", isConnected: true, cursor: 1, openRuns: 0, runs: 1,
      lastPollAt: lastPoll.map { Self.start.advanced(bySeconds: Int64($0)) }, isBackfillDone: true, backfillRuns: 0)
    return LedgerStatus(
      syncer: .init(
        mode: mode, version: "1", startedAt: Self.start, stoppedAt: isRunning ? nil : Self.start, isRunning: isRunning),
      airflow: [airflow], accounts: [], sinks: [], links: .init(), path: "ledger.db", bytes: 0, schemaVersion: 1)
  }

  @Test func aDaemonThatReadsIsHealthy() {
    let health = Health(status(lastPoll: 100), now: Self.start.advanced(bySeconds: 130))
    #expect(health.state == .healthy)
    #expect(health.reason == nil)
  }

  @Test(arguments: [nil, 40.0])
  func aDaemonThatDoesNotReadAnyMoreIsDegraded(_ lastPoll: Double?) {
    let late = Self.start.advanced(bySeconds: 400)
    let health = Health(status(lastPoll: lastPoll), now: late, pollIntervals: ["prod": 5])
    #expect(health.state == .degraded)
    #expect(health.reason?.contains("`prod`") == true)
    #expect(Health(status(lastPoll: lastPoll), now: late, pollIntervals: ["prod": 300]).state == .healthy)
  }

  @Test func afterASyncNothingNeedsToBeRead() {
    let late = Self.start.advanced(bySeconds: 4000)
    #expect(Health(status(mode: "sync", isRunning: false), now: late).state == .healthy)
  }

  @Test func aDaemonThatIsStoppedIsDown() {
    let health = Health(status(isRunning: false), now: Self.start.advanced(bySeconds: 1))
    #expect(health.state == .down)
    #expect(health.next == "systemctl status airflow-syncer")
  }

  @Test func whatIsPutOffIsSaidWithSinceWhen() {
    var full = status(lastPoll: 100)
    full.fullness = .init(level: .readingStopped, since: Self.start, bytes: 10, bytesAtMost: 10)
    let health = Health(full, now: Self.start.advanced(bySeconds: 130))
    #expect(health.state == .degraded && health.since == Self.start)
    #expect(health.reason == "ledger full: nothing is read")
    #expect(health.next?.hasPrefix("airflow-syncer purge") == true)
  }

  @Test func withoutAnySyncItIsDown() {
    var never = status()
    never.syncer = nil
    #expect(Health(never, now: Self.start).next == "airflow-syncer sync")
  }

  @Test func aLedgerThatCannotBeWrittenIsDownWhateverItSays() {
    func outage(of kind: String) -> LiveState.Outage {
      LiveState.Outage(kind: kind, partner: "one", detail: "the disk is full", seconds: 19, failures: 5)
    }
    let health = Health(status(), now: Self.start, outages: [outage(of: "sink"), outage(of: "ledger")])
    #expect(health.state == .down && health.reason == "nothing can be kept: the disk is full")
    #expect(health.since == Self.start.advanced(bySeconds: -19))
    // The ledger tells of the others.
    #expect(Health(status(), now: Self.start, outages: [outage(of: "sink")]).state == .healthy)
  }
}
