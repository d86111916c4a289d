import ExecutionModel
import FoundationEssentials
import JSONText
import OpenLineage

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

func instant(_ text: String) -> Instant { Instant(text) ?? Instant(microseconds: 0) }

/// The facts of Tests/Fixtures/openlineage/target-events.ndjson.
enum Target {
  static let key = DagRunKey(instance: "prod", dagID: "daily", runID: "scheduled__2026-08-01T00:00:00+00:00")
  static let dbtKey = DbtRunKey.cloud(host: "h", accountID: 42, runID: 70_001)

  static var encoder: LineageEncoder { encoder(scheme: .since2) }

  static func encoder(scheme: ProviderScheme, airflowVersion: String? = "2.11.0") -> LineageEncoder {
    LineageEncoder(
      producer: "https://github.com/example/airflow-syncer/tree/1.0.0", version: "1.0.0", namespace: "prod-airflow",
      dbtNamespace: "prod-airflow", scheme: scheme, airflowVersion: airflowVersion)
  }

  static var run: DagRun {
    var run = DagRun(key: key, sourceID: 1)
    run.runType = "scheduled"
    run.state = "success"
    run.logicalDate = instant("2026-08-01T00:00:00Z")
    run.dataIntervalStart = instant("2026-08-01T00:00:00Z")
    run.dataIntervalEnd = instant("2026-08-02T00:00:00Z")
    run.startDate = instant("2026-08-02T00:05:00Z")
    run.endDate = instant("2026-08-02T00:06:06Z")
    run.clearNumber = 0
    return run
  }

  static var dag: Dag { Dag(dagID: "daily", owners: ["data"], tags: ["finance"]) }

  static var attempt: TaskAttempt {
    var attempt = TaskAttempt(key: AttemptKey(taskID: "run_dbt", mapIndex: -1, tryNumber: 1), isCurrent: true)
    attempt.clearNumber = 0
    attempt.operatorName = "DbtCloudRunJobOperator"
    attempt.state = "success"
    attempt.queuedAt = instant("2026-08-02T00:05:01Z")
    attempt.startDate = instant("2026-08-02T00:05:02Z")
    attempt.endDate = instant("2026-08-02T00:06:05Z")
    attempt.duration = 63
    attempt.pool = "default_pool"
    return attempt
  }

  static var dbtRun: DbtRun {
    var run = DbtRun(key: dbtKey, status: "success", isComplete: true)
    run.accountID = 42
    run.runID = 70_001
    run.jobID = 9
    run.dbtVersion = "1.10.4"
    run.createdAt = instant("2026-08-02T00:05:10Z")
    run.startedAt = instant("2026-08-02T00:05:10Z")
    run.finishedAt = instant("2026-08-02T00:06:00Z")
    var step = DbtStep(index: 1)
    step.invocationID = "b8513ee2-6c1f-44ed-a13d-3fc35ef81004"
    run.steps = [step]
    return run
  }

  static func event(_ subject: ExecutionEvent.Subject, _ transition: ExecutionEvent.Transition, _ time: Instant?)
    -> ExecutionEvent
  {
    ExecutionEvent(subject: subject, transition: transition, time: time ?? Instant(microseconds: 0))
  }

  static func dagRunEvent(
    _ transition: ExecutionEvent.Transition, run: DagRun = run, dag: Dag? = dag, encoder: LineageEncoder = encoder
  ) throws -> [UInt8] {
    let time = transition == .start ? run.startDate : run.endDate
    return try encoder.encode(
      event(.dagRun(run.key, clearNumber: run.clearNumber), transition, time), dagRun: run, dag: dag,
      attempts: [attempt])
  }

  static func attemptEvent(
    _ transition: ExecutionEvent.Transition, attempt: TaskAttempt = attempt, run: DagRun = run, dag: Dag? = dag,
    encoder: LineageEncoder = encoder
  ) throws -> [UInt8] {
    let time = transition == .start ? attempt.startDate : attempt.endDate
    return try encoder.encode(
      event(.attempt(run.key, attempt.key), transition, time), attempt: attempt, of: run, dag: dag, dbtRuns: [dbtKey])
  }

  static func dbtRunEvent(
    _ transition: ExecutionEvent.Transition, dbtRun: DbtRun = dbtRun, run: DagRun? = run,
    encoder: LineageEncoder = encoder
  ) throws -> [UInt8] {
    let time = transition == .start ? dbtRun.startedAt : dbtRun.finishedAt
    let parent = try run.map { try encoder.parent(ofWhatStarted: attempt.key, clearNumber: 0, in: $0) }
    return try encoder.encode(event(.dbtRun(dbtRun.key), transition, time), dbtRun: dbtRun, parent: parent)
  }
}

func parsed(_ bytes: [UInt8]) throws -> JSONValue { try JSONValue(parsing: bytes, source: "event") }

extension JSONValue {
  /// A value deep within objects: `run.facets.parent`.
  func at(_ path: String) -> JSONValue? {
    path.split(separator: ".").reduce(self as JSONValue?) { $0?[String($1)] }
  }

  /// The same value with the members of every object in order of name, and numbers written alike.
  var sorted: JSONValue {
    switch self {
    case .object(let members):
      .object(members.map { .init($0.name, $0.value.sorted) }.sorted { $0.name < $1.name })
    case .array(let values): .array(values.map(\.sorted))
    case .number(let text): .number(Double(text).map(\.description) ?? text)
    default: self
    }
  }
}

/// The path of a file below `Tests/Fixtures`.
func fixturePath(_ path: String, from file: String = #filePath) -> String {
  let folder = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
  return folder.appendingPathComponent("Fixtures").appendingPathComponent(path).path
}

/// A file below `Tests/Fixtures`.
func fixture(_ path: String, from file: String = #filePath) throws -> String {
  String(decoding: try Data(contentsOf: URL(fileURLWithPath: fixturePath(path, from: file))), as: UTF8.self)
}
