/// One DAG run with all that Airflow's database says about it at one moment: one REPEATABLE READ snapshot.
public struct DagRunSnapshot: Hashable, Sendable {
  public var run: DagRun
  /// Every try that the database shows, live and from `task_instance_history`, ordered by key.
  public var attempts: [TaskAttempt]
  /// XComs that may say which dbt run was triggered, in no particular order.
  public var xcoms: [XCom]
  /// Rendered fields of dbt operators.
  public var renderedFields: [RenderedFields]
  /// Tries that are over, of which only number and start are left: their row went on to the next one, and nothing keeps
  /// them (before 2.10). No attempts, for how they ended is lost, but what they wrote must not be given to others.
  public var hiddenTries: [AttemptKey: Instant] = [:]

  /// Task instances whose row shows no try: they have not begun, or were cleared. With try number 0.
  public var waiting: Set<AttemptKey> = []

  public init(run: DagRun, attempts: [TaskAttempt] = [], xcoms: [XCom] = [], renderedFields: [RenderedFields] = []) {
    self.run = run
    self.attempts = attempts
    self.xcoms = xcoms
    self.renderedFields = renderedFields
  }
}

/// One row of `xcom`. Airflow keeps no try number with it: which attempt wrote it follows from ``timestamp``.
public struct XCom: Hashable, Sendable {
  public var taskID: String
  public var mapIndex: Int
  public var key: String
  /// When it was written (`xcom.timestamp`).
  public var timestamp: Instant
  public var content: Content

  /// What was stored.
  public enum Content: Hashable, Sendable {
    /// JSON (2.x text, 3.x jsonb) or plain data out of a pickle, as canonical JSON.
    case json(RawJSON)
    /// A pickle of something else than plain data, or bytes that are neither JSON nor a pickle.
    case opaque(kind: String, bytes: Int)
    /// Larger than what is fetched; only its size is known.
    case tooLarge(bytes: Int)
  }

  public init(taskID: String, mapIndex: Int, key: String, timestamp: Instant, content: Content) {
    self.taskID = taskID
    self.mapIndex = mapIndex
    self.key = key
    self.timestamp = timestamp
    self.content = content
  }
}

/// One row of `rendered_task_instance_fields`: the operator's template fields of the newest try.
/// Airflow keeps only the newest 30 or so per task.
public struct RenderedFields: Hashable, Sendable {
  public var taskID: String
  public var mapIndex: Int
  /// A JSON object.
  public var fields: RawJSON

  public init(taskID: String, mapIndex: Int, fields: RawJSON) {
    self.taskID = taskID
    self.mapIndex = mapIndex
    self.fields = fields
  }
}
