import ExecutionModel
import FoundationEssentials
import JSONText
import Records

/// Reproducible random numbers (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Seconds after 2026-11-20T00:00:00Z.
func at(_ seconds: Double) -> Instant { Instant(microseconds: 1_795_132_800_000_000 + Int64(seconds * 1e6)) }

let runKey = DagRunKey(instance: "prod", dagID: "dbt_daily", runID: "scheduled__2026-11-20T00:00:00+00:00")
let dbtKey = DbtRunKey.cloud(host: "ab123.us1.dbt.com", accountID: 4433, runID: 70_471_883_265_346)

/// A record with a value in every field.
func fullRecord() -> ExecutionRecord {
  var run = DagRun(key: runKey, sourceID: 812)
  run.runType = "scheduled"
  run.state = "success"
  run.logicalDate = at(0)
  run.runAfter = at(0)
  run.dataIntervalStart = at(0)
  run.dataIntervalEnd = at(86_400)
  run.queuedAt = at(1)
  run.startDate = at(2)
  run.endDate = at(300.25)
  run.clearNumber = 1
  run.triggeredBy = "TIMETABLE"
  run.triggeringUserName = "ops"
  run.conf = RawJSON(#"{"n":1.50,"api_token":"hunter2"}"#)
  run.note = "line\n\"two\""
  var dag = Dag(dagID: "dbt_daily", owners: ["finance-data"], tags: ["dbt"])
  dag.schedule = "0 0 * * *"
  dag.description = "é"
  dag.fileloc = "dags/dbt_daily.py"
  dag.isPaused = false
  let clear = DagRunClear(clearNumber: 0, state: "failed", queuedAt: at(-9), startDate: at(-8), endDate: at(-7))
  let header = RecordHeader(
    run: run, airflowVersion: "2.10-2.11", revision: 7, removed: .init(kind: .deleted, seenAt: at(900)), dag: dag,
    uiURL: "https://airflow.example/", history: [clear])

  var attempt = TaskAttempt(
    key: AttemptKey(taskID: "transform.run_dbt", mapIndex: 2, tryNumber: 1), isCurrent: true)
  attempt.clearNumber = 1
  attempt.operatorName = "DbtCloudRunJobOperator"
  attempt.state = "success"
  attempt.queuedAt = at(3)
  attempt.startDate = at(4)
  attempt.endDate = at(65.2)
  attempt.duration = 61.2
  attempt.maxTries = 2
  attempt.hostname = "worker-1"
  attempt.pool = "default_pool"
  attempt.queue = "default"
  attempt.renderedMapIndex = "two"
  attempt.note = "n"
  let exact = RunLink(
    key: dbtKey, relation: .triggered, confidence: .exact,
    evidence: [
      Evidence(kind: "xcom_return_value", value: "70471883265346"),
      Evidence(
        kind: "xcom_job_run_url", value: "https://ab123.us1.dbt.com/deploy/4433/projects/5/runs/70471883265346/"),
    ])
  let ambiguous = RunLink(
    key: nil, relation: .triggered, confidence: .ambiguous, unresolved: "two runs fit", evidence: [],
    candidates: [dbtKey, .core(name: "local", invocationID: "b8513ee2")])

  var dbt = DbtRun(key: dbtKey, status: "success", isComplete: true)
  dbt.account = "analytics"
  dbt.accountID = 4433
  dbt.host = "ab123.us1.dbt.com"
  dbt.runID = 70_471_883_265_346
  dbt.jobID = 9
  dbt.jobName = "daily build"
  dbt.projectID = 5
  dbt.projectName = "shop"
  dbt.environmentID = 6
  dbt.environmentName = "Production"
  dbt.statusCode = 10
  dbt.statusMessage = "fine"
  dbt.cause = "Triggered via Apache Airflow by task 'transform.run_dbt' in the dbt_daily DAG."
  dbt.createdAt = at(5)
  dbt.startedAt = at(6)
  dbt.finishedAt = at(60)
  dbt.gitBranch = "main"
  dbt.gitSHA = "5f2c1"
  dbt.dbtVersion = "1.10.4"
  dbt.href = "https://ab123.us1.dbt.com/deploy/4433/projects/5/runs/70471883265346/"
  var step = DbtStep(index: 4, name: "Invoke dbt with `dbt build`")
  step.command = "build"
  step.status = "success"
  step.startedAt = at(7)
  step.finishedAt = at(59)
  step.invocationID = "b8513ee2-6c1f-44ed-a13d-3fc35ef81004"
  (step.dbtVersion, step.adapter, step.projectName, step.isFullRefresh) = ("1.10.4", "postgres", "shop", false)
  step.manifest = .fetched
  step.runResults = .fetched
  step.catalog = .missing
  step.sources = .notApplicable
  var model = DbtNodeResult(uniqueID: "model.shop.orders", status: "success")
  model.resourceType = "model"
  model.name = "orders"
  model.package = "shop"
  model.path = "models/mart/orders.sql"
  model.owner = "ann"
  model.group = "finance"
  model.tags = ["nightly"]
  model.relation = "analytics.mart.orders"
  model.materialized = "incremental"
  model.inputs = ["source.shop.raw.orders"]
  (model.relationRows, model.relationBytes) = (1_200, 65_536)
  model.batches = DbtBatches(successful: 3, failed: 1)
  model.startedAt = at(8)
  model.completedAt = at(9.83)
  model.executionTime = 1.83
  model.thread = "Thread-1"
  model.rowsAffected = 120
  model.message = "INSERT 0 120"
  model.queryID = "01b2"
  model.dependsOn = ["source.shop.raw.orders"]
  var test = DbtNodeResult(uniqueID: "test.shop.not_null_orders_id.1", status: "fail")
  test.resourceType = "test"
  test.failures = 4
  test.message = "Got 4 results"
  test.attachedNode = "model.shop.orders"
  test.column = "id"
  test.test = "not_null"
  test.severity = "error"
  step.results = [model, test]
  var freshness = DbtFreshness(uniqueID: "source.shop.raw.orders", status: "warn")
  freshness.maxLoadedAt = at(-7_200)
  freshness.snapshottedAt = at(8)
  freshness.ageSeconds = 7_208
  freshness.error = "late"
  step.freshness = [freshness]
  dbt.steps = [step]
  return ExecutionRecord(
    header: header, attempts: [LinkedAttempt(attempt: attempt, removed: header.removed, links: [ambiguous, exact])],
    unseenTries: [UnseenTries(taskID: "transform.run_dbt", mapIndex: 2, first: 2, last: 3)], dbtRuns: [dbt])
}

/// A record with nothing but what every row has.
func bareRecord() -> ExecutionRecord {
  let attempt = TaskAttempt(key: AttemptKey(taskID: "t", mapIndex: -1, tryNumber: 0), isCurrent: false)
  let header = RecordHeader(run: DagRun(key: runKey, sourceID: 1), airflowVersion: nil, revision: 1)
  var run = DbtRun(key: .core(name: "local", invocationID: "x/y"), status: "77")
  run.steps = [DbtStep(index: 1)]
  run.steps[0].results = [DbtNodeResult(uniqueID: "model.a.b", status: "partial success")]
  run.steps[0].freshness = [DbtFreshness(uniqueID: "source.a.b.c", status: "runtime error")]
  return ExecutionRecord(header: header, attempts: [LinkedAttempt(attempt: attempt)], dbtRuns: [run])
}

/// The record of a dbt run that no attempt is known for.
func dbtOnlyRecord() -> ExecutionRecord {
  ExecutionRecord(header: RecordHeader(dbtRun: dbtKey, revision: 3), dbtRuns: fullRecord().dbtRuns)
}

func text(_ record: ExecutionRecord, options: RecordOptions = RecordOptions()) -> String {
  String(decoding: RecordEncoder.encode(record, options: options), as: UTF8.self)
}

/// The project's folder.
let projectFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()
