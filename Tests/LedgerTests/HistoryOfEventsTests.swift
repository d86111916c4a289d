import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct HistoryOfEventsTests {
  /// A ledger in which everything has happened that events tell of.
  private func eventful(sinks: [SinkRegistration] = [events, records]) async throws -> Bench {
    let bench = try await Bench(sinks: sinks)
    let task = attempt("success", end: 30)
    // A whole run with a dbt run, cleared afterwards and under way again.
    try await bench.apply(run("success", end: 40), [task], links: [proposal(task, 71)])
    try await bench.answer(dbtRun(71, isComplete: true))
    try await bench.apply(
      run("running", clear: 1, start: 50),
      [attempt("success", end: 30, current: false), attempt(try: 2, "running", start: 51)])
    // One that was deleted while it ran.
    try await bench.apply(run("r2", "running", source: 2, logical: 1), [attempt("running")])
    try await bench.apply(nil, missing: [2], readAt: 100)
    // One of an Airflow without clear numbers, cleared and ended otherwise, whose first try nobody saw ending.
    try await bench.apply(run("r3", "failed", source: 3, clear: nil, end: 40, logical: 2), [attempt("running")])
    try await bench.apply(
      run("r3", "success", source: 3, clear: nil, start: 60, end: 90, logical: 2),
      [attempt(try: 2, "success", start: 61, end: 70)])
    // One whose times moved after they were told, and one that was marked otherwise.
    try await bench.apply(run("r4", "running", source: 4, logical: 3), [attempt("running", start: 22)])
    try await bench.apply(
      run("r4", "success", source: 4, start: 8, end: 40, logical: 3), [attempt("success", start: 12, end: 30)])
    try await bench.apply(
      run("r4", "failed", source: 4, start: 8, end: 99, logical: 3), [attempt("failed", start: 12, end: 98)])
    // A dbt run without a parent, and a run that has not begun.
    let sensor = attempt("sensor", "success", end: 30)
    try await bench.apply(
      run("r5", "running", source: 5, logical: 4), [sensor],
      links: [proposal(sensor, 72, confidence: .strong, relation: .waitedFor)])
    try await bench.answer(dbtRun(72, isComplete: true))
    try await bench.apply(run("r6", "queued", source: 6, start: nil, logical: 5))
    return bench
  }

  private func late(_ sink: SinkRegistration, _ name: String) -> SinkRegistration {
    var sink = sink
    sink.name = name
    return sink
  }

  @Test func aSinkThatComesLaterIsToldTheSame() async throws {
    let bench = try await eventful()
    try await bench.ledger.register(sinks: [events, records, late(events, "late"), late(records, "late archive")])
    let told = try await bench.told("late")
    #expect(told.count > 20)
    #expect(try await bench.told("lineage").sorted() == told.sorted())
    #expect(try await bench.told("archive").sorted() == bench.told("late archive").sorted())
  }

  @Test func itIsToldInOrder() async throws {
    let bench = try await eventful(sinks: [])
    try await bench.ledger.register(sinks: [events])
    var begun: Set<String> = []
    for item in try await bench.pending() {
      let subject = "\(item.dagRun) " + Bench.text(item).split(separator: " ").dropLast(2).joined(separator: " ")
      if item.transition == .start {
        #expect(begun.insert(subject).inserted, "\(subject)")
      } else {
        #expect(begun.contains(subject), "\(subject)")
      }
    }
  }

  @Test func aSinkThatDoesNotWantHistoryIsToldWhatIsUnderWay() async throws {
    let bench = try await eventful()
    var quiet = late(events, "quiet")
    quiet.history = false
    var quietRecords = late(records, "quiet archive")
    quietRecords.history = false
    try await bench.ledger.register(sinks: [quiet, quietRecords])
    #expect(try await bench.told("quiet") == ["run c1 START 50", "a.2 START 51", "run c0 START 10"])
    #expect(try await bench.told("quiet archive").isEmpty)
  }

  @Test func aSinkThatIsKnownIsToldNothingTwice() async throws {
    let bench = try await eventful()
    let told = try await bench.told()
    await bench.ledger.close()
    try await bench.ledger.open()
    try await bench.ledger.register(sinks: [events, records])
    #expect(try await bench.told() == told)
  }
}
