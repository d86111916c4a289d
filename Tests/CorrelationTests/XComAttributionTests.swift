import Correlation
import ExecutionModel
import Testing

@Suite struct XComAttributionTests {
  private func attempt(of time: Double, map: Int = -1, among attempts: [KnownAttempt]) -> Int? {
    XComAttribution.attempt(of: xcom("job_run_id", "1", map: map, at: time), among: attempts)?.tryNumber
  }

  @Test func theLastAttemptThatHadStartedWroteIt() {
    let tries = [known(try: 1, start: 0, end: 5), known(try: 2, start: 100, end: 105), known(try: 3, start: 200)]
    #expect(attempt(of: 3, among: tries) == 1)
    #expect(attempt(of: 50, among: tries) == 1, "written while try 2 was queued")
    #expect(attempt(of: 100, among: tries) == 2, "written in the very microsecond of the start")
    #expect(attempt(of: 150, among: tries.reversed()) == 2)
    #expect(attempt(of: 1e6, among: tries) == 3)
  }

  @Test func nobodyWroteItBeforeTheFirstStart() {
    #expect(attempt(of: -1, among: [known(start: 0)]) == nil)
    #expect(attempt(of: 1, among: []) == nil)
  }

  @Test func anAttemptWithoutAStartDoesNotCount() {
    #expect(attempt(of: 10, among: [known(try: 1, start: 0), known(try: 2, start: nil)]) == 1)
    #expect(attempt(of: 10, among: [known(try: 1, start: nil)]) == nil)
  }

  @Test func whatNeverRanWroteNothing() {
    // upstream_failed after a clear: the row keeps the start of the try before.
    #expect(attempt(of: 10, among: [known(try: 0, start: 0, state: "upstream_failed")]) == nil)
    #expect(attempt(of: 10, among: [known(try: 0, start: 5, state: "upstream_failed"), known(try: 1, start: 0)]) == 1)
  }

  @Test func ofTwoWithOneStartTheFirstWroteIt() {
    // Try 2 was skipped before it ran: its row still has the start of try 1.
    let tries = [known(try: 1, start: 0, state: "failed"), known(try: 2, start: 0, state: "skipped")]
    #expect(attempt(of: 10, among: tries) == 1)
    #expect(attempt(of: 10, among: tries.reversed()) == 1)
  }

  @Test func theMapIndexHasToBeTheSame() {
    let tries = [known(map: -1, start: 0), known(map: 1, start: 0)]
    #expect(attempt(of: 10, map: 0, among: tries) == nil)
    #expect(attempt(of: 10, map: 1, among: tries) == 1)
  }

  @Test func aLiveRowThatShowsTheNextTryTakesNothingFromTheTryBefore() {
    // The live row went on to try 2; the XCom of try 1 is still there.
    #expect(attempt(of: 2, among: [known(try: 2, start: 60, state: "running")]) == nil)
    #expect(attempt(of: 2, among: [known(try: 1, start: 0), known(try: 2, start: 60, state: "running")]) == 1)
  }

  @Test func neverToAnAttemptThatStartedLaterAndNeverPastOneThatStartedInBetween() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed: seed)
    for _ in 0..<5_000 {
      let attempts = (0..<Int.random(in: 0...6, using: &random)).map { _ in
        known(
          ["a", "b"].randomElement(using: &random) ?? "a", map: Int.random(in: -1...1, using: &random),
          try: Int.random(in: 1...4, using: &random),
          start: Bool.random(using: &random) ? Double(Int.random(in: 0...8, using: &random)) : nil)
      }
      let value = xcom(
        "job_run_id", "1", task: "a", map: Int.random(in: -1...1, using: &random),
        at: Double(Int.random(in: 0...8, using: &random)))
      let own = attempts.filter { $0.key.taskID == value.taskID && $0.key.mapIndex == value.mapIndex }
      let eligible = own.compactMap(\.startDate).filter { $0 <= value.timestamp }
      let chosen = XComAttribution.attempt(of: value, among: attempts)
      #expect((chosen == nil) == eligible.isEmpty, "seed \(seed)")
      if let chosen {
        #expect(own.contains { $0.key == chosen && $0.startDate == eligible.max() }, "seed \(seed)")
      }
    }
  }
}
