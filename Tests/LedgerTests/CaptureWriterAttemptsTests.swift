import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct CaptureWriterAttemptsTests {
  @Test func theFirstStartOfATryIsKept() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running"), [attempt("up_for_reschedule", start: 20)])
    try await bench.apply(run("running"), [attempt("running", start: 25)])
    try await bench.apply(run("running"), [attempt("success", start: nil, end: 30)])
    #expect(try await bench.record().attempts.map(\.attempt.startDate) == [at(20)])
    #expect(try await bench.told() == ["run c0 START 10", "a.1 START 20", "a.1 COMPLETE 30"])
  }

  @Test func whatOnlyAnEarlierLookShowedIsNotLost() async throws {
    let bench = try await Bench()
    var live = attempt("running")
    live.operatorName = "BashOperator"
    live.queuedAt = at(15)
    live.renderedMapIndex = "x"
    live.note = "noted"
    live.clearNumber = 0
    try await bench.apply(run("running"), [live])
    var history = attempt("failed", end: 30, current: false)
    history.clearNumber = 1
    try await bench.apply(run("running"), [history])
    var expected = history
    expected.operatorName = "BashOperator"
    expected.queuedAt = at(15)
    expected.renderedMapIndex = "x"
    expected.note = "noted"
    expected.clearNumber = 0
    #expect(try await bench.record().attempts.map(\.attempt) == [expected])
  }

  @Test func aTryThatANewOneReplacedStaysAndIsNotCurrent() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running"), [attempt(try: 1, "up_for_retry", end: 30), attempt("b", "running")])
    try await bench.apply(run("running"), [attempt(try: 2, "running", start: 40), attempt("b", "running")])
    let attempts = try await bench.record().attempts.map(\.attempt)
    #expect(attempts.filter { $0.key.taskID == "a" }.map(\.isCurrent) == [false, true])
    #expect(attempts.filter { $0.key.taskID == "b" }.map(\.isCurrent) == [true])
  }

  @Test func aTryWhoseEndNobodySawIsEndedWhenTheNextOneShows() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running"), [attempt(try: 1, "running")])
    try await bench.apply(run("running"), [attempt(try: 2, "running", start: 40)])
    let told = try await bench.told()
    #expect(told.filter { $0.hasPrefix("a.1") } == ["a.1 START 20", "a.1 ABORT 20"])
    #expect(told.filter { $0.hasPrefix("a.2") } == ["a.2 START 40"])
    try await bench.apply(run("running"), [attempt(try: 2, "running", start: 40)])
    #expect(try await bench.told() == told)
  }

  @Test func theHistoryOfAirflowSaysHowAnEarlierTryEnded() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running"), [attempt(try: 1, "running")])
    try await bench.apply(
      run("running"),
      [attempt(try: 1, "failed", end: 30, current: false), attempt(try: 2, "running", start: 40)])
    #expect(
      try await bench.told() == ["run c0 START 10", "a.1 START 20", "a.1 FAIL 30", "a.2 START 40"])
  }

  @Test func attemptsAreToldBetweenTheirRunsStartAndEnd() async throws {
    let bench = try await Bench()
    try await bench.apply(
      run("success", end: 40), [attempt("a", "success", end: 30), attempt("b", "skipped", start: 31, end: 31)])
    #expect(
      try await bench.told() == [
        "run c0 START 10", "a.1 START 20", "a.1 COMPLETE 30", "b.1 START 31", "b.1 COMPLETE 31", "run c0 COMPLETE 40",
      ])
  }

  @Test(arguments: [1, 31, 32, 33, 64, 100]) func allAttemptsOfANewRunAreKept(_ count: Int) async throws {
    let bench = try await Bench()
    let attempts = (0..<count).map { number in
      var attempt = attempt("t\(number % 10)", try: number % 3 + 1, "success", end: 30 + number, map: number)
      attempt.operatorName = number % 2 == 0 ? "BashOperator" : nil
      return attempt
    }
    let outcome = try await bench.apply(run("success", end: 500), attempts)
    #expect(outcome.changedAttempts == count)
    let kept = try await bench.record().attempts.map(\.attempt)
    #expect(kept.sorted { $0.key < $1.key } == attempts.sorted { $0.key < $1.key })
  }

  @Test func anAttemptThatIsSeenTwiceInANewRunIsKeptOnceAsSeenLast() async throws {
    let bench = try await Bench()
    var later = attempt("failed", end: 31)
    later.note = "later"
    try await bench.apply(
      run("failed", end: 40), [attempt("failed", end: 30), attempt("b", "success", end: 30), later])
    #expect(try await bench.record().attempts.map(\.attempt).first { $0.key == later.key } == later)
    #expect(try bench.query("SELECT count(*) FROM attempt") == ["2"])
  }

  @Test func tenThousandMappedTasksThatAreAllTriedAgainTakeNoTime() async throws {
    let bench = try await Bench()
    func snapshot(_ number: Int, _ state: String) -> [TaskAttempt] {
      (0..<10_000).map { attempt("mapped", try: number, state, start: 20 * number, map: $0) }
    }
    try await bench.apply(run("running"), snapshot(1, "up_for_retry"))
    let outcome = try await bench.apply(run("running"), snapshot(2, "running"))
    #expect(outcome.changedAttempts == 20_000)
    #expect(try bench.query("SELECT count(*) FROM attempt WHERE is_current = 1 AND try_number = 2") == ["10000"])
    // One attempt of them all changes: one row is written.
    var one = snapshot(2, "running")
    one[77].state = "success"
    one[77].endDate = at(50)
    #expect(try await bench.apply(run("running"), one).changedAttempts == 1)
  }
}
