import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerNodeCollectionTests {
  private func names(_ bench: Bench) throws -> Set<String> { Set(try bench.query("SELECT unique_id FROM dbt_node")) }

  private func add(_ number: Int, models: Int, to bench: Bench) async throws {
    let task = attempt("success", end: 30)
    try await bench.apply(
      run("r\(number)", "success", source: Int64(number), end: 40, logical: number), [task],
      links: [proposal(task, Int64(number))])
    var answer = dbtRun(Int64(number), isComplete: true)
    answer.steps = [step(models: models)]
    try await bench.answer(answer)
  }

  private func coreRun(models: Int) -> DbtRun {
    DbtRun(
      key: .core(name: "nightly", invocationID: "\(models)"), status: "success", isComplete: true,
      steps: [step(models: models)])
  }

  /// As a manifest is kept while it is read, before the run that it is of.
  private func keep(_ step: DbtStep, in ledger: Ledger) async throws -> KeptDbtNodes {
    let (pieces, continuation) = AsyncStream<[DbtNode]>.makeStream()
    continuation.yield(Array(step.nodes.values))
    continuation.finish()
    return try await ledger.keep(pieces)
  }

  /// As the deletion of dbt runs does.
  private func forget(_ bench: Bench, run number: Int64? = nil) throws {
    let ofRun = number.map { "WHERE dbt_run = \($0)" } ?? ""
    try bench.execute(
      """
      DELETE FROM dbt_result \(ofRun); DELETE FROM dbt_check_outcome \(ofRun);
      DELETE FROM dbt_check \(number.map { "WHERE last_run = \($0)" } ?? ""); UPDATE node_collection SET is_wanted = 1
      """)
  }

  private func collect(_ ledger: Ledger) async throws -> Int {
    var deleted = 0
    while true {
      let slice = try await ledger.collectNodes()
      deleted += slice.deleted
      if slice.isFinished { return deleted }
    }
  }

  private func expectNothingDangles(_ bench: Bench) throws {
    #expect(try bench.query("SELECT count(*) FROM dbt_result WHERE node NOT IN (SELECT id FROM dbt_node)") == ["0"])
    #expect(try bench.query("SELECT count(*) FROM dbt_check WHERE node NOT IN (SELECT id FROM dbt_node)") == ["0"])
    let nodes = Set(try bench.query("SELECT id FROM dbt_node").compactMap { Int64($0) })
    for inputs in try bench.query("SELECT inputs FROM dbt_result WHERE inputs IS NOT NULL") {
      #expect(nodes.isSuperset(of: DbtResultRow.inputs(inputs)))
    }
  }

  @Test func nodesThatNothingNamesAnyMoreGo() async throws {
    let bench = try await Bench(sinks: [])
    try await add(1, models: 3, to: bench)
    try await add(2, models: 1, to: bench)
    let all = try names(bench)
    #expect(try await collect(bench.ledger) == 0)
    #expect(try names(bench) == all)
    // The first run goes, with its checks; the nodes of the second stay, the source that it only reads, too.
    try forget(bench, run: 1)
    #expect(try await collect(bench.ledger) == 4)
    let left = try names(bench)
    #expect(
      left.contains("source.shop.raw.orders") && left.contains("model.shop.m1") && !left.contains("model.shop.m3"))
    try expectNothingDangles(bench)
    #expect(try bench.query("SELECT count(*) FROM node_handed_out") == ["0"])
  }

  /// As that of a source, whose freshness is no result.
  @Test func aNodeThatOnlyACheckNamesStays() async throws {
    let bench = try await Bench(sinks: [])
    try await add(1, models: 2, to: bench)
    try bench.execute("DELETE FROM dbt_result")
    #expect(try await collect(bench.ledger) > 0)
    #expect(try names(bench) == ["test.shop.not_null_m1", "test.shop.not_null_m2", "test.shop.single"])
    try expectNothingDangles(bench)
  }

  @Test func theyAreLookedForWhenDbtRunsWereDeleted() async throws {
    let clock = TestClock()
    let bench = try await Bench(sinks: [], clock: { clock.now })
    try await add(1, models: 3, to: bench)
    _ = try await collect(bench.ledger)
    let count = try bench.query("SELECT number FROM node_collection")
    #expect(try await bench.ledger.collectNodes().isFinished)
    #expect(try bench.query("SELECT number FROM node_collection") == count)
    var request = PurgeRequest()
    request.dags = ["daily"]
    var cursor: PurgeCursor? = PurgeCursor()
    var purged = PurgeOutcome()
    while let from = cursor {
      cursor = try await bench.ledger.purge(request, from: from, isTrial: false, into: &purged)
    }
    #expect(try bench.query("SELECT count(*) FROM dbt_result") == ["0"])
    #expect(try await collect(bench.ledger) > 0)
    #expect(try names(bench).isEmpty)
  }

  @Test func aNodeThatIsHandedOutMeanwhileStays() async throws {
    let bench = try await Bench(sinks: [])
    try await add(1, models: 3, to: bench)
    try forget(bench)
    _ = try await bench.ledger.collectNodes()
    try await add(2, models: 2, to: bench)
    _ = try await collect(bench.ledger)
    let left = try names(bench)
    #expect(left.contains("model.shop.m2") && !left.contains("model.shop.m3"))
    try expectNothingDangles(bench)
  }

  /// Whatever is handed out by another syncer, at any step of the search, and named when it is over.
  @Test func whatAnotherSyncerIsHandedStaysUntilItIsNamed() async throws {
    // It takes three.
    for begin in 0...4 {
      let bench = try await Bench(sinks: [])
      let other =
        Driver.current == .postgres ? Ledger(at: bench.place, purpose: .syncing, clock: { 1_000 }) : bench.ledger
      try await other.open()
      try await add(1, models: 3, to: bench)
      try forget(bench)
      for _ in 0..<begin { _ = try await bench.ledger.collectNodes() }
      let kept = try await keep(step(models: 2), in: other)
      _ = try await collect(bench.ledger)
      if begin > 0 {
        try await other.keepComplete(core: coreRun(models: 2), nodes: kept)
      } else {
        // Nobody knew that they would be named: they are kept anew.
        let error = await #expect(throws: LedgerError.self) {
          try await other.keepComplete(core: coreRun(models: 2), nodes: kept)
        }
        #expect(error?.isTransient == true)
        try await other.keepComplete(core: coreRun(models: 2), nodes: try await keep(step(models: 2), in: other))
      }
      try expectNothingDangles(bench)
      #expect(try bench.query("SELECT count(*) FROM dbt_result") == ["6"])
      #expect(try names(bench).contains("model.shop.m2"))
      await other.close()
    }
  }

  /// What was handed out before a search began is looked at when it is named while that goes on.
  @Test func whatWasHandedOutBeforeIsSparedFromWhenItIsNamed() async throws {
    for steps in 1...2 {
      let bench = try await Bench(sinks: [])
      try await add(1, models: 3, to: bench)
      try forget(bench)
      let kept = try await keep(step(models: 2), in: bench.ledger)
      for _ in 0..<steps { _ = try await bench.ledger.collectNodes() }
      try await bench.ledger.keepComplete(core: coreRun(models: 2), nodes: kept)
      _ = try await collect(bench.ledger)
      #expect(try !names(bench).contains("model.shop.m3"))
      try expectNothingDangles(bench)
    }
  }

  /// A run that has the nodes of the one before it takes them from memory.
  @Test func whatIsRememberedIsForgottenWhenASearchBegins() async throws {
    let bench = try await Bench(sinks: [])
    try await add(1, models: 3, to: bench)
    try forget(bench)
    _ = try await collect(bench.ledger)
    #expect(try names(bench).isEmpty)
    try await add(2, models: 3, to: bench)
    try expectNothingDangles(bench)
    #expect(try names(bench).contains("model.shop.m3"))
  }

  @Test func aSearchThatWasCutOffIsDoneAgain() async throws {
    let bench = try await Bench(sinks: [])
    try await add(1, models: 3, to: bench)
    try forget(bench)
    for _ in 0..<2 { _ = try await bench.ledger.collectNodes() }
    if Driver.current == .sqlite { await bench.ledger.close() }
    let next = Ledger(at: bench.place, purpose: .syncing, clock: { 1_000 })
    try await next.open()
    if Driver.current == .postgres {
      // The first one goes on when the other has begun: it deletes nothing.
      _ = try await next.collectNodes()
      #expect(try await bench.ledger.collectNodes() == (0, true))
    }
    #expect(try await collect(next) > 0)
    #expect(try names(bench).isEmpty)
    await next.close()
  }
}
