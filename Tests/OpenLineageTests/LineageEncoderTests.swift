import ExecutionModel
import FoundationEssentials
import JSONText
import OpenLineage
import Testing

@Suite struct LineageEncoderTests {
  /// All events of the target, in its order.
  private func events(_ encoder: LineageEncoder = Target.encoder) throws -> [[UInt8]] {
    [
      try Target.dagRunEvent(.start, encoder: encoder), try Target.attemptEvent(.start, encoder: encoder),
      try Target.dbtRunEvent(.start, encoder: encoder), try Target.dbtRunEvent(.complete, encoder: encoder),
      try Target.attemptEvent(.complete, encoder: encoder), try Target.dagRunEvent(.complete, encoder: encoder),
    ]
  }

  @Test func theEventsAreThoseOfTheTarget() throws {
    let target = try fixture("openlineage/target-events.ndjson").split(separator: "\n").map {
      try JSONValue(parsing: String($0))
    }
    let written = try events().map(parsed)
    #expect(written.count == target.count)
    for (written, target) in zip(written, target) {
      #expect(written.objectValue?.map(\.name) == target.objectValue?.map(\.name))
      for path in [
        "eventType", "eventTime", "producer", "schemaURL", "run.runId", "job.namespace", "job.name", "inputs",
        "outputs",
        "run.facets.nominalTime", "run.facets.parent", "run.facets.dbt_version", "run.facets.airflowState",
        "run.facets.airflow.taskUuid", "job.facets.jobType", "job.facets.ownership",
      ] {
        #expect(written.at(path)?.sorted == target.at(path)?.sorted, "\(path)")
      }
      // What both have stands under the same schema.
      for place in ["run.facets", "job.facets"] {
        for facet in written.at(place)?.objectValue ?? [] {
          let url = target.at(place)?[facet.name]?["_schemaURL"]
          #expect(url == nil || facet.value["_schemaURL"] == url, "\(facet.name)")
        }
      }
      #expect(written.at("run.facets.processing_engine")?.sorted == target.at("run.facets.processing_engine")?.sorted)
    }
    #expect(written[0].at("job.facets.tags")?.sorted == target[0].at("job.facets.tags")?.sorted)
    #expect(written[3].at("run.facets.dbt_run.invocation_id") == target[3].at("run.facets.dbt_run.invocation_id"))
  }

  @Test func theBytesOfADbtRunsStartAreThese() throws {
    let producer = #""_producer":"https://github.com/example/airflow-syncer/tree/1.0.0""#
    let facets = "https://openlineage.io/spec/facets"
    let expected = [
      #"{"eventType":"START","eventTime":"2026-08-02T00:05:10+00:00","#,
      #""producer":"https://github.com/example/airflow-syncer/tree/1.0.0","#,
      #""schemaURL":"https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent","#,
      #""run":{"runId":"019fbfc9-eef0-7da4-a5b2-5d2aae9c74dd","facets":{"#,
      #""dbt_version":{\#(producer),"_schemaURL":"https://github.com/OpenLineage/OpenLineage/tree/main/integration/common/"#,
      #"openlineage/schema/dbt-version-run-facet.json","version":"1.10.4"},"#,
      #""processing_engine":{\#(producer),"_schemaURL":"\#(facets)/1-1-1/ProcessingEngineRunFacet.json"#,
      ##"#/$defs/ProcessingEngineRunFacet","version":"1.10.4","name":"dbt","openlineageAdapterVersion":"airflow-syncer 1.0.0"}}},"##,
      #""job":{"namespace":"prod-airflow","name":"dbt-cloud-job-9","facets":{"#,
      #""jobType":{\#(producer),"_schemaURL":"\#(facets)/2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet","#,
      #""processingType":"BATCH","integration":"DBT","jobType":"JOB"}}},"inputs":[],"outputs":[]}"#,
    ].joined()
    #expect(String(decoding: try Target.dbtRunEvent(.start, run: nil), as: UTF8.self) == expected)
  }

  @Test func aStartThatIsWrittenLateHasTheSameBytes() throws {
    var openRun = Target.run
    openRun.state = "running"
    openRun.endDate = nil
    #expect(try Target.dagRunEvent(.start, run: openRun) == Target.dagRunEvent(.start))

    var openAttempt = Target.attempt
    openAttempt.state = "running"
    openAttempt.endDate = nil
    openAttempt.duration = nil
    openAttempt.queuedAt = nil
    openAttempt.hostname = "h"
    openAttempt.note = "n"
    #expect(try Target.attemptEvent(.start, attempt: openAttempt, run: openRun) == Target.attemptEvent(.start))

    var openDbt = Target.dbtRun
    openDbt.status = "running"
    openDbt.finishedAt = nil
    openDbt.statusMessage = "x"
    openDbt.steps = []
    openDbt.isComplete = false
    #expect(try Target.dbtRunEvent(.start, dbtRun: openDbt) == Target.dbtRunEvent(.start))
  }

  @Test func aMissingValueLeavesItsFacetOut() throws {
    var run = DagRun(key: Target.key, sourceID: 1)
    run.runAfter = instant("2026-08-01T00:00:00Z")
    let encoder = Target.encoder(scheme: .since2, airflowVersion: nil)
    let dagRun = try parsed(Target.dagRunEvent(.start, run: run, dag: nil, encoder: encoder))
    #expect(dagRun.at("run.facets")?.objectValue?.map(\.name) == ["airflowDagRun"])
    #expect(dagRun.at("job.facets")?.objectValue?.map(\.name) == ["jobType"])
    #expect(dagRun.at("run.facets.airflowDagRun.dagRun.clear_number") == nil)

    let attempt = TaskAttempt(key: AttemptKey(taskID: "t", mapIndex: 0, tryNumber: 1), isCurrent: true)
    let task = try parsed(Target.attemptEvent(.complete, attempt: attempt, run: run, dag: nil, encoder: encoder))
    #expect(task.at("run.facets")?.objectValue?.map(\.name) == ["parent"])

    var dbt = DbtRun(key: Target.dbtKey, status: "error")
    dbt.createdAt = instant("2026-08-02T00:05:10Z")
    dbt.steps = [
      {
        var step = DbtStep(index: 1); step.invocationID = "not a uuid"; return step
      }()
    ]
    let event = try parsed(Target.dbtRunEvent(.fail, dbtRun: dbt, run: nil))
    #expect(event.at("run.facets")?.objectValue?.isEmpty == true)
    #expect(event.at("job.name") == .string("dbt-cloud-job-unknown"))
  }

  @Test func nothingInAnEventIsNull() throws {
    func hasNull(_ value: JSONValue) -> Bool {
      switch value {
      case .null: true
      case .array(let values): values.contains(where: hasNull)
      case .object(let members): members.contains { hasNull($0.value) }
      default: false
      }
    }
    for event in try events() { #expect(!hasNull(try parsed(event))) }
  }

  @Test func aFailedDbtRunTellsItsMessage() throws {
    var run = Target.dbtRun
    run.status = "error"
    run.statusMessage = "Database Error\n in model \"x\""
    let event = try parsed(Target.dbtRunEvent(.fail, dbtRun: run))
    #expect(event.at("run.facets.errorMessage.message") == .string("Database Error\n in model \"x\""))
    #expect(try parsed(Target.dbtRunEvent(.complete)).at("run.facets.errorMessage") == nil)
  }

  @Test func anEarlierClearTellsNothingOfTheRunThatFollowed() throws {
    var run = Target.run
    run.clearNumber = 3
    let subject = ExecutionEvent.Subject.dagRun(run.key, clearNumber: 1)
    let event = Target.event(subject, .fail, instant("2026-08-02T00:03:00Z"))
    let written = try parsed(Target.encoder.encode(event, dagRun: run, dag: nil, attempts: [Target.attempt]))
    #expect(written.at("run.facets.airflowState") == nil)
    #expect(written.at("run.facets.airflowDagRun.dagRun.clear_number") == .number("1"))
    #expect(written.at("run.facets.airflowDagRun.dagRun.end_date") == nil)
    #expect(
      written.at("run.runId")?.stringValue
        == (try RunID.dagRun(run, clearNumber: 1, namespace: "prod-airflow", scheme: .since2).text))
  }

  @Test func anAttemptOfAnEarlierClearHasThatRunAsItsParent() throws {
    var run = Target.run
    run.clearNumber = 2
    let event = try parsed(Target.attemptEvent(.start, run: run))
    let parent = try RunID.dagRun(run, clearNumber: 0, namespace: "prod-airflow", scheme: .since2).text
    #expect(event.at("run.facets.parent.run.runId") == .string(parent))
  }

  @Test func aMappedTaskHasTheWorstStateOfItsInstances() throws {
    func instance(_ map: Int, _ number: Int, _ state: String?, _ duration: Double?) -> TaskAttempt {
      var attempt = TaskAttempt(key: AttemptKey(taskID: "m", mapIndex: map, tryNumber: number), isCurrent: true)
      attempt.state = state
      attempt.duration = duration
      return attempt
    }
    let attempts = [
      instance(0, 2, "success", 1), instance(0, 1, "failed", 9), instance(1, 1, "upstream_failed", nil),
      instance(2, 1, nil, 4), Target.attempt,
    ]
    let event = Target.event(.dagRun(Target.key, clearNumber: 0), .fail, Target.run.endDate)
    let written = try parsed(Target.encoder.encode(event, dagRun: Target.run, dag: nil, attempts: attempts.shuffled()))
    let state = written.at("run.facets.airflowState")
    #expect(state?["tasksState"]?.rawJSON.text == #"{"m":"upstream_failed","run_dbt":"success"}"#)
    #expect(state?["tasksDuration"]?.rawJSON.text == #"{"m":4,"run_dbt":63}"#)
  }

  @Test func anEventOfSomethingElseIsRefused() {
    let event = Target.event(.dbtRun(Target.dbtKey), .start, nil)
    #expect(throws: LineageError.self) { try Target.encoder.encode(event, dagRun: Target.run, dag: nil) }
    #expect(throws: LineageError.self) {
      try Target.encoder.encode(event, attempt: Target.attempt, of: Target.run, dag: nil)
    }
    let other = Target.event(.dbtRun(.cloud(host: "h", accountID: 1, runID: 1)), .start, nil)
    #expect(throws: LineageError.self) { try Target.encoder.encode(other, dbtRun: Target.dbtRun, parent: nil) }
  }

  @Test func confNeverGetsIntoAnEvent() throws {
    var run = Target.run
    run.conf = RawJSON(#"{"password":"canary","openlineage":{"x":"canary"}}"#)
    run.note = "canary"
    for transition in [ExecutionEvent.Transition.start, .complete, .fail, .abort] {
      for event in [
        try Target.dagRunEvent(transition, run: run), try Target.attemptEvent(transition, run: run),
        try Target.dbtRunEvent(transition, run: run),
      ] {
        #expect(!String(decoding: event, as: UTF8.self).contains("canary"))
      }
    }
  }

  @Test func hostileNamesStayInsideTheirStrings() throws {
    let hostile = "\"}],\n\u{0}\\ é"
    var run = DagRun(key: DagRunKey(instance: "i", dagID: hostile, runID: hostile), sourceID: 1)
    run.logicalDate = Target.run.logicalDate
    var attempt = Target.attempt
    attempt.key.taskID = hostile
    let event = try parsed(
      Target.attemptEvent(.complete, attempt: attempt, run: run, dag: Dag(dagID: hostile, owners: [hostile])))
    #expect(event.at("job.name") == .string("\(hostile).\(hostile)"))
    #expect(event.at("run.facets.airflow.task.task_id") == .string(hostile))
  }

  /// With `RECORDED_OUTPUT` set to a folder, events of many kinds are left there for other validators.
  @Test func outputIsLeftForOtherValidatorsWhenAskedFor() throws {
    guard let folder = ProcessInfo.processInfo.environment["RECORDED_OUTPUT"] else { return }
    var lines = try events()
    // An Airflow 3 run without a logical date, mapped tasks, every kind of end.
    var run = Target.run
    run.key.dagID = "manual"
    run.runAfter = instant("2026-09-01T00:00:00.123456Z")
    run.logicalDate = nil
    run.dataIntervalStart = nil
    run.dataIntervalEnd = nil
    run.clearNumber = nil
    run.triggeredBy = "REST_API"
    run.conf = RawJSON(
      #"{"openlineage":{"parentRunId":"11111111-1111-7111-8111-111111111111","parentJobNamespace":"a","parentJobName":"b"}}"#
    )
    var dag = Dag(dagID: "manual", owners: ["a", "b"], tags: ["x", "é"])
    dag.description = "d"
    dag.schedule = "@daily"
    lines.append(try Target.dagRunEvent(.start, run: run, dag: dag))
    for (index, end) in [ExecutionEvent.Transition.complete, .fail, .abort].enumerated() {
      var attempt = Target.attempt
      attempt.key = AttemptKey(taskID: "mapped", mapIndex: index, tryNumber: 2)
      lines.append(try Target.attemptEvent(.start, attempt: attempt, run: run, dag: dag))
      lines.append(try Target.attemptEvent(end, attempt: attempt, run: run, dag: dag))
      var dbt = Target.dbtRun
      dbt.key = .cloud(host: "h", accountID: 7, runID: Int64(index + 1))
      dbt.statusMessage = "no"
      dbt.jobID = index == 0 ? nil : 5
      dbt.steps = index == 1 ? [] : dbt.steps
      lines.append(try Target.dbtRunEvent(.start, dbtRun: dbt, run: index == 2 ? nil : run))
      lines.append(try Target.dbtRunEvent(end, dbtRun: dbt, run: index == 2 ? nil : run))
    }
    lines.append(try Target.dagRunEvent(.fail, run: run, dag: dag))
    let bytes: [UInt8] = lines.flatMap { $0 + [UInt8(0x0A)] }
    try Data(bytes).write(to: URL(fileURLWithPath: folder).appendingPathComponent("events.ndjson"))
  }
}
