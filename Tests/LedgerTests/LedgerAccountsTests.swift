import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerAccountsTests {
  let task = attempt("success", end: 30)
  let finished = run("success", end: 40)

  @Test func aRunOfAnUnknownAccountIsKeptAndFetchedOnceTheAccountIsConfigured() async throws {
    let bench = try await Bench(accounts: [two])
    try await bench.apply(finished, [task], links: [proposal(task, 71)])
    let link = try #require(try await bench.links().first)
    #expect(link.key == dbtRun(71).key)
    #expect(link.unresolved == "dbt Cloud account 4433 is not configured: add it to `dbt_cloud`")
    let before = try await bench.revision()
    try await bench.ledger.register(accounts: AccountDirectory(accounts: [one, two]))
    #expect(try await bench.revision() > before)
    try await bench.answer(dbtRun(71))
    #expect(try await bench.links().map(\.unresolved) == [nil])
  }

  @Test func anAdoptedRunIsFoundUnderItsAccountsHost() async throws {
    let bench = try await Bench(accounts: [])
    var reference = proposal(task, 71)
    reference.target?.host = "cloud.getdbt.com"
    try await bench.apply(finished, [task], links: [reference])
    let other = attempt("b", "success", end: 30)
    try await bench.apply(
      run("r2", "success", source: 2, end: 40, logical: 1), [other], links: [proposal(other, 71)])
    // Both hosts are those of one configured account.
    try await bench.ledger.register(accounts: AccountDirectory(accounts: [one]))
    try await bench.answer(dbtRun(71))
    #expect(try await bench.links("r1").map(\.key) == [dbtRun(71).key])
    #expect(try await bench.links("r2").map(\.key) == [dbtRun(71).key])
    #expect(try bench.query("SELECT count(*) FROM dbt_run") == ["1"])
  }

  @Test func aLinkWithoutAnAccountIsResolvedWhenTheFirstAccountIsConfigured() async throws {
    let bench = try await Bench(accounts: [])
    try await bench.apply(finished, [task], links: [proposal(task, 71, account: nil)])
    let link = try #require(try await bench.links().first)
    #expect(link.key == nil && link.unresolved?.contains("no dbt Cloud account is configured") == true)
    try await bench.ledger.register(accounts: AccountDirectory(accounts: [one]))
    try await bench.answer(dbtRun(71))
    #expect(try await bench.links().map(\.key) == [dbtRun(71).key])
    #expect(try await bench.links().map(\.unresolved) == [nil])
  }

  @Test func aLinkThatTheFirstAccountCouldNotConfirmIsTriedWithTheSecond() async throws {
    let bench = try await Bench(accounts: [one])
    let guess = attempt("b", "success", end: 30)
    try await bench.apply(
      finished, [task, guess],
      links: [
        proposal(task, 71, account: nil), proposal(guess, 72, account: nil, confidence: .strong, isCandidate: true),
      ])
    try await bench.answerAbsent(71)
    try await bench.answerAbsent(72)
    try await bench.ledger.register(accounts: AccountDirectory(accounts: [one, two]))
    // The first account may be asked again too; it still knows nothing.
    if try await bench.due(dbtRun(71)) != nil { try await bench.answerAbsent(71) }
    if try await bench.due(dbtRun(72)) != nil { try await bench.answerAbsent(72) }
    try await bench.answer(dbtRun(71, in: two))
    try await bench.answer(dbtRun(72, in: two))
    #expect(Set(try await bench.links().map(\.key)) == [dbtRun(71, in: two).key, dbtRun(72, in: two).key])
    #expect(try await bench.links().map(\.unresolved) == [nil, nil])
  }

  /// The run was complete already, by the evidence of another attempt, when the last account said that it has none.
  @Test func aLinkThatIsSettledLaterGivesItsRunANewLine() async throws {
    let bench = try await Bench(accounts: [one, two], sinks: [records])
    let guess = attempt("b", "success", end: 30)
    try await bench.apply(
      finished, [task, guess], links: [proposal(task, 71), proposal(guess, 71, account: nil)])
    try await bench.answer(dbtRun(71, isComplete: true))
    try await bench.deliver(try await bench.pending("archive"), "archive")
    #expect(try await bench.links().compactMap(\.key).count == 1)
    let revision = try await bench.revision()
    try await bench.answerAbsent(71, in: two)
    #expect(try await bench.links().map(\.key) == [dbtRun(71).key, dbtRun(71).key])
    #expect(try await bench.revision() > revision)
    #expect(try await bench.told("archive") == ["record 1"])
  }

  /// As at a new start: an undecided link does not wait for the hour after which a run is asked for again.
  @Test func whatNoAccountKnewYetIsAskedForAtOnceWhenAccountsAreRegistered() async throws {
    let bench = try await Bench(accounts: [one, two])
    try await bench.apply(finished, [task], links: [proposal(task, 71, account: nil)])
    let due = try #require(try await bench.due(dbtRun(71, in: two)))
    try await bench.ledger.noteAbsent(due.id, reason: "404", nextFetchAt: 9_000_000)
    #expect(try await bench.ledger.dueDbtRuns(of: "two", now: 1000, limit: 10).isEmpty)
    try await bench.ledger.register(accounts: AccountDirectory(accounts: [one, two]))
    #expect(try await bench.ledger.dueDbtRuns(of: "two", now: 1000, limit: 10).map(\.id) == [due.id])
  }

  @Test func registeringTheSameAccountsAgainChangesNothing() async throws {
    let bench = try await Bench(accounts: [one, two])
    let guess = attempt("b", "success", end: 30)
    try await bench.apply(
      finished, [task, guess],
      links: [
        proposal(task, 71, account: 99), proposal(guess, 72, account: nil, confidence: .strong, isCandidate: true),
      ])
    let revision = try await bench.revision()
    try await bench.ledger.register(accounts: AccountDirectory(accounts: [one, two]))
    #expect(try await bench.revision() == revision)
    #expect(try await bench.links().first?.unresolved?.contains("99") == true)
  }

  @Test func anAccountThatIsGoneLeavesItsReasonAndComesBack() async throws {
    let bench = try await Bench(accounts: [one])
    try await bench.apply(finished, [task], links: [proposal(task, 71)])
    try await bench.ledger.register(accounts: AccountDirectory(accounts: []))
    #expect(
      try await bench.links().first?.unresolved
        == "dbt Cloud account `one` is not configured any more: add it to `dbt_cloud`")
    #expect(try await bench.due(dbtRun(71)) == nil)
    try await bench.ledger.register(accounts: AccountDirectory(accounts: [one]))
    try await bench.answer(dbtRun(71))
    #expect(try await bench.links().map(\.unresolved) == [nil])
  }

  @Test func aHundredThousandRunsAreTakenOverAndQueriedByIndex() async throws {
    // Looks at SQLite's plans.
    guard Driver.current == .sqlite else { return }
    let bench = try await Bench()
    try await bench.ledger.fillWithRuns(100_000)
    try await bench.ledger.register(accounts: AccountDirectory(accounts: [one]))
    #expect(try await bench.ledger.dueDbtRuns(of: "one", now: .max, limit: 10).count == 0)
    let plan = try await bench.ledger.planOfDueRuns()
    #expect(plan.contains("dbt_run_waiting"), "\(plan)")
  }
}

extension Ledger {
  fileprivate func fillWithRuns(_ count: Int) throws {
    try write { database in
      try database.execute(
        """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(count))
        INSERT INTO dbt_run (key, account, host, account_id, run_id, fetch_state, is_complete)
        SELECT 'cloud/one.dbt.com/4433/' || i, 'one', 'one.dbt.com', 4433, i, CASE i % 2 WHEN 0 THEN 'known' ELSE 'absent' END,
          i % 2 = 0 FROM n
        """)
    }
  }

  fileprivate func planOfDueRuns() throws -> String {
    try read { database in
      try database.prepare("EXPLAIN QUERY PLAN \(Self.dueDbtRunsQuery)").rows { $0.text(3) }.joined(separator: "; ")
    }
  }
}
