import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerReplayTests {
  private let task = attempt("success", end: 30)

  /// Three runs that were told and delivered, ending at 40, 1040 and 2040, and one that is under way.
  private func bench(_ sinks: [SinkRegistration] = [events]) async throws -> Bench {
    let bench = try await Bench(sinks: sinks)
    for number in 1...3 {
      let begin = (number - 1) * 1000
      try await bench.apply(
        run(
          "r\(number)", "success", dag: number == 2 ? "other" : "daily", source: Int64(number), start: begin + 10,
          end: begin + 40, logical: number), [task])
    }
    try await bench.apply(run("r4", "running", source: 4, start: 3000, logical: 4), [])
    for sink in sinks { try await bench.deliver(try await bench.pending(sink.name), sink.name) }
    return bench
  }

  private func request(_ since: Int, until: Int? = nil, sink: String = "lineage") -> ReplayRequest {
    var request = ReplayRequest(sink: sink, since: at(since))
    request.until = until.map { at($0) }
    return request
  }

  @Test func whatHadNotEndedByThenIsToldOnceMoreInOrder() async throws {
    let bench = try await bench()
    let count = try await bench.ledger.replay(request(1000), isTrial: true)
    #expect(count.dagRuns == 3 && count.events == 9 && count.dbtRuns == 0)
    #expect(try await bench.told().isEmpty)
    #expect(try await bench.ledger.replay(request(1000), isTrial: false) == count)
    #expect(try await bench.ledger.pendingCount(ofSink: "lineage") == 9)
    // What waits already is not counted twice.
    #expect(try await bench.ledger.replay(request(0), isTrial: true).dagRuns == 1)
    #expect(
      try await bench.told() == [
        "run c0 START 1010", "a.1 START 20", "a.1 COMPLETE 30", "run c0 COMPLETE 1040", "run c0 START 2010",
        "a.1 START 20", "a.1 COMPLETE 30", "run c0 COMPLETE 2040", "run c0 START 3000",
      ])
  }

  @Test func timeAndDAGNarrowItDown() async throws {
    let bench = try await bench()
    #expect(try await bench.ledger.replay(request(0, until: 1000), isTrial: true).dagRuns == 1)
    var other = request(0)
    other.dagPatterns = ["oth*"]
    #expect(try await bench.ledger.replay(other, isTrial: true).events == 4)
  }

  /// What a sink does not want is not to take away what it wants.
  @Test(
    arguments: [([.dagRuns, .attempts], 17, 4), ([.dagRuns], 9, 2), ([.attempts], 8, 2), ([.dbtRuns], 4, 4)]
      as [(Set<SinkRegistration.Emission>, Int, Int)])
  func aSinkThatWantsNotAllIsToldWhatItWants(_ emit: Set<SinkRegistration.Emission>, _ all: Int, _ last: Int)
    async throws
  {
    var sink = events
    sink.kind = .events(emit)
    let bench = try await bench([sink])
    try await bench.apply(
      run("r5", "success", source: 5, start: 5010, end: 5040, logical: 5), [task],
      links: [proposal(task, 71), proposal(task, 72)])
    for id in [71, 72] as [Int64] { try await bench.answer(dbtRun(id, isComplete: true)) }
    try await bench.deliver(try await bench.pending(), "lineage")
    let count = try await bench.ledger.replay(request(0), isTrial: true)
    #expect(count.events == all)
    #expect(
      try await bench.ledger.replay(request(5000), isTrial: true).events - (emit.contains(.dagRuns) ? 1 : 0) == last)
    #expect(try await bench.ledger.replay(request(0), isTrial: false) == count)
    #expect(try await bench.told().count == all)
  }

  /// They have no DAG run as their parent, but are linked to one.
  @Test func theGuessedDbtRunsOfADAGAreToldWithIt() async throws {
    let bench = try await Bench(sinks: [events, records])
    try await bench.applyGuessed("daily", 71)
    try await bench.applyGuessed("other", 72, source: 2, begin: 1000)
    for sink in ["lineage", "archive"] { try await bench.deliver(try await bench.pending(sink), sink) }
    #expect(try await bench.ledger.replay(request(0), isTrial: true).events == 12)
    var other = request(0)
    other.dagPatterns = ["oth*"]
    let count = try await bench.ledger.replay(other, isTrial: true)
    #expect(count.dagRuns == 1 && count.dbtRuns == 1 && count.events == 6)
    #expect(try await bench.told().isEmpty)
    #expect(try await bench.ledger.replay(other, isTrial: false) == count)
    #expect(try await bench.ledger.pendingCount(ofSink: "lineage") == 6)
    // What waits already is not told twice.
    #expect(try await bench.ledger.replay(other, isTrial: false).events == 0)
    let row = try #require(try bench.query("SELECT id FROM dbt_run WHERE run_id = 72").first)
    #expect(
      try await bench.told() == [
        "dbt \(row) START 1023", "dbt \(row) COMPLETE 1032", "run c0 START 1010", "a.1 START 1020",
        "a.1 COMPLETE 1030", "run c0 COMPLETE 1040",
      ])
    for item in try await bench.pending() { try await bench.deliver([item], "lineage") }
    other.sink = "archive"
    #expect(try await bench.ledger.replay(other, isTrial: false).events == 1)
    // All of them wait as one, and these with them.
    _ = try await bench.ledger.replay(request(0), isTrial: false)
    other.sink = "lineage"
    #expect(try await bench.ledger.replay(other, isTrial: true).events == 0)
  }

  @Test func whatIsNewGoesFirst() async throws {
    let bench = try await bench()
    _ = try await bench.ledger.replay(request(0, until: 2500), isTrial: false)
    try await bench.apply(run("r5", "running", source: 5, start: 4000, logical: 5), [])
    #expect(try await bench.pending(limit: 1).map(Bench.text) == ["run c0 START 4000"])
    #expect(try await bench.told().count == 13)
    // A run that goes on while it waits is told from its start.
    try await bench.deliver(try await bench.pending(), "lineage")
    _ = try await bench.ledger.replay(request(2900), isTrial: false)
    try await bench.apply(run("r4", "success", source: 4, start: 3000, end: 3500, logical: 4), [])
    #expect(
      try await bench.pending(limit: 2).map(Bench.text) == ["run c0 START 3000", "run c0 COMPLETE 3500"])
  }

  @Test func aFileGetsItsLinesAgain() async throws {
    let bench = try await bench([records])
    let count = try await bench.ledger.replay(request(1000, sink: "archive"), isTrial: false)
    #expect(count.dagRuns == 2 && count.events == 2)
    #expect(try await bench.told("archive").count == 2)
  }

  @Test func dbtRunsWithoutADagRunAreToldByTheirTime() async throws {
    let bench = try await Bench(sinks: [events, records])
    var early = dbtRun(71, created: 22, isComplete: true)
    early.steps = [step()]
    for run in [early, dbtRun(72, created: 5000, isComplete: true)] {
      try await bench.ledger.keepWanted([run], of: one, isHistory: false)
      try await bench.answer(run)
    }
    for sink in ["lineage", "archive"] { try await bench.deliver(try await bench.pending(sink), sink) }
    let all = try await bench.ledger.replay(request(0), isTrial: true)
    #expect(all.dbtRuns == 2)
    let late = try await bench.ledger.replay(request(4000), isTrial: false)
    #expect(late.dbtRuns == 1 && late.events == 2)
    #expect(try await bench.told().count == 2)
    #expect(try await bench.ledger.replay(request(0, until: 4000, sink: "archive"), isTrial: false).events == 1)
    #expect(try await bench.told("archive").count == 1)
  }

  @Test func aSinkThatIsNotConfiguredIsRefused() async throws {
    let bench = try await bench()
    await #expect(throws: LedgerError.self) { try await bench.ledger.replay(request(0, sink: "gone"), isTrial: true) }
  }
}
