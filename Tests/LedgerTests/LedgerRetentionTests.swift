import ExecutionModel
import Postgres
import TestServers
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerRetentionTests {
  private static let day = 86_400

  /// A ledger that keeps ten days, at day 100.
  private func bench(sinks: [SinkRegistration] = [], clock: TestClock = TestClock(at(100 * day).microseconds))
    async throws
    -> Bench
  {
    let bench = try await Bench(sinks: sinks, clock: { clock.now })
    try await bench.ledger.keep(history: Double(10 * Self.day))
    return bench
  }

  private func old(_ runID: String, _ state: String = "success", day: Int, source: Int64) -> DagRun {
    var old = run(
      runID, state, source: source, start: day * Self.day, end: day * Self.day + 60, logical: day * Self.day)
    old.queuedAt = nil
    return old
  }

  /// As the daemon does it, to the end.
  @discardableResult
  private func tidy(_ bench: Bench, before day: Int = 90) async throws -> RetentionOutcome {
    var deleted = RetentionOutcome()
    var cursor: RetentionCursor? = RetentionCursor()
    while let next = cursor {
      let slice = try await bench.ledger.deleteHistory(before: at(day * Self.day), from: next)
      deleted += slice.deleted
      cursor = slice.next
    }
    return deleted
  }

  private func runs(_ bench: Bench) throws -> [String] { try bench.query("SELECT run_id FROM dag_run ORDER BY id") }

  private func rows(_ bench: Bench) throws -> [String: Int] {
    var rows: [String: Int] = [:]
    for table in [
      "dag_run", "dag_run_clear", "attempt", "link", "evidence", "link_target", "lost_try", "search", "dbt_run",
      "dbt_step", "dbt_result", "dbt_freshness", "dbt_check", "dbt_check_outcome", "dbt_node",
    ] { rows[table] = Int(try bench.query("SELECT count(*) FROM \(table)")[0]) ?? -1 }
    return rows
  }

  // MARK: What goes and what stays

  @Test func whatEndedBeforeGoesAndWhatIsYoungerOrOpenStays() async throws {
    let bench = try await bench()
    // Read when they were young.
    try await bench.apply(old("gone", day: 80, source: 1), [attempt("success", start: 80 * Self.day)])
    try await bench.apply(old("young", day: 95, source: 2), [attempt("success", start: 95 * Self.day)])
    try await bench.apply(old("open", "running", day: 80, source: 3), [attempt("running", start: 80 * Self.day)])
    var never = run("never", "failed", source: 4, start: nil, logical: 80 * Self.day)
    never.queuedAt = nil
    try await bench.apply(never)
    var late = old("late", day: 80, source: 5)
    late.endDate = at(95 * Self.day)
    try await bench.apply(late)
    let deleted = try await tidy(bench)
    #expect(deleted.dagRuns == 2 && deleted.attempts == 1)
    #expect(try runs(bench) == ["young", "open", "late"])
    #expect(try await tidy(bench).isEmpty)
  }

  @Test func nothingGoesThatWaitsForASinkOrWasRefused() async throws {
    let bench = try await bench(sinks: [events, records])
    try await bench.apply(old("waits", day: 80, source: 1), [attempt("success", end: 30)])
    try await bench.apply(old("history", day: 81, source: 2), [attempt("success", end: 30)], history: true)
    try await bench.apply(old("done", day: 82, source: 3))
    #expect(try await tidy(bench).isEmpty)
    let done = try await bench.row("done")
    try await bench.deliver(try await bench.pending().filter { $0.dagRun == done }, "lineage")
    try await bench.deliver(try await bench.pending("archive"), "archive")
    #expect(try await tidy(bench).dagRuns == 1)
    var report = Ledger.DeliveryReport()
    report.parked = try await bench.pending().map { .init(id: $0.id, reason: "no", status: 400, answer: nil) }
    try await bench.ledger.note(report, ofSink: try await bench.ledger.progress(ofSink: "lineage").id)
    #expect(try await tidy(bench).isEmpty)
    #expect(try runs(bench) == ["waits", "history"])
  }

  @Test func whatHangsOnARunGoesWithItAndNothingElse() async throws {
    let bench = try await bench()
    let task = attempt("success", start: 20, end: 30)
    try await bench.apply(old("a", day: 80, source: 1), [task], links: [proposal(task, 1), proposal(task, 2)])
    try await bench.apply(old("b", day: 95, source: 2), [task], links: [proposal(task, 2)])
    for id in [1, 2] as [Int64] {
      var answer = dbtRun(id, isComplete: true)
      answer.steps = [step(models: 2)]
      try await bench.answer(answer)
    }
    try bench.execute("UPDATE dbt_check SET last_at = \(at(95 * Self.day).microseconds)")
    // Tests that are still carried out keep their last runs: those of the first run, too.
    #expect(try await tidy(bench).dbtRuns == 0)
    #expect(try rows(bench)["dbt_run"] == 2 && rows(bench)["link"] == 1)
    // Once nothing is carried out any more the checks go, and then what nobody leads to.
    try bench.execute("UPDATE dbt_check SET last_at = 0")
    let deleted = try await tidy(bench)
    #expect(deleted.dbtRuns == 1 && deleted.checks == 3)
    let left = try rows(bench)
    #expect(left["dbt_run"] == 1 && left["dbt_step"] == 1 && left["dbt_result"] == 6 && left["attempt"] == 1)
    #expect(left["link"] == 1 && left["evidence"] == 1 && left["link_target"] == 1 && left["dbt_check_outcome"] == 0)
    #expect(try await bench.record("b").attempts[0].links.first?.key?.description.hasSuffix("/2") == true)
  }

  @Test func aRunWhoseLinksAreUndecidedStays() async throws {
    let bench = try await bench()
    let task = attempt("success", start: 20, end: 30)
    try await bench.apply(old("wanted", day: 80, source: 1), [task], links: [proposal(task, 7)])
    try await bench.apply(old("lost", day: 80, source: 2), [task], links: [proposal(task, nil)])
    #expect(try await tidy(bench).isEmpty)
    try await bench.answer(dbtRun(7))
    #expect(try await tidy(bench).isEmpty, "its artifacts were not read")
    var whole = dbtRun(7, isComplete: true)
    whole.steps = []
    try await bench.answer(whole)
    #expect(try await tidy(bench).dagRuns == 1)
    #expect(try runs(bench) == ["lost"])
  }

  // MARK: What is deleted is not new

  @Test func whatWasDeletedIsNotReadAgainAsNew() async throws {
    let bench = try await bench(sinks: [events])
    let gone = old("gone", day: 80, source: 1)
    let task = attempt("success", start: 80 * Self.day, end: 80 * Self.day + 30)
    try await bench.apply(gone, [task], readAt: 80 * Self.day)
    try await bench.deliver(try await bench.pending(), "lineage")
    try await tidy(bench)
    // By a poll after a restart, by a page of history, by a sweep.
    for history in [false, true] { try await bench.apply(gone, [task], readAt: 100 * Self.day, history: history) }
    #expect(try runs(bench).isEmpty)
    #expect(try await bench.pending().isEmpty)
    // Somebody clears one task of it: the run is there again, and what its other attempts were told is not told again.
    var cleared = gone
    (cleared.state, cleared.clearNumber, cleared.queuedAt, cleared.endDate) = ("running", 1, at(100 * Self.day), nil)
    cleared.startDate = at(100 * Self.day)
    try await bench.apply(
      cleared, [task, attempt("b", "running", start: 100 * Self.day)], readAt: 100 * Self.day)
    #expect(try await bench.told() == ["run c1 START \(100 * Self.day)", "b.1 START \(100 * Self.day)"])
  }

  // MARK: Clocks

  /// This machine's clock alone deletes nothing: it may be set to any year.
  @Test func aClockThatIsAheadDeletesNothing() async throws {
    let clock = TestClock(at(100 * Self.day).microseconds)
    let bench = try await bench(clock: clock)
    #expect(await bench.ledger.horizon(expectsSources: true) == nil)
    #expect(await bench.ledger.horizon(expectsSources: false) == at(90 * Self.day))
    try await bench.apply(old("young", day: 95, source: 1), readAt: 100 * Self.day)
    clock.advance(seconds: Double(3650 * Self.day))
    #expect(await bench.ledger.horizon(expectsSources: true) == at(90 * Self.day))
    clock.advance(seconds: Double(-3680 * Self.day))
    #expect(await bench.ledger.horizon(expectsSources: true) == at(60 * Self.day))
  }

  // MARK: Slices

  @Test func aSliceEndsAfterAFewThousandAttempts() async throws {
    let bench = try await bench()
    for number in 1...3 {
      let attempts = (0..<1500).map { attempt("t", "success", start: 20, end: 30, map: $0) }
      try await bench.apply(old("r\(number)", day: 80 + number, source: Int64(number)), attempts)
    }
    var cursor = RetentionCursor()
    cursor.part = .started
    let first = try await bench.ledger.deleteHistory(before: at(90 * Self.day), from: cursor)
    #expect(first.deleted.dagRuns == 2)
    let second = try await bench.ledger.deleteHistory(before: at(90 * Self.day), from: try #require(first.next))
    #expect(second.deleted.dagRuns == 1)
    #expect(try rows(bench)["attempt"] == 0)
  }

  @Test func statusSaysWhatIsKeptAndWhatWasDeleted() async throws {
    let bench = try await bench()
    try await bench.ledger.note(RetentionOutcome())
    let retention = try await bench.ledger.status().retention
    #expect(retention?.kept == Int64(10 * Self.day) && retention?.lastAt == at(100 * Self.day))
  }

  // MARK: Room

  /// A year of runs, ten days kept at a time: neither the file nor a table on a server grows with what has come and gone.
  @Test func aLedgerThatForgetsDoesNotGrow() async throws {
    // While others read on a server, even in other databases, pages of indexes are not used again: one of its own.
    let database = PostgresServer.uniqueName("forgets")
    let isServer = Driver.current == .postgres
    let server = isServer ? try await PostgresServer.start() : nil
    try await server?.createDatabase(database)
    let place = server.map { server in
      LedgerPlace.postgres(
        PostgresConfiguration(
          conninfo: server.conninfo(database: database, overSocket: true), applicationName: database), schema: "ledger")
    }
    let bench = try await Bench(sinks: [], place: place)
    var sizes: [Int64] = []
    for day in stride(from: 0, to: 360, by: 10) {
      for number in 0..<8 {
        let source = Int64(day * 10 + number + 1)
        try await bench.apply(
          old("r\(source)", day: day, source: source),
          (0..<100).map { attempt("t", "success", start: 20, end: 30, map: $0) }, readAt: day * Self.day)
      }
      try await tidy(bench, before: day - 5)
      while try await bench.ledger.shrink() {}
      if let server { try await bench.vacuum(database, of: server) }
      sizes.append(try await bench.ledger.status().bytes)
    }
    #expect(try runs(bench).count == 8)
    let early = try #require(sizes[4..<12].max())
    let late = try #require(sizes[28...].max())
    #expect(late <= early + early / 4, "\(sizes)")
  }
}
