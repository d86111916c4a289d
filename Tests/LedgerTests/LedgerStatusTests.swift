import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerStatusTests {
  @Test func aNewLedgerSaysThatNothingHappenedYet() async throws {
    let bench = try await Bench()
    let status = try await bench.ledger.status()
    #expect(status.syncer == nil && status.bytes > 0 && status.schemaVersion >= 1)
    #expect(status.airflow.map(\.name) == ["prod"] && status.airflow[0].lastPollAt == nil)
    #expect(status.sinks.map(\.name) == ["archive", "lineage"])
  }

  @Test func whatTheLogHoldsCountsAsTheLedgersSize() async throws {
    let bench = try await Bench()
    let before = try await bench.ledger.status().bytes
    try await bench.apply(run("r1", "success", end: 40), (1...2_000).map { attempt("task_\($0)", "success", end: 30) })
    #expect(try await bench.ledger.status().bytes > before + 100_000)
  }

  @Test func whatASyncerNotesIsShown() async throws {
    let bench = try await Bench()
    let ledger = bench.ledger
    try await ledger.noteStart(mode: "sync", version: "1.2")
    try await ledger.noteFirstContact(with: "prod", floor: 7)
    try await ledger.noteFirstContact(with: "prod", floor: 9)
    try await ledger.noteSchema(of: "prod", version: "3.1", alembicHead: "abc")
    try await ledger.noteHealth(
      InstanceHealth(role: "replica", replayLag: 6_000_000, pollMilliseconds: 1.5), of: "prod")
    try await ledger.note(
      account: one, lastCallAt: at(3), callsPerMinute: 38, coolingDownUntil: nil, error: "refused")
    try await ledger.note(account: one, lastCallAt: nil, callsPerMinute: 1, coolingDownUntil: at(9), error: "refused")
    let task = attempt("running")
    try await bench.apply(run("running"), [task], links: [proposal(task, 71)])
    try await bench.apply(run("r2", "success", source: 2, end: 40, logical: 1))
    let status = try await ledger.status()
    let syncer = try #require(status.syncer)
    #expect(syncer.mode == "sync" && syncer.version == "1.2" && syncer.stoppedAt == nil && syncer.isRunning)
    let airflow = try #require(status.airflow.first)
    #expect(airflow.cursor == 7 && airflow.openRuns == 1 && airflow.runs == 2 && airflow.isConnected)
    #expect(airflow.airflowVersion == "3.1" && airflow.role == "replica" && airflow.replayLag == 6_000_000)
    let account = try #require(status.accounts.first)
    #expect(account.waiting == 1 && account.lastCallAt == at(3) && account.error == "refused")
    #expect(account.errorSince == Instant(microseconds: 1_000) && account.coolingDownUntil == at(9))
    #expect(status.sinks.map(\.pending) == [1, 4])
    #expect(status.links.exact == 1 && status.links.strong == 0)
    try await ledger.noteStop()
    #expect(try await ledger.status().syncer?.stoppedAt != nil)
  }

  @Test func anOutageKeepsItsFirstMoment() async throws {
    let bench = try await Bench()
    try await bench.ledger.noteOutage(of: "prod", error: "refused")
    try await bench.ledger.noteOutage(of: "never seen", error: "no route")
    let status = try await bench.ledger.status()
    #expect(status.airflow.map(\.error) == ["no route", "refused"])
    #expect(status.airflow.map(\.isConnected) == [false, false])
    try await bench.ledger.noteHealth(InstanceHealth(), of: "prod")
    #expect(try await bench.ledger.status().airflow.last?.error == nil)
  }

  @Test func linksAreCountedByConfidenceAndMissingOnesToo() async throws {
    let bench = try await Bench(accounts: [one, two], clock: { at(100).microseconds })
    var operators = (0..<5).map { attempt("t\($0)", "success", end: 30) }
    for index in operators.indices { operators[index].operatorName = "DbtCloudRunJobOperator" }
    try await bench.apply(
      run("success", end: 40), operators,
      links: [
        proposal(operators[0], 71), proposal(operators[1], 72, account: nil, confidence: .strong),
        proposal(operators[2], nil),
        proposal(operators[3], 73, account: nil, confidence: .strong, isCandidate: true),
      ])
    try await bench.answer(dbtRun(72))
    try await bench.answer(dbtRun(72, in: two))
    let links = try await bench.ledger.status().links
    #expect(links.exact == 1 && links.ambiguous == 1 && links.unresolved == 1 && links.strong == 0)
    #expect(links.withoutLink == 2)
  }
}
