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
