import Correlation
import ExecutionModel
import Testing

@Suite struct ProposeLinksTests {
  @Test func eachTryKeepsItsOwnRun() {
    let tries = [
      known(try: 1, start: 0, end: 5, operator: "DbtCloudRunJobOperator", state: "failed"),
      known(try: 2, start: 60, operator: "DbtCloudRunJobOperator", state: "running"),
    ]
    // Read while try 2 is queued or has just started: the XCom is still the first try's.
    let before = proposeLinks(for: snapshot([xcom("job_run_id", "71", at: 2)]), known: tries)
    #expect(before.map { [$0.attempt.tryNumber, Int($0.target?.runID ?? 0)] } == [[1, 71]])
    let after = proposeLinks(for: snapshot([xcom("job_run_id", "72", at: 61)]), known: tries)
    // Of the first try nothing is left.
    #expect(after.map { [$0.attempt.tryNumber, Int($0.target?.runID ?? 0)] } == [[1, 0], [2, 72]])
  }

  @Test func aTryThatNobodySawKeepsItsRunToItself() {
    func linked(_ tries: [KnownAttempt], hidden: [Int: Double] = [:]) -> [Int] {
      var snapshot = snapshot([xcom("job_run_id", "72", at: 61)])
      for (number, start) in hidden {
        snapshot.hiddenTries[AttemptKey(taskID: "t", mapIndex: -1, tryNumber: number)] = at(start)
      }
      return proposeLinks(for: snapshot, known: tries).filter { $0.target != nil }.map(\.attempt.tryNumber)
    }
    func tried(_ number: Int, _ start: Double) -> KnownAttempt {
      known(try: number, start: start, operator: "DbtCloudRunJobOperator")
    }
    // Try 2 came and went between two polls, before 2.10: nothing tells when it started.
    #expect(linked([tried(1, 0), tried(3, 120)]) == [])
    #expect(linked([tried(1, 0), tried(2, 120)]) == [1])
    // Its row waits for try 3 and still has its number and start.
    #expect(linked([tried(1, 0)], hidden: [2: 60]) == [])
    #expect(linked([tried(1, 0), tried(2, 60)], hidden: [2: 60]) == [2])
    #expect(linked([tried(1, 0)], hidden: [2: 90]) == [1], "written before try 2 had started")
    #expect(linked([tried(1, 0)], hidden: [3: 90]) == [])
  }

  @Test func theSnapshotCountsWhereBothHaveTheAttempt() {
    var attempt = TaskAttempt(key: AttemptKey(taskID: "t", mapIndex: -1, tryNumber: 1), isCurrent: true)
    attempt.startDate = at(5)
    attempt.operatorName = "DbtCloudRunJobOperator"
    var snapshot = snapshot([xcom("job_run_id", "7", at: 10)])
    snapshot.attempts = [attempt]
    let old = known(start: 20, operator: nil)
    #expect(proposeLinks(for: snapshot, known: [old]).map { $0.target?.runID } == [7])
    snapshot.attempts[0].startDate = at(20)
    #expect(proposeLinks(for: snapshot, known: [known(start: 5)]).isEmpty)
  }

  @Test func renderedFieldsBelongToTheNewestTryThatStarted() {
    func link(_ tries: [KnownAttempt]) -> [Int] {
      proposeLinks(for: snapshot(rendered: [rendered(#"{"run_id": 5}"#)]), known: tries).map(\.attempt.tryNumber)
    }
    func sensor(_ number: Int, _ start: Double?, _ state: String?) -> KnownAttempt {
      known(try: number, start: start, operator: "DbtCloudJobRunSensor", state: state)
    }
    #expect(link([sensor(1, 0, "running")]) == [1])
    #expect(link([sensor(1, 0, "failed"), sensor(2, 60, "success")]) == [2])
    #expect(link([sensor(1, 0, "failed"), sensor(2, nil, "upstream_failed")]) == [1])
    #expect(link([sensor(1, 0, "failed"), sensor(2, 60, "running")]) == [], "may still be the fields of try 1")
    #expect(link([sensor(1, nil, "skipped")]) == [])
  }

  @Test func aTaskThatHandsOnAnIDIsNoCandidate() {
    let attempts = [
      known("run", start: 0, end: 1, operator: "DbtCloudRunJobOperator"),
      known("log", start: 2, end: 3, operator: "@task"),
      known("first", start: -5, end: 3, operator: "@task"),
    ]
    let values = [
      xcom("job_run_url", "\"https://h/deploy/1/projects/2/runs/5000/\"", task: "run"),
      xcom("return_value", "5000", task: "log"), xcom("return_value", "5000", task: "first"),
    ]
    let found = proposeLinks(for: snapshot(values), known: attempts)
    // A task that started before the run operator may well have triggered what that found under way.
    #expect(found.map(\.attempt.taskID) == ["first", "run"])
    #expect(found.map(\.isCandidate) == [true, false])
  }

  @Test func listOperatorsAreNeverLinkedWhateverTheyReturn() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed: seed)
    let values = [
      "50019015", "\"50019015\"", "[50019015]", "\"https://h/deploy/1/projects/2/runs/3/\"",
      #"{"id": 50019015, "job_definition_id": 101, "status": 10, "href": "https://h/deploy/1/projects/2/runs/50019015/"}"#,
      #"{"status": {"code": 200}, "data": {"id": 5}}"#, #"{"run_id": 5}"#, "\"s3://x/y\"", "nonsense",
    ]
    let keys = ["return_value", "job_run_id", "job_run_url", "_link_DbtCloudRunJobOperatorLink"]
    for _ in 0..<2_000 {
      let name = ["DbtCloudListJobsOperator", "DbtCloudListJobRunsOperator"].randomElement(using: &random)
      let count = Int.random(in: 1...4, using: &random)
      let xcoms = keys.shuffled(using: &random).prefix(count).map {
        xcom($0, values.randomElement(using: &random) ?? "1", at: Double.random(in: 0...50, using: &random))
      }
      let attempts = [known(start: 0, end: 60, operator: name)]
      let fields = [rendered(#"{"run_id": 5, "account_id": 1}"#)]
      #expect(proposeLinks(for: snapshot(xcoms, rendered: fields), known: attempts).isEmpty, "seed \(seed)")
    }
  }

  @Test func theOrderOfTheRowsDoesNotMatter() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed: seed)
    for captured in try CapturedDatabase.all() {
      for snapshot in captured.snapshots {
        var shuffled = snapshot
        shuffled.attempts.shuffle(using: &random)
        shuffled.xcoms.shuffle(using: &random)
        shuffled.renderedFields.shuffle(using: &random)
        #expect(proposeLinks(for: shuffled, known: []) == proposeLinks(for: snapshot, known: []), "seed \(seed)")
      }
    }
  }

  @Test func tenThousandMappedTasksAreLinkedInOneGo() {
    let attempts = (0..<10_000).map { known(map: $0, start: 0, operator: "DbtCloudRunJobOperator") }
    let values = (0..<10_000).map { xcom("job_run_id", String($0 + 1), map: $0) }
    let found = proposeLinks(for: snapshot(values.reversed()), known: attempts)
    #expect(found.count == 10_000)
    #expect(found.allSatisfy { $0.target?.runID == Int64($0.attempt.mapIndex + 1) })
  }

  // MARK: Tries that nothing is left of

  private let runOperator = "DbtCloudRunJobOperator"

  /// Those of which a run is to be looked for.
  private func lost(_ tries: [KnownAttempt], _ snapshot: DagRunSnapshot = snapshot()) -> [AttemptKey] {
    let proposals = proposeLinks(for: snapshot, known: tries).filter { $0.target == nil }
    #expect(proposals.allSatisfy { $0.isCandidate && $0.confidence == .inferred && $0.relation == .triggered })
    return proposals.map(\.attempt)
  }

  @Test(arguments: [("success", true), ("failed", true), ("up_for_retry", true), ("skipped", true), ("running", false)])
  func aTryOfTheRunOperatorThatIsOverAndLeftNothingIsLost(_ state: String, _ isLost: Bool) {
    #expect(lost([known(start: 0, operator: runOperator, state: state)]).count == (isLost ? 1 : 0))
  }

  @Test(arguments: ["upstream_failed", "removed"]) func whatEndedWithoutRunningStartedNothing(_ state: String) {
    #expect(lost([known(start: 5, operator: runOperator, state: state)]).isEmpty)
    #expect(lost([known(start: nil, operator: runOperator, state: "failed")]).isEmpty)
    #expect(lost([known(try: 0, start: 5, operator: runOperator, state: "skipped")]).isEmpty)
    // A try that ended without running keeps the start of the one before it.
    let tries = [
      known(try: 1, start: 0, operator: runOperator), known(try: 2, start: 0, operator: runOperator, state: "skipped"),
    ]
    #expect(lost(tries).map(\.tryNumber) == [1])
  }

  @Test func aTryThatAnotherHasFollowedIsOverWhateverWasLastSeenOfIt() {
    let tries = [
      known(try: 1, start: 0, operator: runOperator, state: "running"),
      known(try: 2, start: 60, operator: runOperator, state: "running"),
    ]
    #expect(lost(tries).map(\.tryNumber) == [1])
    var cleared = known(start: 0, operator: runOperator, state: "restarting")
    #expect(lost([cleared]).isEmpty)
    cleared.isCurrent = false
    #expect(lost([cleared]).count == 1)
  }

  @Test func aSubclassIsKnownByAnotherTryOrByItsTemplateFields() {
    let name = "AcmeDbtOperator"
    #expect(lost([known(start: 0, operator: name)]).isEmpty)
    let tries = [known(try: 1, start: 0, operator: name), known(try: 2, start: 60, operator: name)]
    #expect(lost(tries, snapshot([xcom("job_run_url", Self.url, at: 61)])).map(\.tryNumber) == [1])
    let mapped = [known(map: 0, start: 0, operator: name), known(map: 1, start: 0, operator: name)]
    #expect(lost(mapped, snapshot([xcom("job_run_url", Self.url, map: 1)])).map(\.mapIndex) == [0])
    #expect(lost([known(start: 0, operator: name)], snapshot(rendered: [rendered(Self.fields)])).count == 1)
    #expect(lost([known(start: 0, operator: name)], snapshot(rendered: [rendered(#"{"run_id": 5}"#)])).isEmpty)
    #expect(
      lost([known(start: 0, operator: "DbtCloudJobRunSensor")], snapshot(rendered: [rendered(Self.fields)])) == [])
  }

  @Test func whatItsTemplateFieldsSayIsKept() {
    let tries = [known(start: 0, operator: runOperator), known(try: 2, start: 60, operator: runOperator)]
    let found = proposeLinks(
      for: snapshot([xcom("job_run_id", "72", at: 61)], rendered: [rendered(Self.fields)]), known: tries)
    #expect(found.count == 2)
    #expect(
      found[0].evidence == [
        Evidence(kind: "rendered_account_id", value: "1001"), Evidence(kind: "rendered_job_id", value: "101"),
        Evidence(kind: "rendered_trigger_reason", value: "nightly"),
      ])
    #expect(found[1].evidence.map(\.kind) == ["xcom_job_run_id"])
  }

  @Test func otherOperatorsAreNeverLost() {
    #expect(lost([known(start: 0, operator: "@task"), known("u", start: 0, operator: nil)]).isEmpty)
    #expect(lost([known(start: 0, operator: "DbtCloudListJobsOperator")]).isEmpty)
  }

  private static let url = "\"https://h/deploy/1/projects/2/runs/3/\""
  private static let fields = """
    {"dbt_cloud_conn_id": "c", "job_id": "101", "account_id": 1001, "trigger_reason": "nightly", "steps_override": null,
     "schema_override": null, "additional_run_config": {}}
    """
}
