import ExecutionModel
import Testing

@testable import Correlation

@Suite struct JudgeTriesTests {
  private func lost(
    _ id: Int64, task: String = "t", map: Int = -1, try number: Int = 1, dagRun: Int64 = 1, dag: String = "d",
    _ start: Double, _ end: Double, accounts: Set<String> = ["one"]
  ) -> LostTry {
    LostTry(
      id: id, dagRun: dagRun, dagID: dag, key: AttemptKey(taskID: task, mapIndex: map, tryNumber: number),
      start: at(start), end: at(end), accounts: accounts)
  }

  private func run(
    _ id: Int64, task: String = "t", at time: Double, job: Int64? = 101, cause: String? = nil, retrying: Int64? = nil,
    account: String = "one", isTaken: Bool = false
  ) -> ListedRun {
    ListedRun(
      id: id, name: .init(account: account, runID: id), createdAt: at(time), jobID: job,
      cause: cause ?? AirflowCause.standard(dagID: "d", taskID: task), retryingRunID: retrying, isTaken: isTaken)
  }

  /// Verdicts as text: `=5` found, `==5` exact, `?5,6` ambiguous, `-` none.
  private func said(_ tries: [LostTry], _ runs: [ListedRun], bystanders: [Bystander] = []) -> [String] {
    judge(tries, runs: runs, bystanders: bystanders).map { verdict in
      switch verdict {
      case .none: "-"
      case .found(let fitting, .exact): "==\(fitting.run)"
      case .found(let fitting, _): "=\(fitting.run)"
      case .ambiguous(let fitting, _, _): "?" + fitting.map { String($0.run) }.joined(separator: ",")
      }
    }
  }

  @Test func theOnlyRunOfItsTaskInItsTimeIsFound() throws {
    let verdict = try #require(judge([lost(1, 0, 60)], runs: [run(5, at: 3)]).first)
    guard case .found(let fitting, let confidence) = verdict else { throw TestFailure() }
    #expect(fitting.run == 5 && fitting.relation == .triggered && confidence == .inferred)
    #expect(
      fitting.evidence == [
        Evidence(kind: "cause", value: "Triggered via Apache Airflow by task 't' in the d DAG."),
        Evidence(kind: "time_window", value: "created at 1970-01-01T00:00:03.000000Z, while it ran"),
      ])
  }

  @Test(arguments: [(-2.0, true), (-2.001, false), (0, true), (60, true), (62, true), (62.001, false)])
  func theRunWasCreatedWhileTheTryRanTwoSecondsMoreOnEitherSide(_ time: Double, _ fits: Bool) {
    #expect(said([lost(1, 0, 60)], [run(5, at: time)]) == [fits ? "=5" : "-"])
    // An end before the start counts as the start.
    #expect(said([lost(1, 0, -30)], [run(5, at: time)]) == [abs(time) <= 2 ? "=5" : "-"])
  }

  @Test func othersTasksDagsAccountsJobsAndTakenRunsDoNotFit() {
    var one = lost(1, 0, 60)
    one.jobIDs = [101]
    let others = [
      run(5, task: "u", at: 3), run(6, at: 3, cause: AirflowCause.standard(dagID: "e", taskID: "t")),
      run(7, at: 3, account: "two"), run(8, at: 3, job: 102), run(9, at: 3, isTaken: true), run(10, at: 3, cause: ""),
    ]
    #expect(said([one], others) == ["-"])
    #expect(said([one], others + [run(11, at: 4)]) == ["=11"])
  }

  @Test func severalRunsAreNeverPickedFrom() {
    #expect(said([lost(1, 0, 60)], [run(6, at: 9), run(5, at: 3)]) == ["?5,6"])
  }

  @Test func aRunThatFitsTwoTriesIsGivenToNeither() {
    let tries = [lost(1, map: 0, 0, 60), lost(2, map: 1, 1, 60)]
    #expect(said(tries, [run(5, at: 3)]) == ["?5", "?5"])
    #expect(said(tries, [run(5, at: 3), run(6, at: 4)]) == ["?5,6", "?5,6"])
  }

  @Test func theJobTellsMappedTasksApart() {
    var tries = [lost(1, map: 0, 0, 60), lost(2, map: 1, 0, 60)]
    tries[0].jobIDs = [101]
    tries[1].jobIDs = [102]
    #expect(said(tries, [run(5, at: 3, job: 101), run(6, at: 3, job: 102)]) == ["=5", "=6"])
  }

  @Test func anAttemptThatNothingIsKnownOfMayHaveStartedIt() {
    let one = lost(1, 0, 60)
    func said(_ task: String, _ start: Double, _ end: Double?) -> [String] {
      self.said(
        [one], [run(5, at: 30)],
        bystanders: [Bystander(dagID: "d", taskID: task, start: at(start), end: end.map(at))])
    }
    #expect(said("t", 20, nil) == ["?5"])
    #expect(said("t", 40, nil) == ["=5"])
    #expect(said("t", 0, 10) == ["=5"])
    #expect(said("t", 0, 31) == ["?5"])
    #expect(said("u", 20, nil) == ["=5"])
  }

  @Test func aTriggerReasonTakesThePlaceOfTheStandardCauseWhereTheJobIsKnown() {
    var one = lost(1, 0, 60)
    one.triggerReasons = ["nightly"]
    let runs = [run(5, at: 3), run(6, at: 4, cause: "nightly")]
    #expect(said([one], runs) == ["-"], "anybody may write that")
    one.jobIDs = [101]
    #expect(said([one], runs) == ["=6"])
    one.triggerReasons = [""]
    #expect(said([one], [run(5, at: 3, cause: "")]) == ["-"])
    one.triggerReasons = [String(repeating: "x", count: 255)]
    #expect(said([one], [run(5, at: 3, cause: String(repeating: "x", count: 300))]) == ["=5"])
  }

  // MARK: The attempt's own id

  private func json(_ id: String, job: String = "d.t") -> String {
    #"{"parent":{"run":{"runId":"\#(id)"},"job":{"namespace":"default","name":"\#(job)"}}}"#
  }

  @Test func aCauseWithTheAttemptsOwnIDIsExactWhateverTheTime() {
    var one = lost(1, 0, 60)
    one.lineageRunID = "01a1"
    #expect(said([one], [run(5, at: 200, cause: json("01a1")), run(6, at: 3)]) == ["==5"])
    // Nor does it ask who else is said to have started it.
    #expect(said([one], [run(5, at: 3, cause: json("01a1"), isTaken: true)]) == ["==5"])
    #expect(said([one], [run(5, at: 3, cause: json("01a1")), run(6, at: 3, cause: json("01a1"))]) == ["?5,6"])
    guard case .found(let fitting, _)? = judge([one], runs: [run(5, at: 3, cause: json("01a1"))]).first else { return }
    #expect(fitting.evidence.map(\.kind) == ["cause_run_id", "time_window"])
  }

  @Test func anotherIDIsOfAnotherAttempt() {
    var one = lost(1, 0, 60)
    one.lineageRunID = "01a1"
    #expect(said([one], [run(5, at: 3, cause: json("ffff"))]) == ["-"])
    // Where the ids of this Airflow are not known, the name of the task is what is left.
    one.lineageRunID = nil
    #expect(said([one], [run(5, at: 3, cause: json("ffff"))]) == ["=5"])
    #expect(said([one], [run(5, at: 90, cause: json("ffff"))]) == ["-"])
    #expect(said([one], [run(5, at: 3, cause: json("ffff", job: "d.u"))]) == ["-"])
  }

  @Test func anIDThatSeveralAttemptsHaveIsNotTheAttemptsOwn() {
    var tries = [lost(1, map: 0, 0, 60), lost(2, map: 1, 100, 160)]
    for index in tries.indices { tries[index].lineageRunID = "01a1" }
    #expect(said(tries, [run(5, at: 3, cause: json("01a1"))]) == ["=5", "-"])
    var one = tries[0]
    one.sharesLineageRunID = true
    #expect(said([one], [run(5, at: 3, cause: json("01a1"))]) == ["=5"])
    #expect(said([one], [run(5, at: 300, cause: json("01a1"))]) == ["-"])
  }

  // MARK: Resumed runs

  @Test func aRunThatResumesTheOneOfAnEarlierTryIsThatOfTheLater() throws {
    var two = lost(2, try: 2, 100, 160)
    let runs = [run(6, at: 103, cause: "Retry of run from point of failure", retrying: 5)]
    #expect(said([two], runs) == ["-"])
    two.earlierRuns = [.init(account: "one", runID: 5)]
    #expect(said([two], runs) == ["=6"])
    guard case .found(let fitting, _)? = judge([two], runs: runs).first else { throw TestFailure() }
    #expect(fitting.relation == .retried)
    #expect(fitting.evidence.map(\.kind) == ["retrying_run_id", "time_window"])
    // The same number in another account is another run.
    two.earlierRuns = [.init(account: "two", runID: 5)]
    #expect(said([two], runs) == ["-"])
  }

  @Test func triesAreFoundOneAfterTheOther() {
    let tries = [lost(3, try: 3, 200, 260), lost(2, try: 2, 100, 160), lost(1, 0, 60), lost(4, dagRun: 2, 100, 101)]
    let runs = [
      run(5, at: 3), run(6, at: 103, cause: "Retry", retrying: 5), run(7, at: 203, cause: "Retry", retrying: 6),
    ]
    #expect(said(tries, runs) == ["=7", "=6", "=5", "-"])
  }

  // MARK: Properties

  /// Random histories: what really started what, with clocks that differ by up to two seconds and some of the XComs lost.
  /// Nothing that is found may be wrong, and what is undecided must have the right one among its candidates.
  @Test func noGuessIsEverWrong() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed: seed)
    var found = 0
    for _ in 0..<600 {
      let skew = Double.random(in: -1.9...1.9, using: &random)
      var tries: [LostTry] = []
      var runs: [ListedRun] = []
      var bystanders: [Bystander] = []
      var truth: [Int64: Int64] = [:]
      var next: Int64 = 1
      for dagRun in 1...Int64.random(in: 1...4, using: &random) {
        for task in ["a", "b"].prefix(Int.random(in: 1...2, using: &random)) {
          let lanes = Int.random(in: 1...3, using: &random)
          for map in 0..<lanes {
            var time = Double.random(in: 0...200, using: &random)
            for number in 1...Int.random(in: 1...3, using: &random) {
              let end = time + Double.random(in: 1...40, using: &random)
              var one = lost(next, task: task, map: lanes == 1 ? -1 : map, try: number, dagRun: dagRun, time, end)
              let job = Int64.random(in: 101...103, using: &random)
              if Bool.random(using: &random) { one.jobIDs = [job] }
              let hasRun = Int.random(in: 0..<8, using: &random) > 0
              let isKnown = Int.random(in: 0..<3, using: &random) == 0
              let isUnderWay = !isKnown && Int.random(in: 0..<10, using: &random) == 0
              if hasRun {
                let created = Double.random(in: time...end, using: &random) + skew
                runs.append(run(1_000 + next, task: task, at: created, job: job, isTaken: isKnown))
                truth[next] = 1_000 + next
              }
              if isUnderWay {
                bystanders.append(Bystander(dagID: "d", taskID: task, start: at(time), end: nil))
              } else if !isKnown {
                tries.append(one)
              }
              next += 1
              time = end + Double.random(in: 0...30, using: &random)
            }
          }
        }
      }
      runs.shuffle(using: &random)
      for (one, verdict) in zip(tries, judge(tries, runs: runs, bystanders: bystanders)) {
        switch verdict {
        case .none: #expect(truth[one.id] == nil, "seed \(seed)")
        case .found(let fitting, _):
          found += 1
          // A try that started nothing may stand where another's run is the only one: then that other competes for it.
          #expect(truth[one.id] == fitting.run, "seed \(seed)")
        case .ambiguous(let fitting, _, _):
          if let right = truth[one.id] { #expect(fitting.contains { $0.run == right }, "seed \(seed)") }
        }
      }
    }
    #expect(found > 500, "seed \(seed)")
  }

  @Test func theOrderOfTriesAndRunsDoesNotMatter() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed: seed)
    for _ in 0..<100 {
      var tries = (1...12).map { id -> LostTry in
        let start = Double.random(in: 0...100, using: &random)
        return lost(Int64(id), try: id % 3 + 1, dagRun: Int64(id / 4), start, start + 20)
      }
      var runs = (1...12).map {
        run(
          100 + Int64($0), at: Double.random(in: 0...110, using: &random), retrying: $0 % 4 == 0 ? 99 + Int64($0) : nil)
      }
      let before = Dictionary(uniqueKeysWithValues: zip(tries.map(\.id), judge(tries, runs: runs)))
      tries.shuffle(using: &random)
      runs.shuffle(using: &random)
      #expect(
        Dictionary(uniqueKeysWithValues: zip(tries.map(\.id), judge(tries, runs: runs))) == before, "seed \(seed)")
    }
  }

  @Test func thousandsOfMappedTriesOfOneJobNameAHundredRunsEach() {
    let tries = (0..<3_000).map { lost(Int64($0), map: $0, 0, 600) }
    let runs = (0..<3_000).map { run(10_000 + Int64($0), at: Double($0) / 10) }
    let verdicts = judge(tries, runs: runs)
    #expect(
      verdicts.allSatisfy {
        guard case .ambiguous(let fitting, 3_000, false) = $0 else { return false }
        return fitting.count == TryVerdict.maximumCandidates
      })
  }
}

private struct TestFailure: Error {}
